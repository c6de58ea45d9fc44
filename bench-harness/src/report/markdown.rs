//! Figures as a Markdown table.

use std::fmt::Write as _;

use super::document::{Document, Measured};
use super::text::{cell, plain, short, wrap};
use crate::systems::EngineName;

impl Document {
    /// A table with one row per figure, and two columns per engine.
    pub(crate) fn markdown(&self) -> String {
        let engines = self.engines();
        let (mut head, mut rule) = ("| what |".to_owned(), "|---|".to_owned());
        for engine in &engines {
            let _ = write!(head, " {engine} | bar |");
            rule.push_str("---|---|");
        }
        let mut text = format!("{head}\n{rule}\n");
        for name in self.figure_names() {
            let _ = write!(text, "| {} |", cell(name));
            for engine in &engines {
                let cells = self.figure(*engine, name);
                let cells = cells.map_or_else(|| " – | – |".to_owned(), |one| one.figure.cells());
                text.push_str(&cells);
            }
            text.push('\n');
        }
        format!("{text}\n{}", wrap(&plain(&self.measured_on()), ""))
    }

    /// Time and environment of the measurement, in a sentence.
    pub(crate) fn measured_on(&self) -> String {
        let environment = &self.environment;
        format!(
            "Measured at {} ({}) on {}, {} cores, {}, {}, {}, SQLite {}; appending 4 KiB and \
             `fdatasync` took {} us ({} to {}). Load before: {}.",
            environment.date,
            environment.sources(),
            environment.cpu,
            environment.cores,
            environment.distribution,
            environment.kernel,
            environment.file_system,
            environment.sqlite,
            short(self.disk_probe_us.median),
            short(self.disk_probe_us.min),
            short(self.disk_probe_us.max),
            environment.load
        )
    }

    /// A line about the disk.
    pub(crate) fn probe_text(&self) -> String {
        let disk = self.disk_probe_us;
        let text = format!(
            "disk probe: 4 KiB append + fdatasync {} us ({} to {})",
            short(disk.median),
            short(disk.min),
            short(disk.max)
        );
        wrap(&text, "")
    }

    /// Engines that have figures.
    pub(crate) fn engines(&self) -> Vec<EngineName> {
        let both = [EngineName::Fast, EngineName::Workflow];
        let has = |engine: &EngineName| self.figures.iter().any(|one| one.engine == *engine);
        both.into_iter().filter(has).collect()
    }

    /// Names of the figures in order; a name of both engines occurs once.
    pub(crate) fn figure_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for measured in &self.figures {
            if !names.contains(&measured.figure.name.as_str()) {
                names.push(&measured.figure.name);
            }
        }
        names
    }

    /// An engine's figure with that name.
    pub(crate) fn figure(&self, engine: EngineName, name: &str) -> Option<&Measured> {
        let own = |one: &&Measured| one.engine == engine && one.figure.name == name;
        self.figures.iter().find(own)
    }
}

#[cfg(test)]
mod tests {
    use crate::report::document::Measured;
    use crate::report::document::tests::document;
    use crate::report::{Bar, Document, Figure};
    use crate::systems::EngineName;

    fn report() -> Document {
        let measured = |engine, name: &str, value, bar| Measured {
            engine,
            figure: Figure::value(name, value, "× raw", Bar::AtLeast(bar)),
        };
        Document {
            figures: vec![
                measured(EngineName::Fast, "push", 0.95, 0.9),
                measured(EngineName::Fast, "bulk", 0.7, 0.5),
                measured(EngineName::Workflow, "bulk", 0.4, 0.5),
                measured(EngineName::Workflow, "drain", 0.55, 0.5),
            ],
            ..document()
        }
    }

    #[test]
    fn a_figure_of_both_engines_is_one_row() {
        let text = report().markdown();
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
    fn an_engine_without_figures_has_no_columns() {
        let mut report = report();
        report.figures.truncate(1);
        assert!(
            report
                .markdown()
                .starts_with("| what | fast-queue | bar |\n")
        );
    }

    #[test]
    fn a_name_neither_ends_its_cell_nor_begins_a_tag() {
        let mut report = report();
        report.figures[0].figure.name = "a | b\n<img>".to_owned();
        report.figures[0].figure.unit = "<b>".to_owned();
        let text = report.markdown();
        assert!(
            text.contains("| a \\| b\\n&lt;img> | 0.950 &lt;b> |"),
            "{text}"
        );
    }

    #[test]
    fn a_figure_in_json_names_its_engine() {
        let json = serde_json::to_value(report()).unwrap();
        assert_eq!(json["figures"][3]["engine"], "workflow-queue");
        assert_eq!(json["figures"][3]["name"], "drain");
        assert_eq!(json["figures"][3]["bar"]["at_least"], 0.5);
    }
}
