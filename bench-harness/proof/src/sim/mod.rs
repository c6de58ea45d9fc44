//! Whole systems: the shipped worker, lease keeper, recovery and engine, driven from one seed on one
//! thread by [`queue_testing::simulation`], on a failing disk in machines that lose power.

mod flows;
mod platform;
mod prologue;
mod schedules;
mod shrink;
mod workflow;

use std::ops::AddAssign;
use std::sync::Arc;

use fast_queue::FastQueue;
use queue_core::Result;
use queue_core::sqlite::Durability;
use queue_testing::simulation::{Config, Counts, Plant, Report, Setup};
use workflow_queue::WorkflowQueue;

use crate::budget::Budget;
use crate::campaign::{self, Outcome, Violation};
use platform::{Begins, FailingPlatform, Injected};
pub use schedules::{Firings, Mistake, OF_SCHEDULES};
pub use shrink::{Size, shrink};
use workflow::Workflow;

/// Options of a simulation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Size of a run; the seed's own if not set.
    pub size: Option<Size>,
    /// A deliberate mistake, to check that it is found.
    pub plant: Option<Plant>,
    /// A deliberate mistake in schedules.
    pub mistake: Option<Mistake>,
    /// A lying disk, which acknowledges syncs without doing them: another deliberate mistake.
    pub lies: bool,
}

/// Counts of the work done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Runs.
    pub runs: u64,
    /// Simulated milliseconds in which a task was open or a command ran.
    pub worked_ms: u64,
    /// Simulated milliseconds skipped because no task was open.
    pub idle_ms: u64,
    /// Events of the runs.
    pub counts: Counts,
    /// Firings of schedules.
    pub firings: Firings,
    /// Faults injected into the machines.
    pub injected: Injected,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.worked_ms += other.worked_ms;
        self.idle_ms += other.idle_ms;
        self.counts += other.counts;
        self.firings += other.firings;
        self.injected += other.injected;
    }
}

impl campaign::Tally for Tally {
    /// Whole hours with work.
    fn count(&self) -> u64 {
        self.worked_ms / 3_600_000
    }
}

/// Runs of minutes to hours, with commands of minutes and leases of half a minute.
fn config(seed: u64, options: &Options) -> Config {
    let Size { steps, tasks } = options.size.unwrap_or_else(|| Size::of(seed));
    Config {
        steps,
        tasks,
        drain: 400_000,
        actions: 150,
        burst: 3,
        workers: 5,
        fewest: 3,
        stopped_ms: 300_000,
        stops_at_settle: 250,
        // A worker takes over a claim only after seeing it several times; a worker that waits minutes
        // at every sixteenth call would take none.
        slow_calls: 10,
        usual_ms: 120_000,
        poll_ms: 10_000,
        longest_ms: 1_800_000,
        handles: 3,
        jump_ms: 3_600_000,
        faults: 20,
        platform_faults: 12,
        kills: 6,
        plant: options.plant,
        ..Config::default()
    }
}

/// Initial file and durability of a seed: either engine at either durability, or a promoted file.
fn begins(seed: u64) -> (Begins, Durability) {
    let durability = match (seed / 3) % 2 {
        0 => Durability::Full,
        _ => Durability::Fast,
    };
    let begins = match seed % 3 {
        0 => Begins::Fast,
        1 => Begins::Workflow,
        _ => Begins::Promoted,
    };
    (begins, durability)
}

/// Result of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Report of the simulation.
    pub report: Report,
    /// Firings of schedules.
    pub firings: Firings,
    /// Faults injected into the machines.
    pub injected: Injected,
}

/// Runs one seed.
///
/// # Panics
/// When the system provides no folder, or a new file cannot be opened.
#[must_use]
pub fn simulate(seed: u64, options: &Options) -> Run {
    let config = config(seed, options);
    let (begins, durability) = begins(seed);
    let platform = FailingPlatform::new(seed, begins, durability, config.handles, options.lies);
    let (report, firings) = if begins == Begins::Fast {
        let report = Setup::<FastQueue>::new(seed, &config).run(&platform);
        (report, Firings::default())
    } else {
        let workflow = Arc::new(Workflow::new(platform.enqueued(), options.mistake));
        let report = Setup::<WorkflowQueue>::new(seed, &config)
            .with(Arc::<Workflow>::clone(&workflow))
            .run(&platform);
        (report, workflow.firings())
    };
    Run {
        report,
        firings,
        injected: platform.injected(),
    }
}

/// Runs one seed, and counts.
#[must_use]
pub fn one(seed: u64, options: &Options) -> (Tally, Vec<Violation>) {
    let run = simulate(seed, options);
    let report = run.report;
    let tally = Tally {
        runs: 1,
        worked_ms: report.simulated_ms - report.idle_ms,
        idle_ms: report.idle_ms,
        counts: report.counts,
        firings: run.firings,
        injected: run.injected,
    };
    let violations = report.violations.into_iter();
    let violations = violations.map(|what| Violation { seed, what });
    (tally, violations.collect())
}

/// Runs one seed after another, starting at `first`, on all processors, until the budget of hours with
/// work is spent or a violation is found.
///
/// # Errors
/// Never; the signature is that of the other proofs.
pub fn run(first: u64, options: &Options, budget: &Budget) -> Result<Outcome<Tally>> {
    campaign::run(first, budget, |seed, _| Ok(one(seed, options)))
}
