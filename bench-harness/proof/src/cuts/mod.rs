//! Power cuts: in any workload the power may fail before and after every write and sync, and unsynced
//! changes may be kept, torn, or lost.
//!
//! The shipped engine plays a script once, on a disk that records every event. The exploration then
//! visits every moment of the recording; for each, images that a cut could leave are booted, opened by
//! the shipped engine, and checked. Some recoveries are recorded too, and cut a second time.

mod check;
mod explorer;
mod recording;

use queue_core::Result;
use queue_core::sqlite::Durability;

pub use explorer::Tally;
pub use recording::{Plant, Recording};

use crate::budget::Budget;
use crate::campaign::{self, Outcome, Violation};
use explorer::Explorer;

/// Options of an exploration.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Number of calls in a script.
    pub calls: usize,
    /// Number of random images at each moment, in addition to those with none and all of the unsynced
    /// changes.
    pub guesses: u64,
    /// One image in this many is recovered under observation and cut again.
    pub second_cut: u64,
    /// A deliberate mistake, to check that it is found.
    pub plant: Option<Plant>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            calls: 32,
            guesses: 6,
            second_cut: 40,
            plant: None,
        }
    }
}

/// Explores one seed until `enough` returns true.
///
/// # Errors
/// When the script fails on a disk without faults.
pub fn explore(
    seed: u64,
    config: &Config,
    enough: &dyn Fn(&Tally) -> bool,
) -> Result<(Tally, Vec<Violation>)> {
    // Every three scripts the durability alternates, so that each kind is played at both.
    let durability = match (config.plant, (seed / 3) % 2) {
        (Some(_), _) | (None, 0) => Durability::Full,
        (None, _) => Durability::Fast,
    };
    let recording = Recording::make(seed, config, durability)?;
    Ok(Explorer::new(&recording, config)?.run(enough))
}

/// Explores one seed after another, starting at `first`, on all processors, until the budget of images
/// is spent or a violation is found.
///
/// # Errors
/// When a script fails on a disk without faults.
pub fn run(first: u64, config: &Config, budget: &Budget) -> Result<Outcome<Tally>> {
    campaign::run(first, budget, |seed, enough| explore(seed, config, enough))
}
