//! What a task waits for, as people and programs write it: `7`, `3,5-8:any`, `"build:failure"`.

use queue_core::cli::select::{self, Selector};
use queue_core::task::TaskId;
use queue_core::workflow::Condition;
use serde::Deserialize;
use workflow_queue::{Dependency, On};

/// Tasks of one `--after`, and how they have to end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct After {
    pub(in super::super) tasks: Vec<Selector>,
    pub(in super::super) condition: Condition,
}

impl After {
    /// Reads ids, with the condition that may follow.
    ///
    /// # Errors
    /// A sentence that says how to write it.
    pub(in super::super) fn parse(text: &str) -> Result<Self, String> {
        let (ids, condition) = split_condition(text)?;
        let tasks = select::parse(ids)?;
        if tasks.contains(&Selector::All) {
            return Err("a task cannot wait for all; name them, or a range".to_owned());
        }
        Ok(Self { tasks, condition })
    }
}

/// What stands in front of the condition, and that.
///
/// # Errors
/// A sentence about a word that is no condition.
pub(super) fn split_condition(text: &str) -> Result<(&str, Condition), String> {
    match text.split_once(':') {
        None => Ok((text, Condition::Success)),
        Some((ids, word)) => {
            let condition = Condition::parse(word).ok_or_else(|| {
                format!("the condition {word} is none of `success`, `failure` and `any`")
            })?;
            Ok((ids, condition))
        }
    }
}

/// An entry of a line's `after`: an id, or text.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Field {
    Id(i64),
    Text(String),
}

impl Field {
    /// The edge it stands for. Text of digits is an id; a condition may follow the last colon.
    ///
    /// # Errors
    /// A sentence about an id that is none.
    pub(super) fn dependency(&self) -> Result<Dependency, String> {
        let (on, condition) = match self {
            Self::Id(id) => (On::Task(TaskId(*id)), Condition::Success),
            Self::Text(text) => {
                let split = text.rsplit_once(':');
                let split = split.and_then(|(on, word)| Some((on, Condition::parse(word)?)));
                let (on, condition) = split.unwrap_or((text, Condition::Success));
                let is_id = !on.is_empty() && on.bytes().all(|byte| byte.is_ascii_digit());
                let on = if is_id {
                    On::Task(TaskId(on.parse().unwrap_or(0)))
                } else {
                    On::Name(on.to_owned())
                };
                (on, condition)
            }
        };
        match on {
            On::Task(id) if id.0 < 1 => {
                Err(format!("after: an id is a number from 1 up, not {self}"))
            }
            On::Task(_) | On::Name(_) | On::Index(_) => Ok(Dependency { on, condition }),
        }
    }
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use queue_core::cli::select::Selector;
    use queue_core::task::TaskId;
    use queue_core::workflow::Condition;
    use workflow_queue::{Dependency, On};

    use super::{After, Field};

    #[test]
    fn an_option_is_ids_with_one_condition() {
        let after = After::parse("3,5-8:any").unwrap();
        assert_eq!(
            after.tasks,
            [Selector::One(TaskId(3)), Selector::Range(5..=8)]
        );
        assert_eq!(after.condition, Condition::Any);
        assert_eq!(After::parse("last").unwrap().condition, Condition::Success);
        for wrong in [
            "",
            ":any",
            "7:",
            "7:succeeded",
            "7:any:any",
            "all",
            "build",
            "0",
        ] {
            assert!(After::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_entry_is_an_id_or_a_name() {
        let read = |json: &str| {
            let field: Field = serde_json::from_str(json).unwrap();
            field.dependency()
        };
        let edge = |on: On, condition| Ok(Dependency { on, condition });
        assert_eq!(read("7"), edge(TaskId(7).into(), Condition::Success));
        assert_eq!(
            read(r#""7:failure""#),
            edge(TaskId(7).into(), Condition::Failure)
        );
        assert_eq!(read(r#""a b:any""#), edge("a b".into(), Condition::Any));
        assert_eq!(
            read(r#""http://x:80""#),
            edge("http://x:80".into(), Condition::Success)
        );
        for wrong in ["0", "-1", r#""0:any""#, r#""99999999999999999999""#] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
