//! Measures for comparing queues, and the peers that are ahead in one.

use super::commands::{Ran, SLOTS};
use super::driver::{Rate, Report};
use super::libraries::{Measured, ours};
use crate::report::document::Better;
use crate::report::short;
use crate::systems::SystemName;

/// Ratios below this count as equal.
const NOISE: f64 = 1.15;

/// A value measured for every queue.
pub(super) struct Measure {
    pub(super) name: &'static str,
    pub(super) unit: &'static str,
    pub(super) better: Better,
    /// `None` for a queue that lacks it.
    pub(super) value: fn(&Report) -> Option<f64>,
}

pub(super) const MEASURES: [Measure; 5] = [
    Measure {
        name: "the operations",
        unit: "ms",
        better: Better::Lower,
        value: |report| Some(report.hundred_ms),
    },
    Measure {
        name: "enqueues one by one",
        unit: "tasks/s",
        better: Better::Higher,
        value: |report| Some(report.enqueue.per_second()),
    },
    Measure {
        name: "claims and completions one by one",
        unit: "tasks/s",
        better: Better::Higher,
        value: |report| Some(report.cycle.per_second()),
    },
    Measure {
        name: "enqueues in one call",
        unit: "tasks/s",
        better: Better::Higher,
        value: |report| report.bulk.map(Rate::per_second),
    },
    Measure {
        name: "memory",
        unit: "MB",
        better: Better::Lower,
        value: |report| Some(report.peak_rss_mb),
    },
];

/// One sentence for each measure in which a peer is ahead of an engine at the same durability, or at
/// the strongest one that promises no more than the peer's.
pub(super) fn lost(measured: &[Measured], ran: &[Ran]) -> Vec<String> {
    let peers = measured.iter().filter(|one| one.ours.is_none());
    let engines = [SystemName::Fast, SystemName::Workflow];
    let mut sentences = Vec::new();
    for peer in peers {
        for engine in engines {
            let Some(own) = ours(measured, engine, peer.level()) else {
                continue;
            };
            let all = MEASURES.iter();
            sentences.extend(all.filter_map(|measure| lost_to(peer, own, measure)));
        }
    }
    for other in ran.iter().filter(|one| !one.runner.is_ours()) {
        let engines = ran
            .iter()
            .filter(|one| one.runner.is_ours() && !one.runner.is_baseline());
        sentences.extend(engines.flat_map(|own| lost_commands(other, own)));
    }
    sentences
}

fn lost_to(peer: &Measured, own: &Measured, measure: &Measure) -> Option<String> {
    let theirs = peer.spread(measure.value)?.median;
    let ours = own.spread(measure.value)?.median;
    let ahead = match measure.better {
        Better::Lower => ours / theirs,
        Better::Higher => theirs / ours,
    };
    (ahead >= NOISE).then(|| {
        format!(
            "{} ({}) is ahead of {} at {} in {}: {} against {} {}, {:.2} ×.",
            peer.name,
            peer.short_durability(),
            own.name,
            own.level().as_str(),
            measure.name,
            short(theirs),
            short(ours),
            measure.unit,
            ahead
        )
    })
}

fn lost_commands(other: &Ran, own: &Ran) -> Vec<String> {
    let sentence = |(column, slots)| {
        let ahead = own.ratio(other, column);
        (ahead >= NOISE).then(|| {
            format!(
                "{} is ahead of {} at {slots} slots: {} against {} s, {ahead:.2} ×.",
                other.runner.name,
                own.runner.name,
                short(other.spread(column).median),
                short(own.spread(column).median),
            )
        })
    };
    SLOTS.into_iter().enumerate().filter_map(sentence).collect()
}
