//! I/O errors: the first operation of a kind fails, then the second, and so on to the last, once and
//! for good, while a shipped engine plays a script. Nothing may panic, what was answered for is
//! there afterwards, the file is sound, after a failed sync nothing more is answered for, and after
//! any other error the process goes on as soon as the disk does.

mod injection;

use std::collections::BTreeMap;
use std::ops::AddAssign;

use queue_core::Result;

use crate::budget::Budget;
use crate::campaign::{self, Outcome, Violation};
use crate::disk::{Fault, Kind};
use injection::Injections;

/// How much was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs in which the error struck.
    pub injections: u64,
    /// Of these, runs in which a call failed.
    pub failed: u64,
    /// Of these, runs after which the power went.
    pub cut: u64,
    /// Runs in which a sync failed, and everything later was refused.
    pub refused: u64,
    /// Files whose every invariant was verified afterwards.
    pub verified: u64,
    /// Runs by kind.
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

/// Violations after which a script is given up.
const ENOUGH: usize = 5;

/// Goes through every error of one seed's script of so many calls, as long as `enough` says no.
///
/// # Errors
/// When the script cannot be played on a disk that does not fail.
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

/// Sweeps one seed after the other, from `first` on, on all processors, until the budget of
/// injections is spent or something is found.
///
/// # Errors
/// When a script cannot be played on a disk that does not fail.
pub fn run(first: u64, calls: usize, budget: &Budget) -> Result<Outcome<Tally>> {
    campaign::run(first, budget, |seed, enough| sweep(seed, calls, enough))
}
