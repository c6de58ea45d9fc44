//! One commit for every operation.

use queue_core::sqlite::Durability;

use super::figure::{Bar, Figure};
use super::{Context, raw_and_fast};
use crate::Result;
use crate::measure::{Spread, Stopwatch, count};
use crate::report::short;
use crate::workload::{System, tasks};

/// Enqueues, claims and settles of one sample each.
const OPERATIONS: usize = 5_000;

pub(super) fn measure(context: &Context) -> Result<Vec<Figure>> {
    let [raw, fast] = raw_and_fast(context, Durability::Fast, sample)?;
    let figure = |(index, name): (usize, &str)| {
        let of = |samples: &[[f64; 3]]| -> Vec<f64> {
            samples
                .iter()
                .filter_map(|sample| sample.get(index).copied())
                .collect()
        };
        let (raw, fast) = (of(&raw), of(&fast));
        Figure::ratio(
            format!("{name}, one commit each"),
            Spread::of_ratios(&fast, &raw),
            "× raw",
            Bar::AtLeast(0.9),
        )
        .beside(format!(
            "raw {}/s, fast-queue {}/s",
            short(Spread::of(&raw).median),
            short(Spread::of(&fast).median)
        ))
    };
    Ok(["push", "claim", "settle"]
        .into_iter()
        .enumerate()
        .map(figure)
        .collect())
}

/// Pushes, claims and settles per second.
fn sample(system: &dyn System) -> Result<[f64; 3]> {
    let tasks = tasks(OPERATIONS);
    let watch = Stopwatch::start();
    for task in tasks {
        system.enqueue(vec![task])?;
    }
    let push = watch.seconds();
    let mut claims = Vec::with_capacity(OPERATIONS);
    let watch = Stopwatch::start();
    for _ in 0..OPERATIONS {
        claims.extend(system.claim(1)?);
    }
    let claim = watch.seconds();
    let watch = Stopwatch::start();
    for claim in &claims {
        system.settle(std::slice::from_ref(claim))?;
    }
    let settle = watch.seconds();
    Ok([push, claim, settle].map(|seconds| count(OPERATIONS) / seconds))
}
