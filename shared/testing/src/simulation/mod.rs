//! Drives the shipped worker, recovery and wake code over a real engine on one thread, from one
//! seed: time, randomness, child processes and crashes are simulated; locks, sockets and the
//! database are real. A run depends on the seed alone, so a failing seed can be replayed.
//!
//! A run has a wild phase (workers are killed between any two actions, stopped, paused; the
//! database is busy or does not say whether it committed; datagrams get lost; wall time jumps;
//! tasks are cancelled, held and retried) and a drain phase in which everything has to end. An engine
//! adds its own actions as an [`Extension`].
//!
//! ```ignore
//! let report = simulation::run(seed, &Config::default(), |path, clock, random| open(path, ..));
//! assert_eq!(report.violations, Vec::<String>::new());
//! ```

mod actor;
mod chaos;
mod drain;
mod extension;
mod faulty;
mod holds;
mod host;
mod platform;
mod template;
mod turns;
mod workers;
mod world;

use std::path::Path;
use std::sync::Arc;

pub use extension::{Call, Context, Extension, Ledger};
pub use platform::{Platform, PlatformFault};
pub use template::Template;
pub use turns::SeveralQueues;

use queue_core::clock::Clock;
use queue_core::queue::Queue;
use queue_core::random::Random;

/// Configuration of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Steps of the wild phase.
    pub steps: u32,
    /// Largest number of turns of the drain phase.
    pub drain: u64,
    /// Number of steps in 1,000 with an action on workers or tasks; in the others the workers take
    /// turns.
    pub actions: u32,
    /// Largest number of bursts in a step, and of turns in a burst.
    pub burst: u32,
    /// Largest number of workers at a time.
    pub workers: usize,
    /// Number of workers below which another one is started soon.
    pub fewest: usize,
    /// Longest stop of a worker, in milliseconds.
    pub stopped_ms: u32,
    /// Number of settles in 1,000 before which the worker is stopped.
    pub stops_at_settle: u32,
    /// Number of slow calls in 1,000, during which the rest of the worker goes on.
    pub slow_calls: u32,
    /// Largest number of enqueued tasks.
    pub tasks: usize,
    /// Longest duration of most executions, and longest delay of tasks, in milliseconds.
    pub usual_ms: u64,
    /// Interval of a worker's polls, in milliseconds.
    pub poll_ms: u64,
    /// Duration of the longest executions, in milliseconds.
    pub longest_ms: u64,
    /// Number of handles on the file, which stand for processes.
    pub handles: usize,
    /// Largest jump of wall time, in either direction, in milliseconds.
    pub jump_ms: u32,
    /// Number of calls to the engine in 1,000 that are refused or get no answer.
    pub faults: u32,
    /// Number of steps in 1,000 at which the file begins to refuse every write of every process.
    pub outages: u32,
    /// Longest time for which it does so, in milliseconds.
    pub outage_ms: u64,
    /// Number of steps in 1,000 at which the platform breaks.
    pub platform_faults: u32,
    /// Number of actions in 100 that kill a worker; at most 8.
    pub kills: u32,
    /// Threads that are stopped now and then.
    pub stalls: Stalls,
    /// Planted mistake, which the run has to find.
    pub plant: Option<Plant>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            steps: 3_000,
            drain: 60_000,
            actions: 80,
            burst: 1,
            workers: 5,
            fewest: 0,
            stopped_ms: 20_000,
            stops_at_settle: 0,
            slow_calls: 60,
            tasks: 100,
            usual_ms: 2_000,
            poll_ms: 500,
            longest_ms: 30_000,
            handles: 3,
            jump_ms: 60_000,
            faults: 120,
            outages: 0,
            outage_ms: 0,
            platform_faults: 0,
            kills: 8,
            stalls: Stalls::Any,
            plant: None,
        }
    }
}

impl Config {
    /// Configuration of short runs for thousands of seeds: some dozens of steps, with frequent
    /// faults.
    pub fn short() -> Self {
        Self {
            steps: 80,
            drain: 10_000,
            actions: 400,
            burst: 6,
            workers: 3,
            fewest: 2,
            stopped_ms: 4_000,
            tasks: 12,
            usual_ms: 500,
            poll_ms: 2_000,
            longest_ms: 3_000,
            handles: 2,
            jump_ms: 3_000,
            faults: 60,
            ..Self::default()
        }
    }
}

/// Threads that are stopped now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stalls {
    /// Whole workers, as by SIGSTOP, only their lease keepers, or all but their lease keepers.
    Any,
    /// All but the lease keepers, as by a slow observer or a slow write.
    WorkersAlone,
}

