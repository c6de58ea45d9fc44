//! The measurements as charts and tables of a document.

use super::Outcome;
use super::commands::SLOTS;
use super::libraries::Measured;
use super::measures::MEASURES;
use super::text::verdict;
use crate::report::Document;
use crate::report::document::{BarEntry, Bars, Better, Failed, Table};

/// The outcome's document, with every measurement.
pub(super) fn document(outcome: Outcome) -> Document {
    let mut bars = libraries(&outcome);
    bars.extend(commands(&outcome));
    let tables = tables(&outcome);
    Document {
        bars,
        tables,
        ..outcome.document
    }
}

/// One chart per measure.
fn libraries(outcome: &Outcome) -> Vec<Bars> {
    if outcome.measured.is_empty() {
        return Vec::new();
    }
    let chart = |measure: &super::measures::Measure| {
        let bar = |one: &Measured| {
            Some(BarEntry {
                label: one.name.clone(),
                value: one.spread(measure.value)?,
                note: one.durability(),
            })
        };
        Bars {
            title: format!("Peers: {}", measure.name),
            unit: measure.unit.to_owned(),
            better: measure.better,
            note: format!("Rounds in turns: {}.", outcome.rounds),
            bars: outcome.measured.iter().filter_map(bar).collect(),
        }
    };
    MEASURES.iter().map(chart).collect()
}

/// One chart per number of slots.
fn commands(outcome: &Outcome) -> Vec<Bars> {
    if outcome.ran.is_empty() {
        return Vec::new();
    }
    let chart = |(column, slots)| Bars {
        title: format!("Peers: `true` × {}, {slots} at a time", outcome.commands),
        unit: "s".to_owned(),
        better: Better::Lower,
        note: format!("Rounds in turns: {}.", outcome.rounds),
        bars: outcome
            .ran
            .iter()
            .map(|one| BarEntry {
                label: one.runner.name.to_owned(),
                value: one.spread(column),
                note: one.version.clone(),
            })
            .collect(),
    };
    SLOTS.into_iter().enumerate().map(chart).collect()
}

fn tables(outcome: &Outcome) -> Vec<Table> {
    let queue = |one: &Measured| {
        let report = one.report();
        vec![
            one.name.clone(),
            report.version.clone(),
            one.durability(),
            report.limits.join("; "),
        ]
    };
    let runner = |one: &super::commands::Ran| {
        let (name, note) = (one.runner.name.to_owned(), one.runner.note.to_owned());
        vec![name, one.version.clone(), String::new(), note]
    };
    let queues = outcome.measured.iter().map(queue);
    let runners = outcome.ran.iter().map(runner);
    let absent = |one: &Failed| vec![one.case.clone(), one.why.clone()];
    vec![
        table(
            "Peers: how each was used",
            &["peer", "version", "durability found", "what must be known"],
            queues.chain(runners).collect(),
        ),
        table(
            "Peers: where one is ahead",
            &["of an engine, by 15 % or more"],
            verdict(outcome)
                .into_iter()
                .map(|line| vec![line])
                .collect(),
        ),
        table(
            "Peers: not measured",
            &["peer", "why"],
            outcome.absent.iter().map(absent).collect(),
        ),
    ]
}

fn table(title: &str, columns: &[&str], rows: Vec<Vec<String>>) -> Table {
    Table {
        title: title.to_owned(),
        columns: columns.iter().map(|&column| column.to_owned()).collect(),
        rows,
        note: String::new(),
    }
}
