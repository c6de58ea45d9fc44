//! Power cuts: whatever a workload does, the power may go before and after every write and sync, and
//! what was not synced may be there, in part, or not at all.
//!
//! The shipped engine plays a script once, on a disk that writes everything down. Then every moment
//! of the record is taken in turn; images of what a cut could leave there are booted, opened by the
//! shipped engine, and checked. Some recoveries are recorded too, and cut a second time.

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

/// What is explored.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Calls of a script.
    pub calls: usize,
    /// Images drawn by lot at each moment, beside those with nothing and with everything.
    pub guesses: u64,
    /// One image of so many is recovered under observation and cut again.
    pub second_cut: u64,
    /// A mistake put in on purpose, to see that it is found.
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

/// Explores one seed, as long as `enough` says no.
///
/// # Errors
/// When the script cannot be played on a disk that does not fail.
pub fn explore(
    seed: u64,
    config: &Config,
    enough: &dyn Fn(&Tally) -> bool,
) -> Result<(Tally, Vec<Violation>)> {
    // Scripts take turns by three, so that each is played at either durability.
    let durability = match (config.plant, (seed / 3) % 2) {
        (Some(_), _) | (None, 0) => Durability::Full,
        (None, _) => Durability::Fast,
    };
    let recording = Recording::make(seed, config, durability)?;
    Ok(Explorer::new(&recording, config)?.run(enough))
}

/// Explores one seed after the other, from `first` on, on all processors, until the budget of images
/// is spent or something is found.
///
/// # Errors
/// When a script cannot be played on a disk that does not fail.
pub fn run(first: u64, config: &Config, budget: &Budget) -> Result<Outcome<Tally>> {
    campaign::run(first, budget, |seed, enough| explore(seed, config, enough))
}
