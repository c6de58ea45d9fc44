//! One commit for every operation.

use queue_core::sqlite::Durability;

use super::context::{Context, in_turns};
use crate::Result;
use crate::measure::{Spread, Stopwatch, count};
use crate::report::{Bar, Figure, short};
use crate::systems::SystemName;
use crate::workload::{System, tasks};

/// Enqueues, claims and settles of one sample each.
const OPERATIONS: usize = 5_000;
const NAMES: [&str; 3] = ["push", "claim", "settle"];

/// Every operation beside bare statements.
pub(super) fn measure_fast(context: &Context) -> Result<Vec<Figure>> {
    let systems = [SystemName::Raw, SystemName::Fast];
    let [raw, fast] = in_turns(context, Durability::Fast, systems, sample)?;
    let figure = |(index, name): (usize, &str)| {
        let (raw, fast) = (column(&raw, index), column(&fast, index));
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
    Ok(NAMES.into_iter().enumerate().map(figure).collect())
}

/// All operations together, beside fast-queue's.
pub(super) fn measure_workflow(context: &Context) -> Result<Vec<Figure>> {
    let systems = [SystemName::Fast, SystemName::Workflow];
    let [fast, workflow] = in_turns(context, Durability::Fast, systems, sample)?;
    // A cycle takes the time of one operation of each kind.
    let cycles = |samples: &[[f64; 3]]| -> Vec<f64> {
        let cycle = |rates: &[f64; 3]| 1.0 / rates.iter().map(|rate| 1.0 / rate).sum::<f64>();
        samples.iter().map(cycle).collect()
    };
    let (fast_cycles, workflow_cycles) = (cycles(&fast), cycles(&workflow));
    let figure = Figure::ratio(
        "full cycle, one commit each",
        Spread::of_ratios(&workflow_cycles, &fast_cycles),
        "× fast-queue",
        Bar::AtLeast(0.6),
    );
    let parts = NAMES.into_iter().enumerate().map(|(index, name)| {
        let ratios = Spread::of_ratios(&column(&workflow, index), &column(&fast, index));
        format!("{name} {} ×", short(ratios.median))
    });
    Ok(vec![figure.beside(format!(
        "fast-queue {}/s, workflow-queue {}/s with leases and a recorded attempt; {}",
        short(Spread::of(&fast_cycles).median),
        short(Spread::of(&workflow_cycles).median),
        parts.collect::<Vec<_>>().join(", ")
    ))])
}

fn column(samples: &[[f64; 3]], index: usize) -> Vec<f64> {
    let of = |sample: &[f64; 3]| sample.get(index).copied();
    samples.iter().filter_map(of).collect()
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
