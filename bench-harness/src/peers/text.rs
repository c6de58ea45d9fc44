//! The measurements as text of 80 columns.

use super::Outcome;
use super::commands::{Ran, SLOTS};
use super::libraries::{Measured, ours};
use super::measures::{MEASURES, Measure};
use crate::report::{short, table, wrap};
use crate::systems::SystemName;

const NOTHING: &str = "–";

/// Tables, notes on reading them, and the measures in which a peer is ahead.
pub(super) fn text(outcome: &Outcome) -> String {
    let mut text = outcome.document.probe_text();
    if !outcome.measured.is_empty() {
        text += &libraries(outcome);
    }
    if !outcome.ran.is_empty() {
        text += &commands(outcome);
    }
    text.push('\n');
    for sentence in verdict(outcome) {
        text += &wrap(&sentence, "");
    }
    for absent in &outcome.absent {
        text += &wrap(
            &format!("Not measured: {}: {}.", absent.case, absent.why),
            "",
        );
    }
    text
}

/// The measures in which a peer is ahead, or a sentence that there are none.
pub(super) fn verdict(outcome: &Outcome) -> Vec<String> {
    let lost = &outcome.lost;
    if lost.is_empty() {
        return vec!["No peer is ahead of an engine by 15 % or more.".to_owned()];
    }
    lost.clone()
}

fn libraries(outcome: &Outcome) -> String {
    let (plan, measured) = (&outcome.plan, &outcome.measured);
    let about = format!(
        "{} enqueues, {} claims, {} completions, one commit each, in a process of its own on a \
         new file; rounds in turns: {}. The durability is what was found; the last column is the \
         median of the rounds' ratios to bare SQLite at the same level.",
        plan.operations,
        plan.operations / 2,
        plan.operations / 4,
        outcome.rounds
    );
    let about_scaled = format!(
        "{} tasks one by one, at most {} s for each part, then as many in one call. The level is \
         that at which the engines stand beside a queue in the sentences below.",
        plan.scaled, plan.part_seconds
    );
    let peers = measured.iter().filter(|one| one.ours.is_none());
    let notes: String = peers.map(|one| wrap(&about_peer(one), "")).collect();
    format!(
        "\n{}\n{}\n{}\n{}\n{notes}",
        wrap(&about, ""),
        operations(measured),
        wrap(&about_scaled, ""),
        scaled(measured)
    )
}

fn operations(measured: &[Measured]) -> String {
    let head = ["queue", "durability", "min ms", "median", "max", "× raw"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for one in measured {
        let spread = one.hundred();
        let raw = ours(measured, SystemName::Raw, one.level());
        let ratio = raw.map(|raw| format!("{:.2}", one.hundred_ratio(raw)));
        rows.push(vec![
            label(one),
            one.short_durability(),
            short(spread.min),
            short(spread.median),
            short(spread.max),
            ratio.unwrap_or_else(|| NOTHING.to_owned()),
        ]);
    }
    table(&rows, 2)
}

/// Medians of all other measures.
fn scaled(measured: &[Measured]) -> String {
    let head = [
        "queue",
        "level",
        "enqueue/s",
        "claim+complete/s",
        "bulk/s",
        "peak MB",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for one in measured {
        let median = |measure: &Measure| {
            let spread = one.spread(measure.value);
            spread.map_or_else(|| NOTHING.to_owned(), |spread| short(spread.median))
        };
        let mut row = vec![label(one), one.level().as_str().to_owned()];
        row.extend(MEASURES.iter().skip(1).map(median));
        rows.push(row);
    }
    table(&rows, 2)
}

/// Version, durability and limits of a peer.
fn about_peer(one: &Measured) -> String {
    let report = one.report();
    let known = [&[one.durability()], report.limits.as_slice()].concat();
    format!("{} {}: {}", one.name, report.version, known.join("; "))
}

fn commands(outcome: &Outcome) -> String {
    let about = format!(
        "`true` {} times, from the first one handed over until the last has ended; rounds in \
         turns: {}.",
        outcome.commands, outcome.rounds
    );
    let notes = outcome.ran.iter().map(|one| wrap(&about_runner(one), ""));
    format!(
        "\n{}\n{}\n{}",
        wrap(&about, ""),
        end_to_end(&outcome.ran),
        notes.collect::<String>()
    )
}

fn end_to_end(ran: &[Ran]) -> String {
    let head = ["", "slots", "min s", "median", "max", "× bare"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    let bare = ran.iter().find(|one| one.runner.is_baseline());
    for one in ran {
        for (column, slots) in SLOTS.into_iter().enumerate() {
            let spread = one.spread(column);
            let ratio = bare.map(|bare| format!("{:.2}", one.ratio(bare, column)));
            rows.push(vec![
                one.runner.name.to_owned(),
                slots.to_string(),
                short(spread.min),
                short(spread.median),
                short(spread.max),
                ratio.unwrap_or_else(|| NOTHING.to_owned()),
            ]);
        }
    }
    table(&rows, 1)
}

fn about_runner(one: &Ran) -> String {
    let version = match one.version.as_str() {
        "" => String::new(),
        version => format!(" ({version})"),
    };
    format!("{}{version}: {}", one.runner.name, one.runner.note)
}

fn label(one: &Measured) -> String {
    one.name.chars().take(18).collect()
}
