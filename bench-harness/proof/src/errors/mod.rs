//! I/O errors: the first operation of a kind fails, then the second, and so on to the last, once and
//! permanently, while a shipped engine plays a script. No code may panic, acknowledged tasks stay
//! stored, and the file stays sound. After a failed sync no write is acknowledged any more; after any
//! other error the process works again as soon as the disk does.

mod injection;

use std::collections::BTreeMap;
use std::ops::AddAssign;

use queue_core::Result;

use crate::budget::Budget;
use crate::campaign::{self, Outcome, Violation};
use crate::disk::{Fault, Kind};
use injection::Injections;

/// Counts of the work done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs in which the error struck.
    pub injections: u64,
    /// Those runs in which a call failed.
    pub failed: u64,
    /// Those runs after which the power was cut.
    pub cut: u64,
    /// Runs in which a sync failed, and every later write was refused.
    pub refused: u64,
    /// Files whose every invariant was verified afterwards.
    pub verified: u64,
    /// Runs by kind of operation.
    pub by_kind: BTreeMap<Kind, u64>,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.injections += other.injections;
        self.failed += other.failed;
        self.cut += other.cut;
        self.refused += other.refused;
        self.verified += other.verified;
        for (kind, count) in other.by_kind {
            *self.by_kind.entry(kind).or_default() += count;
        }
    }
}

impl campaign::Tally for Tally {
    fn count(&self) -> u64 {
        self.injections
    }
}

/// Number of violations after which a script is abandoned.
const ENOUGH: usize = 5;

/// Injects every error into one seed's script of `calls` calls, until `enough` returns true.
///
/// # Errors
/// When the script fails on a disk without faults.
pub fn sweep(
    seed: u64,
    calls: usize,
    enough: &dyn Fn(&Tally) -> bool,
) -> Result<(Tally, Vec<Violation>)> {
    let mut injections = Injections::new(seed, calls)?;
    let mut tally = Tally::default();
    let mut violations = Vec::new();
    for kind in injections.kinds().iter().copied() {
        for nth in 1..=injections.operations(kind)? {
            for fault in [Fault::once(kind, nth), Fault::for_good(kind, nth)] {
                let injected = match injections.inject(fault) {
                    Ok(injected) => injected,
                    Err(what) => {
                        let what = format!("{fault:?}: {what}");
                        violations.push(Violation { seed, what });
                        continue;
                    }
                };
                *tally.by_kind.entry(kind).or_default() += injected.injections;
                tally += injected;
            }
            if violations.len() >= ENOUGH || enough(&tally) {
                return Ok((tally, violations));
            }
        }
    }
    Ok((tally, violations))
}

/// Sweeps one seed after another, starting at `first`, on all processors, until the budget of
/// injections is spent or a violation is found.
///
/// # Errors
/// When a script fails on a disk without faults.
pub fn run(first: u64, calls: usize, budget: &Budget) -> Result<Outcome<Tally>> {
    campaign::run(first, budget, |seed, enough| sweep(seed, calls, enough))
}
