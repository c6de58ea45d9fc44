//! The JSON document that every measuring verb prints.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::environment::Environment;
use super::figure::{Figure, Judgement};
use crate::measure::Spread;
use crate::systems::EngineName;
use crate::{Result, probe};

/// Measurements of one run of a verb, with their environment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) kind: Kind,
    pub(crate) environment: Environment,
    /// Microseconds to append 4 KiB and `fdatasync` it.
    pub(crate) disk_probe_us: Spread,
    /// Promised figures with their bars.
    #[serde(default)]
    pub(crate) figures: Vec<Measured>,
    #[serde(default)]
    pub(crate) bars: Vec<Bars>,
    #[serde(default)]
    pub(crate) curves: Vec<Curves>,
    #[serde(default)]
    pub(crate) tables: Vec<Table>,
    /// Cases that could not be measured.
    #[serde(default)]
    pub(crate) failed: Vec<Failed>,
}

/// Output form of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Form {
    /// Text of 80 columns.
    Table,
    /// One JSON document.
    Json,
}

/// The verb that measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Compare,
    Suite,
    Replay,
    Peers,
}

/// A figure and its engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Measured {
    pub(crate) engine: EngineName,
    #[serde(flatten)]
    pub(crate) figure: Figure,
}

/// One chart of horizontal bars with their ranges.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(clippy::struct_field_names, reason = "a chart of bars holds bars")]
pub(crate) struct Bars {
    pub(crate) title: String,
    pub(crate) unit: String,
    pub(crate) better: Better,
    pub(crate) note: String,
    pub(crate) bars: Vec<BarEntry>,
}

/// The better end of a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Better {
    Lower,
    Higher,
}

/// A bar.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct BarEntry {
    pub(crate) label: String,
    pub(crate) value: Spread,
    /// Notes needed for a comparison: a durability, a version.
    pub(crate) note: String,
}

/// One chart of lines over `x`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Curves {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) note: String,
    pub(crate) lines: Vec<Line>,
}

/// An axis; a logarithmic one omits values that are not above zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Axis {
    /// Quantity with its unit.
    pub(crate) label: String,
    pub(crate) log: bool,
}

/// A line, its points in ascending order of `x`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Line {
    pub(crate) label: String,
    pub(crate) points: Vec<Point>,
}

/// A point of a line.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Point {
    pub(crate) x: f64,
    pub(crate) value: Spread,
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Table {
    pub(crate) title: String,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    pub(crate) note: String,
}

/// A case that was not measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failed {
    pub(crate) case: String,
    /// A sentence.
    pub(crate) why: String,
}

impl Document {
    /// Starts a document without results: the environment, and a probe of the disk that holds `folder`.
    ///
    /// # Errors
    /// When `folder` cannot be written.
    pub(crate) fn begin(kind: Kind, folder: &Path) -> Result<Self> {
        Ok(Self {
            kind,
            environment: Environment::of(folder)?,
            disk_probe_us: probe::disk(folder, 100)?,
            figures: Vec::new(),
            bars: Vec::new(),
            curves: Vec::new(),
            tables: Vec::new(),
            failed: Vec::new(),
        })
    }

    /// Printed JSON.
    ///
    /// # Errors
    /// None for a valid document.
    pub(crate) fn json(&self) -> Result<String> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?))
    }

    /// Reads a document printed by a verb.
    ///
    /// # Errors
    /// A sentence that names the file, if it cannot be read or is not such a document.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{shown} cannot be read: {error}"))?;
        serde_json::from_str(&text).map_err(|error| {
            format!("{shown} is not a report of this program, made with `-o json`: {error}").into()
        })
    }

    /// Figures with that judgement, each with its engine.
    pub(crate) fn judged(&self, judgement: Judgement) -> Vec<String> {
        self.figures
            .iter()
            .filter(|one| one.figure.judgement() == judgement)
            .map(|one| format!("{}, {}", one.engine, one.figure.name))
            .collect()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::report::Bar;

    /// A document with one of each part.
    pub(crate) fn document() -> Document {
        let text = str::to_owned;
        let axis = |label, log| Axis {
            label: text(label),
            log,
        };
        let value = Spread::of(&[1.0, 2.0, 4.0]);
        Document {
            kind: Kind::Suite,
            environment: Environment::default(),
            disk_probe_us: Spread::of(&[65.0]),
            figures: vec![Measured {
                engine: EngineName::Workflow,
                figure: Figure::value("drain", 0.4, "× raw", Bar::AtLeast(0.5)),
            }],
            bars: vec![Bars {
                title: text("push"),
                unit: text("us"),
                better: Better::Lower,
                note: String::new(),
                bars: vec![BarEntry {
                    label: text("raw"),
                    value,
                    note: text("fast"),
                }],
            }],
            curves: vec![Curves {
                title: text("claim"),
                x: axis("pending tasks", true),
                y: axis("us", false),
                note: String::new(),
                lines: vec![Line {
                    label: text("fast-queue"),
                    points: vec![Point { x: 1e3, value }, Point { x: 1e6, value }],
                }],
            }],
            tables: vec![Table {
                title: text("features"),
                columns: vec![text("what"), text("how")],
                rows: vec![vec![text("leases"), text("yes")]],
                note: String::new(),
            }],
            failed: vec![Failed {
                case: text("depth"),
                why: text("the disk is full"),
            }],
        }
    }

    #[test]
    fn a_document_reads_what_it_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("suite.json");
        std::fs::write(&path, document().json().unwrap()).unwrap();
        assert_eq!(Document::read(&path).unwrap(), document());
    }

    #[test]
    fn a_file_that_is_not_a_document_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.json");
        let said = |path: &Path| Document::read(path).unwrap_err().to_string();
        assert!(said(&path).contains("other.json cannot be read"));
        for text in ["", "[]", "{\"kind\": \"suite\"}", "{\"kind\": \"sweets\"}"] {
            std::fs::write(&path, text).unwrap();
            assert!(said(&path).contains("other.json is not a report"), "{text}");
        }
    }

    #[test]
    fn a_document_begins_with_its_environment() {
        let folder = tempfile::tempdir().unwrap();
        let document = Document::begin(Kind::Compare, folder.path()).unwrap();
        assert!(document.disk_probe_us.min > 0.0);
        assert!(document.figures.is_empty() && document.failed.is_empty());
    }

    #[test]
    fn a_missed_figure_is_named_with_its_engine() {
        let missed = document().judged(Judgement::Missed);
        assert_eq!(missed, ["workflow-queue, drain"]);
        assert!(document().judged(Judgement::Held).is_empty());
    }
}
