//! The JSON document that every measuring verb prints.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::environment::Environment;
use super::figure::{Figure, Judgement};
use crate::measure::Spread;
use crate::systems::EngineName;
use crate::{Result, probe};

/// What one run of a verb measured, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Document {
    pub(crate) kind: Kind,
    pub(crate) environment: Environment,
    /// Microseconds to append 4 KiB and `fdatasync` it.
    pub(crate) disk_probe_us: Spread,
    /// What is promised, beside its bars.
    #[serde(default)]
    pub(crate) figures: Vec<Measured>,
    #[serde(default)]
    pub(crate) bars: Vec<Bars>,
    #[serde(default)]
    pub(crate) curves: Vec<Curves>,
    #[serde(default)]
    pub(crate) tables: Vec<Table>,
    /// What could not be measured.
    #[serde(default)]
    pub(crate) failed: Vec<Failed>,
}

/// How what was measured is printed.
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

/// A figure and whose it is.
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

/// Which end of a scale is the good one.
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
    /// What must be known to compare it: a durability, a version.
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

/// An axis; a logarithmic one leaves out what is not above zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Axis {
    /// What is on it, with its unit.
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

/// Anything that is no chart.
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
    /// A document without results, with what is known before measuring: the environment and a
    /// probe of the disk that `folder` lies on.
    ///
    /// # Errors
    /// When nothing can be written to `folder`.
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

    /// As the JSON that is printed.
    ///
    /// # Errors
    /// None that a document could cause.
    pub(crate) fn json(&self) -> Result<String> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?))
    }

    /// Reads a document that a verb printed.
    ///
    /// # Errors
    /// A sentence that names the file, when it cannot be read or is no such document.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let shown = path.display();
        let text = std::fs::read_to_string(path)
            .map_err(|error| format!("{shown} cannot be read: {error}"))?;
        serde_json::from_str(&text).map_err(|error| {
            format!("{shown} is no report of this program, made with `-o json`: {error}").into()
        })
    }

    /// The figures judged so, each with its engine.
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

    /// A document with one of everything.
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
    fn what_is_no_document_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.json");
        let said = |path: &Path| Document::read(path).unwrap_err().to_string();
        assert!(said(&path).contains("other.json cannot be read"));
        for text in ["", "[]", "{\"kind\": \"suite\"}", "{\"kind\": \"sweets\"}"] {
            std::fs::write(&path, text).unwrap();
            assert!(said(&path).contains("other.json is no report"), "{text}");
        }
    }

    #[test]
    fn a_document_begins_with_where_it_is_measured() {
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
