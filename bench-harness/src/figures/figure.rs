//! A figure: what was measured, and the bar it is to meet.

use serde::{Serialize, Serializer};

use crate::measure::Spread;
use crate::report::{short, wrap};

/// What a figure has to reach.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bar {
    AtLeast(f64),
    AtMost(f64),
}

impl Bar {
    fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bar) => value >= bar,
            Self::AtMost(bar) => value <= bar,
        }
    }
}

impl std::fmt::Display for Bar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(bar) => write!(f, "≥ {bar}"),
            Self::AtMost(bar) => write!(f, "≤ {bar}"),
        }
    }
}

impl Serialize for Bar {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One line of the report.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    /// The judged value and its spread over the rounds; `None` where it could not be measured.
    pub(crate) value: Option<Spread>,
    pub(crate) unit: &'static str,
    pub(crate) bar: Bar,
    /// The probe beside it, absolute values, how it was measured, why it was skipped.
    pub(crate) beside: String,
}

impl Figure {
    /// A ratio, judged by the median of its rounds.
    pub(crate) fn ratio(
        name: impl Into<String>,
        ratios: Spread,
        unit: &'static str,
        bar: Bar,
    ) -> Self {
        Self {
            name: name.into(),
            value: Some(ratios),
            unit,
            bar,
            beside: String::new(),
        }
    }

    /// A single value.
    pub(crate) fn value(name: impl Into<String>, value: f64, unit: &'static str, bar: Bar) -> Self {
        Self::ratio(name, Spread::of(&[value]), unit, bar)
    }

    /// A figure that could not be measured on this machine, and why.
    pub(crate) fn skipped(name: impl Into<String>, bar: Bar, why: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: None,
            unit: "",
            bar,
            beside: why.into(),
        }
    }

    /// Adds what is printed beside it.
    pub(crate) fn beside(mut self, text: impl Into<String>) -> Self {
        self.beside = text.into();
        self
    }

    /// Whether it was measured and missed its bar.
    pub(crate) fn missed(&self) -> bool {
        self.value
            .is_some_and(|value| !self.bar.holds(value.median))
    }

    /// The value and the bar as two cells of a Markdown table.
    pub(crate) fn cells(&self) -> String {
        let shown = match self.value {
            None => format!("not measured: {}", self.beside),
            Some(value) => format!("{} {}", short(value.median), self.unit),
        };
        let missed = if self.missed() { " (missed)" } else { "" };
        format!(" {} | {}{missed} |", shown.trim_end(), self.bar)
    }

    /// Two or more lines of text.
    pub(crate) fn text(&self) -> String {
        let word = match self.value {
            None => "skip",
            Some(_) if self.missed() => "MISS",
            Some(_) => "ok",
        };
        let shown = self.value.map_or_else(String::new, |value| {
            format!("{} {}", short(value.median), self.unit)
        });
        let line = format!("{word:<5} {:<42} {shown:>17}  {}", self.name, self.bar);
        let spread = match self.value {
            Some(value) if value.min < value.max => {
                format!("rounds {} to {}; ", short(value.min), short(value.max))
            }
            Some(_) | None => String::new(),
        };
        let beside = wrap(&format!("{spread}{}", self.beside), "      ");
        format!("{}\n{beside}", line.trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::{Bar, Figure};
    use crate::measure::Spread;
    use crate::report::WIDTH;

    #[test]
    fn a_figure_is_judged_by_its_median() {
        let ratios = Spread::of(&[0.5, 0.95, 1.2]);
        assert!(!Figure::ratio("push", ratios, "× raw", Bar::AtLeast(0.9)).missed());
        assert!(Figure::ratio("push", ratios, "× raw", Bar::AtLeast(0.96)).missed());
        assert!(Figure::value("wake", 101.0, "us", Bar::AtMost(100.0)).missed());
    }

    #[test]
    fn a_skipped_figure_is_no_miss_and_says_why() {
        let figure = Figure::skipped("add-task", Bar::AtMost(1.5), "there is no sqlite3 shell");
        assert!(!figure.missed());
        assert!(figure.text().starts_with("skip"));
        assert!(figure.text().contains("no sqlite3 shell"));
    }

    #[test]
    fn cells_say_when_a_bar_is_missed() {
        let figure = Figure::value("kill -9", 1.5, "s", Bar::AtMost(1.0));
        assert_eq!(figure.cells(), " 1.50 s | ≤ 1 (missed) |");
    }

    #[test]
    fn a_figure_fits_eighty_columns() {
        let ratios = Spread::of(&[0.911, 0.934, 0.97]);
        let figure = Figure::ratio(
            "claim with 10 M pending in front of it all",
            ratios,
            "× claim at 1k",
            Bar::AtMost(1.5),
        );
        let text = figure
            .beside("raw 58.1k/s, fast-queue 54.0k/s, and more of the kind until the line is full")
            .text();
        for line in text.lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
        }
        assert!(text.contains("rounds 0.911 to 0.970"));
    }
}
