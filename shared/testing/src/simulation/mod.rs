//! Drives the shipped worker, recovery and wake code over a real engine on one thread, from one
//! seed: time, chance, child processes and death are simulated, locks, sockets and the database
//! are real. What happens depends on the seed alone, so a seed that fails can be replayed.
//!
//! A run has a wild phase (workers are killed between any two actions, stopped, paused; the
//! database is busy or does not say whether it committed; datagrams get lost; wall time jumps;
//! tasks are cancelled and retried) and a drain phase in which everything has to end. What only one
//! engine can do, it adds as an [`Extension`].
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
mod host;
mod platform;
mod template;
mod workers;
mod world;

use std::path::Path;
use std::sync::Arc;

pub use extension::{Call, Context, Extension, Ledger};
pub use platform::{Platform, PlatformFault};
pub use template::Template;

use queue_core::clock::Clock;
use queue_core::queue::Queue;
use queue_core::random::Random;

/// How wild a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// Steps of the wild phase.
    pub steps: u32,
    /// Turns that the drain phase may take before it counts as stuck.
    pub drain: u64,
    /// In how many of 1,000 steps something is done to the workers or the tasks; in the others
    /// the workers work.
    pub actions: u32,
    /// How often workers have a turn in one step, and things a worker does in one turn, at most.
    pub burst: u32,
    /// Workers at once, at most.
    pub workers: usize,
    /// With fewer workers than so many, another is started soon.
    pub fewest: usize,
    /// How long a stopped worker stays so at most, in milliseconds.
    pub stopped_ms: u32,
    /// Before how many of 1,000 settles the worker is stopped.
    pub stops_at_settle: u32,
    /// How many of 1,000 calls of a worker take their time, while the rest of it goes on.
    pub slow_calls: u32,
    /// Tasks enqueued, at most.
    pub tasks: usize,
    /// How long most executions take, and tasks are put off, in milliseconds, at most.
    pub usual_ms: u64,
    /// How often a worker looks whether anything was committed, in milliseconds.
    pub poll_ms: u64,
    /// How long the longest executions take.
    pub longest_ms: u64,
    /// Handles on the file, as of several processes.
    pub handles: usize,
    /// How far wall time jumps at most, to either side, in milliseconds.
    pub jump_ms: u32,
    /// How many of 1,000 calls to the engine are refused or left in the dark.
    pub faults: u32,
    /// In how many of 1,000 steps the file begins to refuse every write, of whatever process.
    pub outages: u32,
    /// How long it does so at most, in milliseconds.
    pub outage_ms: u64,
    /// In how many of 1,000 steps the platform breaks.
    pub platform_faults: u32,
    /// How many of 100 actions kill a worker; at most 8.
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
    /// A run of some dozens of steps, for thousands of seeds: as much as can happen in it does.
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

/// What is stopped now and then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stalls {
    /// Whole workers, as by SIGSTOP; their lease keepers alone; or all but their lease keepers.
    Any,
    /// All but their lease keepers, as by an observer or a write that takes long.
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
    /// Recovery ends whatever the dead worker ever started.
    SweepsAll,
    /// Recovery looks for marks alone.
    IgnoresRecords,
    /// A process takes it that it could write, whatever became of its write.
    NoProbe,
    /// A worker gives up what it cannot extend.
    GivesUp,
}

impl Plant {
    /// Every mistake that any engine can make.
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

    /// Those that only an engine with leases can make.
    pub const UNDER_LEASES: [Self; 2] = [Self::NoProbe, Self::GivesUp];
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
    /// The part of it in which no task was open and nothing ran.
    pub idle_ms: u64,
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
    /// Calls refused or left in the dark.
    pub faults: u64,
    /// Times at which the file began to refuse every write.
    pub outages: u64,
    /// Executions whose claims were lost while they ran.
    pub lost: u64,
    /// Steps in which a worker did something.
    pub turns: u64,
    /// Files whose every invariant was verified at the end: one in eight.
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

/// Runs one seed over a fresh file. `make` opens the engine on it; it is called several times, for
/// several handles on one file.
///
/// # Panics
/// When the file cannot be created or opened at all.
pub fn run<Q: Queue>(
    seed: u64,
    config: &Config,
    make: impl Fn(&Path, Arc<dyn Clock>, Arc<dyn Random>) -> queue_core::Result<Q>,
) -> Report {
    Setup::new(seed, config).run(&make)
}

/// A run to be: what it may begin from, and what is added to it.
#[derive(Clone)]
pub struct Setup<'a, Q: Queue> {
    seed: u64,
    config: Config,
    template: Option<&'a Template>,
    extension: Arc<dyn Extension<Q>>,
}

impl<'a, Q: Queue> Setup<'a, Q> {
    /// A run over a new file, with nothing added.
    pub fn new(seed: u64, config: &Config) -> Self {
        Self {
            seed,
            config: *config,
            template: None,
            extension: Arc::new(()),
        }
    }

    /// Begins from a copy of that file.
    #[must_use]
    pub fn copy_of(mut self, template: &'a Template) -> Self {
        self.template = Some(template);
        self
    }

    /// Adds what an engine has of its own.
    #[must_use]
    pub fn with(mut self, extension: Arc<dyn Extension<Q>>) -> Self {
        self.extension = extension;
        self
    }

    /// Runs it, as [`run`] does.
    ///
    /// # Panics
    /// When the file cannot be created or opened at all.
    pub fn run(self, platform: &impl Platform<Q>) -> Report {
        chaos::Simulation::new(self, platform).run()
    }
}
