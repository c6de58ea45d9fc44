//! A figure: a measurement and the bar it is to meet.

use serde::{Deserialize, Serialize};

use super::text::{cell, short, wrap};
use crate::measure::Spread;

/// Bar that a figure has to meet.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

    /// Returns true if the probe alone takes more than half of the bar.
    fn is_crowded_by(self, probe: f64) -> bool {
        matches!(self, Self::AtMost(bar) if probe > bar / 2.0)
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

/// Judgement of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It meets its bar.
    Held,
    /// It misses its bar.
    Missed,
    /// It could not be measured here, or it missed its bar on a machine whose probe alone takes more
    /// than half of the bar: that machine is too slow to tell.
    NotJudged,
}

/// Least time for the same operation on this machine, measured in the same run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Probe {
    /// Program or operation of the probe.
    pub(crate) what: String,
    /// Its median, in the unit of the figure.
    pub(crate) median: f64,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figure {
    pub(crate) name: String,
    /// The judged value and its spread over the rounds; `None` if it could not be measured.
    pub(crate) value: Option<Spread>,
    pub(crate) unit: String,
    pub(crate) bar: Bar,
    /// Probe for an absolute time, which a slow machine alone could push over its bar.
    #[serde(default)]
    pub(crate) probe: Option<Probe>,
    /// Absolute values, the method of measuring, the reason for skipping.
    pub(crate) beside: String,
}

impl Figure {
    /// A ratio, judged by the median of its rounds.
    pub(crate) fn ratio(name: impl Into<String>, ratios: Spread, unit: &str, bar: Bar) -> Self {
        Self {
            name: name.into(),
            value: Some(ratios),
            unit: unit.to_owned(),
            bar,
            probe: None,
            beside: String::new(),
        }
    }

    /// A single value.
    pub(crate) fn value(name: impl Into<String>, value: f64, unit: &str, bar: Bar) -> Self {
        Self::ratio(name, Spread::of(&[value]), unit, bar)
    }

    /// A figure that could not be measured on this machine, with the reason.
    pub(crate) fn skipped(name: impl Into<String>, bar: Bar, why: impl Into<String>) -> Self {
        Self {
            value: None,
            ..Self::value(name, 0.0, "", bar).beside(why)
        }
    }

    /// Adds a note.
    pub(crate) fn beside(mut self, text: impl Into<String>) -> Self {
        self.beside = text.into();
        self
    }

    /// Adds a probe: the machine's own time for the same operation, in the unit of the figure.
    pub(crate) fn probe(mut self, what: impl Into<String>, median: f64) -> Self {
        self.probe = Some(Probe {
            what: what.into(),
            median,
        });
        self
    }

    /// Compares the median with the bar.
    pub(crate) fn judgement(&self) -> Judgement {
        match (self.value, &self.probe) {
            (None, _) => Judgement::NotJudged,
            (Some(value), _) if self.bar.holds(value.median) => Judgement::Held,
            (Some(_), Some(probe)) if self.bar.is_crowded_by(probe.median) => Judgement::NotJudged,
            (Some(_), _) => Judgement::Missed,
        }
    }

