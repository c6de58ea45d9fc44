//! Checks as programs and people read them.

use std::fmt::Write as _;

use serde::Serialize;

use super::health::Check;

/// A check as programs read it.
#[derive(Debug, Serialize)]
pub struct CheckView<'a> {
    check: &'static str,
    level: &'static str,
    found: &'a str,
    advice: Option<String>,
    value: Option<f64>,
    limit: Option<f64>,
    unit: Option<&'static str>,
}

impl Check {
    /// The advice with a call of the program, as `command` writes it, in the place of each verb.
    pub fn advice_with(&self, command: impl Fn(&str) -> String) -> Option<String> {
        let advice = self.advice?;
        let mut text = String::with_capacity(advice.len());
        let mut rest = advice;
        while let Some((before, mark)) = rest.split_once('{')
            && let Some((verb, after)) = mark.split_once('}')
        {
            let _ = write!(text, "{before}{}", command(verb));
            rest = after;
        }
        Some(text + rest)
    }

    /// The check as programs read it, with the advice of [`advice_with`](Self::advice_with).
    pub fn view(&self, command: impl Fn(&str) -> String) -> CheckView<'_> {
        CheckView {
            check: self.name,
            level: self.level.as_str(),
            found: &self.found,
            advice: self.advice_with(command),
            value: self.measure.map(|measure| measure.value),
            limit: self.measure.map(|measure| measure.limit),
            unit: self.measure.map(|measure| measure.unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::watch::{Check, Level};

    fn advised(advice: Option<&'static str>) -> Option<String> {
        let check = Check {
            name: "disk",
            level: Level::Warning,
            found: String::new(),
            advice,
            measure: None,
        };
        check.advice_with(|verb| format!("`queue {verb}`"))
    }

    #[test]
    fn each_verb_of_an_advice_becomes_a_command() {
        let of = |advice| advised(Some(advice)).unwrap();
        assert_eq!(of("the disk is slow"), "the disk is slow");
        assert_eq!(of("an open { stays"), "an open { stays");
        assert_eq!(
            of("{prune} and {log ID} help"),
            "`queue prune` and `queue log ID` help"
        );
        assert_eq!(advised(None), None);
    }
}
