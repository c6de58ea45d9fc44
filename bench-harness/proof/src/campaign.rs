//! Runs one seed after another on all processors until the budget is spent or a violation is found.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use queue_core::Result;

use crate::budget::Budget;

/// Counts of the work done.
pub trait Tally: AddAssign + Default + Send {
    /// The count that the budget limits.
    fn count(&self) -> u64;
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Seed that reproduces it.
    pub seed: u64,
    /// Description.
    pub what: String,
}

/// Result of a range of seeds.
#[derive(Clone, Debug, Default)]
pub struct Outcome<T> {
    /// Counts of the work done.
    pub tally: T,
    /// Broken promises.
    pub violations: Vec<Violation>,
    /// Number of seeds run, counted from the first one.
    pub seeds: u64,
}

/// Calls `one` with one seed after another, starting at `first`. A long-running seed calls its second
/// argument now and then to learn whether the budget is spent.
///
/// # Errors
/// The first error of `one`.
pub fn run<T: Tally>(
    first: u64,
    budget: &Budget,
    one: impl Fn(u64, &dyn Fn(&T) -> bool) -> Result<(T, Vec<Violation>)> + Sync,
) -> Result<Outcome<T>> {
    let next = AtomicU64::new(first);
    let done = AtomicU64::new(0);
    let outcome = Mutex::new(Ok(Outcome::<T>::default()));
    budget.on_all_processors(|| {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        let result = one(seed, &|tally| {
            budget.is_spent(done.load(Ordering::Relaxed) + tally.count())
        });
        let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
        match (result, &mut *outcome) {
            (Ok((tally, violations)), Ok(outcome)) => {
                outcome.tally += tally;
                outcome.seeds += 1;
                outcome.violations.extend(violations);
                done.store(outcome.tally.count(), Ordering::Relaxed);
                outcome.violations.is_empty() && !budget.is_spent(outcome.tally.count())
            }
            (Err(error), outcome) => {
                *outcome = Err(error);
                false
            }
            (Ok(_), Err(_)) => false,
        }
    });
    outcome.into_inner().unwrap_or_else(PoisonError::into_inner)
}