    /// The judgement in a word.
    pub(crate) fn word(&self) -> &'static str {
        match (self.judgement(), self.value) {
            (Judgement::Held, _) => "ok",
            (Judgement::Missed, _) => "MISS",
            (Judgement::NotJudged, None) => "skip",
            (Judgement::NotJudged, Some(_)) => "slow",
        }
    }

    /// The median with its unit; empty if it was not measured.
    pub(crate) fn shown(&self) -> String {
        let shown = |value: Spread| format!("{} {}", short(value.median), self.unit);
        self.value
            .map_or_else(String::new, |value| shown(value).trim_end().to_owned())
    }

    /// Notes: the spread, the probe, and the added note.
    pub(crate) fn notes(&self) -> String {
        let spread = self.value.filter(|value| value.min < value.max);
        let spread =
            spread.map(|value| format!("rounds {} to {}", short(value.min), short(value.max)));
        let probe = self.probe.as_ref().map(|probe| {
            let alone = format!("{} {} {}", probe.what, short(probe.median), self.unit);
            if self.word() == "slow" {
                return format!("not judged: {alone}, more than half of the bar");
            }
            alone
        });
        let beside = (!self.beside.is_empty()).then(|| self.beside.clone());
        let notes: Vec<String> = [spread, probe, beside].into_iter().flatten().collect();
        notes.join("; ")
    }

    /// The value and the bar as two cells of a Markdown table.
    pub(crate) fn cells(&self) -> String {
        let (shown, verdict) = match (self.judgement(), self.value) {
            (_, None) => (format!("not measured: {}", self.beside), ""),
            (Judgement::Held, _) => (self.shown(), ""),
            (Judgement::Missed, _) => (self.shown(), " (missed)"),
            (Judgement::NotJudged, _) => (self.shown(), " (not judged)"),
        };
        format!(" {} | {}{verdict} |", cell(&shown), self.bar)
    }

    /// Two or more lines of text.
    pub(crate) fn text(&self) -> String {
        let word = self.word();
        let line = format!(
            "{word:<5} {:<42} {:>17}  {}",
            self.name,
            self.shown(),
            self.bar
        );
        format!("{}\n{}", line.trim_end(), wrap(&self.notes(), "      "))
    }
}

#[cfg(test)]
mod tests {
    use super::{Bar, Figure, Judgement};
    use crate::measure::Spread;
    use crate::report::WIDTH;

    #[test]
    fn a_figure_is_judged_by_its_median() {
        let ratios = Spread::of(&[0.5, 0.95, 1.2]);
        let judged = |bar| Figure::ratio("push", ratios, "× raw", bar).judgement();
        assert_eq!(judged(Bar::AtLeast(0.9)), Judgement::Held);
        assert_eq!(judged(Bar::AtLeast(0.96)), Judgement::Missed);
        assert_eq!(judged(Bar::AtMost(0.9)), Judgement::Missed);
    }

    #[test]
    fn a_miss_is_not_judged_if_the_probe_takes_more_than_half_of_the_bar() {
        let wakeup = |us, probe| {
            Figure::value("wakeup", us, "us", Bar::AtMost(100.0)).probe("bare SQLite", probe)
        };
        assert_eq!(wakeup(120.0, 50.0).judgement(), Judgement::Missed);
        assert_eq!(wakeup(120.0, 50.1).judgement(), Judgement::NotJudged);
        assert_eq!(wakeup(99.0, 80.0).judgement(), Judgement::Held);
        let text = wakeup(120.0, 80.0).text();
        assert!(text.starts_with("slow "), "{text}");
        assert!(text.contains("not judged: bare SQLite 80.0 us"), "{text}");
        assert!(
            wakeup(99.0, 80.0)
                .notes()
                .starts_with("bare SQLite 80.0 us")
        );
    }

    #[test]
    fn a_skipped_figure_is_not_a_miss_and_gives_the_reason() {
        let figure = Figure::skipped("add-task", Bar::AtMost(1.5), "there is no sqlite3 shell");
        assert_eq!(figure.judgement(), Judgement::NotJudged);
        assert!(figure.text().starts_with("skip"));
        assert!(figure.text().contains("no sqlite3 shell"));
    }

    #[test]
    fn cells_say_when_a_bar_is_missed_or_not_judged() {
        let figure = Figure::value("kill -9", 1.5, "s", Bar::AtMost(1.0));
        assert_eq!(figure.cells(), " 1.50 s | ≤ 1 (missed) |");
        let slow = figure.probe("bare", 0.9);
        assert_eq!(slow.cells(), " 1.50 s | ≤ 1 (not judged) |");
        let skipped = Figure::skipped("add-task", Bar::AtMost(1.5), "no a | b");
        assert_eq!(skipped.cells(), " not measured: no a \\| b | ≤ 1.5 |");
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