/// Planted mistake that a run has to find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plant {
    /// The engine records outcomes of lost claims.
    NoFence,
    /// The engine acknowledges tasks and forgets one in ten.
    ForgetsTasks,
    /// The engine claims tasks that run already.
    ClaimsTwice,
    /// A worker does not review its claims after an unknown commit.
    HidesClaims,
    /// Recovery does not look for processes.
    NoSweep,
    /// Killed workers keep their locks.
    NobodyDies,
    /// Recovery ends every process that the dead worker ever started.
    SweepsAll,
    /// Recovery looks for marks alone.
    IgnoresRecords,
    /// A process assumes that its writes succeed.
    NoProbe,
    /// A worker gives up claims that it cannot extend.
    GivesUp,
    /// The engine gives the slots that a queue keeps to others.
    GivesKept,
    /// The engine forgets which queue had the last turn.
    ForgetsTurns,
}

impl Plant {
    /// All mistakes that any engine can make.
    pub const ALL: [Self; 8] = [
        Self::NoFence,
        Self::ForgetsTasks,
        Self::ClaimsTwice,
        Self::HidesClaims,
        Self::NoSweep,
        Self::NobodyDies,
        Self::SweepsAll,
        Self::IgnoresRecords,
    ];

    /// Mistakes that show only with several queues.
    pub const OF_TURNS: [Self; 2] = [Self::GivesKept, Self::ForgetsTurns];

    /// Mistakes that only an engine with leases can make.
    pub const UNDER_LEASES: [Self; 2] = [Self::NoProbe, Self::GivesUp];
}

/// Result of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Hash of the whole trace: equal for equal seeds.
    pub trace: u64,
    /// Violations of the invariants, as sentences.
    pub violations: Vec<String>,
    /// Last lines of the trace, oldest first.
    pub last: Vec<String>,
    /// Counts of events, which show that a run was worthwhile.
    pub counts: Counts,
    /// Simulated time, in milliseconds.
    pub simulated_ms: u64,
    /// The part of it in which no task was open and no execution ran.
    pub idle_ms: u64,
}

/// Counts of events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Tasks acknowledged.
    pub tasks: u64,
    /// Executions begun.
    pub starts: u64,
    /// Workers killed.
    pub kills: u64,
    /// Power cuts.
    pub cuts: u64,
    /// Executions that outlived their worker.
    pub orphans: u64,
    /// Dead workers, and expired claims, recovered.
    pub recoveries: u64,
    /// Claims returned because their leases had run out.
    pub expired: u64,
    /// Of these, claims of workers that lived.
    pub taken: u64,
    /// Calls that were refused or got no answer.
    pub faults: u64,
    /// Times at which the file began to refuse every write.
    pub outages: u64,
    /// Executions whose claims were lost while they ran.
    pub lost: u64,
    /// Turns of workers.
    pub turns: u64,
    /// Files that were verified at the end: one in eight.
    pub verified: u64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.tasks += other.tasks;
        self.starts += other.starts;
        self.kills += other.kills;
        self.cuts += other.cuts;
        self.orphans += other.orphans;
        self.recoveries += other.recoveries;
        self.expired += other.expired;
        self.taken += other.taken;
        self.faults += other.faults;
        self.outages += other.outages;
        self.lost += other.lost;
        self.turns += other.turns;
        self.verified += other.verified;
    }
}

/// Runs one seed over a new file. `make` opens the engine on it, once per handle.
///
/// # Panics
/// If the file cannot be created or opened at all.
pub fn run<Q: Queue>(
    seed: u64,
    config: &Config,
    make: impl Fn(&Path, Arc<dyn Clock>, Arc<dyn Random>) -> queue_core::Result<Q>,
) -> Report {
    Setup::new(seed, config).run(&make)
}

/// Setup of a run, with an optional file to begin from and an extension.
#[derive(Clone)]
pub struct Setup<'a, Q: Queue> {
    seed: u64,
    config: Config,
    template: Option<&'a Template>,
    extension: Arc<dyn Extension<Q>>,
}

impl<'a, Q: Queue> Setup<'a, Q> {
    /// Creates a run over a new file, without an extension.
    pub fn new(seed: u64, config: &Config) -> Self {
        Self {
            seed,
            config: *config,
            template: None,
            extension: Arc::new(()),
        }
    }

    /// Sets the file that the run begins with a copy of.
    #[must_use]
    pub fn copy_of(mut self, template: &'a Template) -> Self {
        self.template = Some(template);
        self
    }

    /// Sets the extension of an engine.
    #[must_use]
    pub fn with(mut self, extension: Arc<dyn Extension<Q>>) -> Self {
        self.extension = extension;
        self
    }

    /// Runs it, as [`run`] does.
    ///
    /// # Panics
    /// If the file cannot be created or opened at all.
    pub fn run(self, platform: &impl Platform<Q>) -> Report {
        chaos::Simulation::new(self, platform).run()
    }
}
