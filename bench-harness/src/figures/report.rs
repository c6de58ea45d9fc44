//! All figures together, and the forms they are printed in.

use std::fmt::Write as _;

use serde::Serialize;

use super::figure::Figure;
use crate::measure::Spread;
use crate::report::{short, wrap};
use crate::systems::EngineName;

/// How figures are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Form {
    /// Text of 80 columns, each group as soon as it is measured.
    Table,
    /// One JSON object.
    Json,
    /// A table for the README.
    Markdown,
}

/// A figure and whose it is.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Measured {
    pub(super) engine: EngineName,
    #[serde(flatten)]
    pub(super) figure: Figure,
}

/// What was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) disk_probe_us: Spread,
    pub(super) figures: Vec<Measured>,
}

impl Report {
    /// The figures that missed their bars.
    pub(super) fn missed(&self) -> Vec<String> {
        let missed = self.figures.iter().filter(|one| one.figure.missed());
        missed
            .map(|one| format!("{}, {}", one.engine, one.figure.name))
            .collect()
    }

    /// A line about the disk.
    pub(super) fn probe_text(&self) -> String {
        let disk = self.disk_probe_us;
        let text = format!(
            "disk probe: 4 KiB append + fdatasync {} us ({} to {})",
            short(disk.median),
            short(disk.min),
            short(disk.max)
        );
        wrap(&text, "")
    }

    /// A table with a row for each figure, and two columns for each engine.
    pub(super) fn markdown(&self, engines: &[EngineName]) -> String {
        let (mut head, mut rule) = ("| what |".to_owned(), "|---|".to_owned());
        for engine in engines {
            let _ = write!(head, " {engine} | bar |");
            rule.push_str("---|---|");
        }
        let mut text = format!("{head}\n{rule}\n");
        let mut names: Vec<&str> = Vec::new();
        for measured in &self.figures {
            if !names.contains(&measured.figure.name.as_str()) {
                names.push(&measured.figure.name);
            }
        }
        for name in names {
            let _ = write!(text, "| {name} |");
            for engine in engines {
                let own = |one: &&Measured| one.engine == *engine && one.figure.name == name;
                let cells = self.figures.iter().find(own);
                let cells = cells.map_or_else(|| " – | – |".to_owned(), |one| one.figure.cells());
                text.push_str(&cells);
            }
            text.push('\n');
        }
        format!("{text}\n{}", self.probe_text())
    }
}

#[cfg(test)]
mod tests {
    use super::{Measured, Report};
    use crate::figures::figure::{Bar, Figure};
    use crate::measure::Spread;
    use crate::systems::EngineName;

    fn report() -> Report {
        let measured = |engine, name: &str, value, bar| Measured {
            engine,
            figure: Figure::value(name, value, "× raw", Bar::AtLeast(bar)),
        };
        Report {
            disk_probe_us: Spread::of(&[65.0]),
            figures: vec![
                measured(EngineName::Fast, "push", 0.95, 0.9),
                measured(EngineName::Fast, "bulk", 0.7, 0.5),
                measured(EngineName::Workflow, "bulk", 0.4, 0.5),
                measured(EngineName::Workflow, "drain", 0.55, 0.5),
            ],
        }
    }

    #[test]
    fn a_figure_of_both_engines_is_one_row() {
        let text = report().markdown(&[EngineName::Fast, EngineName::Workflow]);
        let rows: Vec<&str> = text.lines().take(5).collect();
        assert_eq!(
            rows,
            [
                "| what | fast-queue | bar | workflow-queue | bar |",
                "|---|---|---|---|---|",
                "| push | 0.950 × raw | ≥ 0.9 | – | – |",
                "| bulk | 0.700 × raw | ≥ 0.5 | 0.400 × raw | ≥ 0.5 (missed) |",
                "| drain | – | – | 0.550 × raw | ≥ 0.5 |",
            ]
        );
    }

    #[test]
    fn a_missed_figure_is_named_with_its_engine() {
        assert_eq!(report().missed(), ["workflow-queue, bulk"]);
    }

    #[test]
    fn a_figure_in_json_says_whose_it_is() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["figures"][3]["engine"], "workflow-queue");
        assert_eq!(json["figures"][3]["name"], "drain");
    }
}
