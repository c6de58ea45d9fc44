//! The comparison as charts and tables of a document.

use queue_core::sqlite::Durability;

use super::Comparison;
use super::advice::advice;
use super::hundred::{CUTS, Hundred, LEVELS, level_name};
use super::scale::{DEPTHS, THREADS};
use super::summary::{COLUMNS, rows};
use crate::measure::Spread;
use crate::report::document::{BarEntry, Bars, Better, Document, Table};
use crate::systems::SystemName;
use crate::workload::Commits;

/// Adds all measurements to `document`.
pub(super) fn fill(document: Document, comparison: &Comparison) -> Document {
    let kinds = LEVELS
        .into_iter()
        .flat_map(|level| CUTS.map(|cut| (level, cut)));
    let mut bars: Vec<Bars> = kinds
        .map(|(level, commits)| operations(&comparison.hundred, level, commits))
        .collect();
    bars.push(memory(comparison));
    bars.extend(scalability(comparison));
    let columns = COLUMNS.map(str::to_owned).to_vec();
    let advice = advice(comparison)
        .into_iter()
        .map(|sentence| vec![sentence]);
    Document {
        bars,
        tables: vec![
            table("The engines side by side", columns, rows(comparison)),
            table(
                "Which to take",
                vec!["by this run".to_owned()],
                advice.collect(),
            ),
        ],
        ..document
    }
}

/// Ratio of the 100 operations of workflow-queue to those of fast-queue, one commit each at `fast`, by
/// the medians in a document of `compare`.
pub(crate) fn measured_ratio(document: &Document) -> Option<f64> {
    let prefix = title_end(Durability::Fast, Commits::Each);
    let chart = document
        .bars
        .iter()
        .find(|chart| chart.title.ends_with(&prefix))?;
    let median = |system: SystemName| {
        let bar = chart.bars.iter().find(|bar| bar.label == system.as_str());
        bar.map(|bar| bar.value.median)
    };
    let ratio = median(SystemName::Workflow)? / median(SystemName::Fast)?;
    (ratio.is_finite() && ratio > 0.0).then_some(ratio)
}

fn operations(hundred: &Hundred, level: Durability, commits: Commits) -> Bars {
    let own = |line: &&super::hundred::Line| line.level == level && line.commits == commits;
    let bar = |line: &super::hundred::Line| BarEntry {
        label: line.system.as_str().to_owned(),
        value: line.ms,
        note: format!("{:.2} × raw, {:.2} × fast-queue", line.to_raw, line.to_fast),
    };
    let [fast, full] = hundred.rounds;
    let rounds = if level == Durability::Fast {
        fast
    } else {
        full
    };
    Bars {
        title: format!(
            "{} operations, {}",
            hundred.operations,
            title_end(level, commits)
        ),
        unit: "ms".to_owned(),
        better: Better::Lower,
        note: format!(
            "{} enqueues, {} claims, {} settles; {rounds} runs in turns.",
            hundred.operations,
            hundred.operations / 2,
            hundred.operations / 4
        ),
        bars: hundred.lines.iter().filter(own).map(bar).collect(),
    }
}

/// End of a chart's title that distinguishes the ways of running the operations.
fn title_end(level: Durability, commits: Commits) -> String {
    let commits = match commits {
        Commits::Each => "one commit each",
        Commits::Fives => "claims of five",
        Commits::Batched => "batched",
    };
    format!("{commits}, {}", level_name(level))
}

fn memory(comparison: &Comparison) -> Bars {
    let bar = |one: &super::Memory| BarEntry {
        label: one.system.as_str().to_owned(),
        value: Spread::of(&[one.megabytes]),
        note: String::new(),
    };
    Bars {
        title: "Memory of a process with the operations".to_owned(),
        unit: "MB".to_owned(),
        better: Better::Lower,
        note: "The most it occupied.".to_owned(),
        bars: comparison.memory.iter().map(bar).collect(),
    }
}

fn scalability(comparison: &Comparison) -> [Bars; 2] {
    let bars = |sizes: [usize; 2], of: fn(&super::Scale) -> [Spread; 2]| {
        let all = comparison.scale.iter();
        let bars = all.flat_map(|scale| {
            let entry = |(size, value)| BarEntry {
                label: format!("{}, {size}", scale.engine),
                value,
                note: String::new(),
            };
            sizes.into_iter().zip(of(scale)).map(entry)
        });
        bars.collect()
    };
    [
        Bars {
            title: "A claim among so many pending tasks".to_owned(),
            unit: "us".to_owned(),
            better: Better::Lower,
            note: "One commit each at fast.".to_owned(),
            bars: bars(DEPTHS, |scale| scale.claim_us),
        },
        Bars {
            title: "Pushes by so many threads".to_owned(),
            unit: "tasks/s".to_owned(),
            better: Better::Higher,
            note: "Each waits until its own is on disk (full).".to_owned(),
            bars: bars(THREADS, |scale| scale.pushes),
        },
    ]
}

fn table(title: &str, columns: Vec<String>, rows: Vec<Vec<String>>) -> Table {
    Table {
        title: title.to_owned(),
        columns,
        rows,
        note: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::{fill, measured_ratio};
    use crate::compare::tests::comparison;
    use crate::report::document::{Document, Kind};

    #[test]
    fn the_ratio_is_found_in_the_document() {
        let folder = tempfile::tempdir().unwrap();
        let empty = Document::begin(Kind::Compare, folder.path()).unwrap();
        assert_eq!(measured_ratio(&empty), None);
        let document = fill(empty, &comparison(100, 3.0));
        let ratio = measured_ratio(&document).unwrap();
        // The medians of the systems are one, two and three times the time.
        assert!((ratio - 1.5).abs() < 1e-9, "{ratio}");
    }
}
