//! The 100 operations.

use queue_core::sqlite::Durability;

use super::figure::{Bar, Figure};
use super::{Context, raw_and_fast};
use crate::Result;
use crate::measure::Spread;
use crate::workload::{Commits, System, hundred};

pub(super) fn measure(context: &Context) -> Result<Vec<Figure>> {
    let [raw, fast] = raw_and_fast(context, Durability::Fast, sample)?;
    let of = |samples: &[[f64; 2]], index: usize| -> Vec<f64> {
        samples
            .iter()
            .filter_map(|sample| sample.get(index).copied())
            .collect()
    };
    let (raw, each, batched) = (of(&raw, 0), of(&fast, 0), of(&fast, 1));
    let median = |samples: &[f64]| Spread::of(samples).median;
    Ok(vec![
        Figure::ratio(
            "100 operations, one commit each",
            Spread::of_ratios(&each, &raw),
            "× raw",
            Bar::AtMost(1.1),
        )
        .beside(format!(
            "raw {:.2} ms, fast-queue {:.2} ms",
            median(&raw),
            median(&each)
        )),
        Figure::ratio(
            "100 operations, batched",
            Spread::of_ratios(&batched, &each),
            "× each",
            Bar::AtMost(0.25),
        )
        .beside(format!(
            "fast-queue {:.2} ms in three commits",
            median(&batched)
        )),
    ])
}

/// Milliseconds one by one, then batched: the median of several on the same file, because a
/// single run of 100 is shorter than a time slice.
fn sample(system: &dyn System) -> Result<[f64; 2]> {
    let median = |commits| -> Result<f64> {
        let samples: Vec<f64> = (0..9)
            .map(|_| Ok(hundred(system, 100, commits)? * 1e3))
            .collect::<Result<_>>()?;
        Ok(Spread::of(&samples).median)
    };
    Ok([median(Commits::Each)?, median(Commits::Batched)?])
}
