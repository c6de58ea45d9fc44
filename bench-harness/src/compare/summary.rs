//! The engines side by side: one row per criterion.

use queue_core::sqlite::Durability;

use super::Comparison;
use super::scale::{DEPTHS, THREADS};
use crate::features::{FEATURES, of_workflow_only};
use crate::report::short;
use crate::systems::{SYSTEMS, SystemName};
use crate::workload::Commits;

/// Column titles: criterion, raw, the engines, and the engines' ratio.
pub(super) const COLUMNS: [&str; 5] = ["", "raw", "fast-queue", "workflow-queue", "ratio"];

const NONE: &str = "–";

/// Rows below [`COLUMNS`].
pub(super) fn rows(comparison: &Comparison) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    for (name, level, commits) in [
        ("total, ms", Durability::Fast, Commits::Each),
        ("  at full", Durability::Full, Commits::Each),
        ("  claims of five", Durability::Fast, Commits::Fives),
        ("  batched", Durability::Fast, Commits::Batched),
    ] {
        rows.push(total(comparison, name, level, commits, 1.0));
    }
    let operations = f64::from(comparison.hundred.all_operations());
    let each = (Durability::Fast, Commits::Each);
    rows.push(total(
        comparison,
        "per operation, us",
        each.0,
        each.1,
        1e3 / operations,
    ));
    rows.push(memory(comparison));
    rows.push(features());
    rows.extend(complexity(comparison));
    rows.extend(scalability(comparison));
    rows
}

/// Medians, and the median of the rounds' ratios.
fn total(
    comparison: &Comparison,
    name: &str,
    level: Durability,
    commits: Commits,
    factor: f64,
) -> Vec<String> {
    let line = |system| comparison.hundred.line(level, commits, system);
    let shown = |system| line(system).map(|line| short(line.ms.median * factor));
    let ratio = line(SystemName::Workflow).map(|line| times(line.to_fast));
    let [raw, fast, workflow] = SYSTEMS.map(shown);
    row(name, [raw, fast, workflow, ratio])
}

fn memory(comparison: &Comparison) -> Vec<String> {
    let of = |system| {
        let all = comparison.memory.iter();
        all.clone()
            .find(|one| one.system == system)
            .map(|one| one.megabytes)
    };
    let [raw, fast, workflow] = SYSTEMS.map(of);
    let ratio = fast
        .zip(workflow)
        .map(|(fast, workflow)| times(workflow / fast));
    let shown = |megabytes: Option<f64>| megabytes.map(short);
    row(
        "memory, MB",
        [shown(raw), shown(fast), shown(workflow), ratio],
    )
}

fn features() -> Vec<String> {
    let (all, alone) = (FEATURES.len(), of_workflow_only().count());
    let of = |number: usize| Some(format!("{number} of {all}"));
    row("features", [None, of(all - alone), of(all), None])
}

fn complexity(comparison: &Comparison) -> [Vec<String>; 3] {
    let [fast, workflow] = &comparison.complexity;
    let counted = |name, fast: u32, workflow: u32| {
        let ratio = times(f64::from(workflow) / f64::from(fast));
        row(
            name,
            [
                None,
                Some(fast.to_string()),
                Some(workflow.to_string()),
                Some(ratio),
            ],
        )
    };
    [
        counted("complexity: tables", fast.tables, workflow.tables),
        counted("  columns", fast.columns, workflow.columns),
        counted("  indexes", fast.indexes, workflow.indexes),
    ]
}

fn scalability(comparison: &Comparison) -> [Vec<String>; 2] {
    let of = |value: fn(&super::Scale) -> f64| {
        let [fast, workflow] = comparison.scale.each_ref().map(value);
        [None, Some(times(fast)), Some(times(workflow)), None]
    };
    let claim = format!("claim among {}k", DEPTHS[1] / 1_000);
    let threads = format!("{} threads at full", THREADS[1]);
    [
        row(&claim, of(|scale| scale.deeper)),
        row(&threads, of(|scale| scale.wider)),
    ]
}

fn times(ratio: f64) -> String {
    format!("{ratio:.2} ×")
}

fn row(name: &str, cells: [Option<String>; 4]) -> Vec<String> {
    let cells = cells.map(|cell| cell.unwrap_or_else(|| NONE.to_owned()));
    std::iter::once(name.to_owned()).chain(cells).collect()
}
