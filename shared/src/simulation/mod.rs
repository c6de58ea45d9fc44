//! Drives the shipped worker, recovery and wake code over a real engine on one thread, from one
//! seed: time, chance, child processes and death are simulated, locks, sockets and the database
//! are real. What happens depends on the seed alone, so a seed that fails can be replayed.
//!
//! A run has a wild phase (workers are killed between any two actions, stopped, paused; the
//! database is busy or does not say whether it committed; datagrams get lost; wall time jumps;
//! tasks are called off and retried) and a calm one in which everything has to end.
//!
//! ```ignore
//! let report = simulation::run(seed, &Config::default(), |path, clock, random| open(path, ..));
//! assert_eq!(report.violations, Vec::<String>::new());
//! ```

#![expect(
    clippy::unwrap_used,
    reason = "a world that cannot begin is a test that fails"
)]

mod actor;
mod chaos;
mod faulty;
mod shell;
mod world;

use std::path::Path;
use std::sync::Arc;

use crate::clock::Clock;
use crate::queue::Queue;
use crate::random::Random;

/// How wild a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Steps of the wild phase.
    pub steps: u32,
    /// Workers at once, at most.
    pub workers: usize,
    /// Tasks enqueued, at most.
    pub tasks: usize,
    /// How many of 1,000 calls to the engine are refused or left in the dark.
    pub faults: u32,
    /// In how many of 1,000 steps of the wild phase a worker is killed; at most 6.
    pub kills: u32,
    /// What is stopped now and then.
    pub stalls: Stalls,
    /// A mistake put in on purpose, to see that it is found.
    pub plant: Option<Plant>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            steps: 3_000,
            workers: 5,
            tasks: 100,
            faults: 120,
            kills: 6,
            stalls: Stalls::Any,
            plant: None,
        }
    }
}

/// What is stopped now and then, for up to twenty seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stalls {
    /// Whole workers, as by SIGSTOP; their hearts alone; or all but their hearts.
    Any,
    /// All but their hearts, as by an observer or a write that takes long.
    WorkersAlone,
}

/// A mistake that a run has to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The engine records outcomes whoever holds the claim by now.
    NoFence,
    /// The engine acknowledges tasks and forgets one in ten.
    ForgetsTasks,
    /// The engine claims tasks that run already.
    ClaimsTwice,
    /// A worker does not learn what it claimed when the commit was in the dark.
    HidesClaims,
    /// Recovery does not look for processes.
    NoSweep,
    /// Killed workers keep their locks.
    NobodyDies,
}

impl Plant {
    /// Every mistake there is.
    pub const ALL: [Self; 6] = [
        Self::NoFence,
        Self::ForgetsTasks,
        Self::ClaimsTwice,
        Self::HidesClaims,
        Self::NoSweep,
        Self::NobodyDies,
    ];
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// A number made of everything that happened, in order: the same for the same seed.
    pub trace: u64,
    /// What went against the invariants, in sentences; empty is good.
    pub violations: Vec<String>,
    /// The last things that happened, oldest first.
    pub last: Vec<String>,
    /// What happened how often, to see that a run was worth it.
    pub counts: Counts,
    /// Simulated time, in milliseconds.
    pub simulated_ms: u64,
}

/// What happened how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks acknowledged.
    pub tasks: u64,
    /// Executions begun.
    pub starts: u64,
    /// Workers killed.
    pub kills: u64,
    /// Executions that outlived their worker.
    pub orphans: u64,
    /// Dead workers, and expired claims, recovered.
    pub recoveries: u64,
    /// Claims returned because their leases had run out.
    pub expired: u64,
    /// Calls refused or left in the dark.
    pub faults: u64,
    /// Steps in which a worker did something.
    pub turns: u64,
}

/// Runs one seed over a fresh file. `make` opens the engine on it; it is called several times, for
/// several handles on one file.
///
/// # Panics
/// When the file cannot be created or opened at all.
pub fn run<Q: Queue>(
    seed: u64,
    config: &Config,
    make: impl Fn(&Path, Arc<dyn Clock>, Arc<dyn Random>) -> crate::Result<Q>,
) -> Report {
    chaos::Simulation::new(seed, *config, make).run()
}
