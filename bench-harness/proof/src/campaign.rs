//! One seed after the other, on all processors, until enough is done or something is found.

use std::ops::AddAssign;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use queue_core::Result;

use crate::budget::Budget;

/// How much was done.
pub trait Tally: AddAssign + Default + Send {
    /// The number that counts.
    fn count(&self) -> u64;
}

/// Something that should not have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Which seed shows it again.
    pub seed: u64,
    /// What it is.
    pub what: String,
}

/// What some seeds came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome<T> {
    /// How much was done.
    pub tally: T,
    /// What should not have been.
    pub violations: Vec<Violation>,
    /// How many seeds, from the first one on.
    pub seeds: u64,
}

/// Does `one` with one seed after the other, from `first` on. A seed that takes long asks now and
/// then whether it is enough.
///
/// # Errors
/// The first of `one`.
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
