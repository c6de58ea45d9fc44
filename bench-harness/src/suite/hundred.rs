//! The 100 operations.

use queue_core::sqlite::Durability;

use super::context::{Context, database};
use crate::Result;
use crate::measure::{Spread, Subject, interleaved};
use crate::report::{Bar, Figure};
use crate::systems::SystemName;
use crate::workload::{Commits, hundred};

pub(super) fn measure_fast(context: &Context) -> Result<Vec<Figure>> {
    measure(context, [SystemName::Raw, SystemName::Fast], "× raw", 1.1)
}

pub(super) fn measure_workflow(context: &Context) -> Result<Vec<Figure>> {
    let systems = [SystemName::Fast, SystemName::Workflow];
    measure(context, systems, "× fast-queue", 1.7)
}

/// Compares the second system with the first.
fn measure(
    context: &Context,
    systems: [SystemName; 2],
    unit: &'static str,
    bar: f64,
) -> Result<Vec<Figure>> {
    let subjects = systems
        .map(|system| -> Subject<'_, [f64; 3]> { Box::new(move || sample(context, system)) });
    let samples = interleaved(context.rounds(), subjects.into())?;
    let [base_each, base_fives, _] = columns(&samples[0]);
    let [each, fives, batched] = columns(&samples[1]);
    let [base_name, name] = systems.map(SystemName::as_str);
    let median = |samples: &[f64]| Spread::of(samples).median;
    Ok(vec![
        Figure::ratio(
            "100 operations, one commit each",
            Spread::of_ratios(&each, &base_each),
            unit,
            Bar::AtMost(bar),
        )
        .beside(format!(
            "{base_name} {:.2} ms, {name} {:.2} ms, on fresh files; with ten claims of five {:.2} \
             and {:.2} ms, {:.2} {unit}",
            median(&base_each),
            median(&each),
            median(&base_fives),
            median(&fives),
            Spread::of_ratios(&fives, &base_fives).median
        )),
        Figure::ratio(
            "100 operations, batched",
            Spread::of_ratios(&batched, &each),
            "× each",
            Bar::AtMost(0.25),
        )
        .beside(format!(
            "{name} {:.2} ms in three commits",
            median(&batched)
        )),
    ])
}

/// The samples of each grouping into commits.
fn columns(samples: &[[f64; 3]]) -> [Vec<f64>; 3] {
    [0, 1, 2].map(|column| samples.iter().map(|sample| sample[column]).collect())
}

/// Milliseconds one by one, with claims of five, then batched: the median of several, each on a new
/// file as in `compare`, because a single run of 100 is shorter than a time slice.
fn sample(context: &Context, system: SystemName) -> Result<[f64; 3]> {
    let run = |commits| -> Result<f64> {
        let folder = context.scratch()?;
        let system = system.open(&database(folder.path()), Durability::Fast)?;
        Ok(hundred(system.as_ref(), 100, commits)? * 1e3)
    };
    let median = |commits| -> Result<f64> {
        let samples: Vec<f64> = (0..9).map(|_| run(commits)).collect::<Result<_>>()?;
        Ok(Spread::of(&samples).median)
    };
    Ok([
        median(Commits::Each)?,
        median(Commits::Fives)?,
        median(Commits::Batched)?,
    ])
}
