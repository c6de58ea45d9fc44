//! Simulated world: its processes, its trace and the invariants.

mod child;
mod executions;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use super::holds::Holds;
use super::{Config, Counts, Plant};
use child::{Child, Kind, Traces};
use queue_core::claim::{Claim, ClaimedTask, WorkerId};
use queue_core::clock::BootTime;
use queue_core::error::{Error, Result};
use queue_core::internals::orphans::Search;
use queue_core::internals::recovery::Sweep;
use queue_core::outcome::{Settled, Settlement};
use queue_core::queue::Reaped;
use queue_core::state::State;
use queue_core::task::{Task, TaskId};

/// Number of lines of the trace that are kept.
const KEPT_LINES: usize = 60;
/// The system refuses one scan for processes in so many.
const REFUSED_SCANS: u64 = 8;

/// Shared handle to the world.
#[derive(Clone, Debug)]
pub(super) struct Shared(Arc<Mutex<World>>);

impl Shared {
    pub(super) fn new(seed: u64, config: Config) -> Self {
        Self(Arc::new(Mutex::new(World {
            rng: fastrand::Rng::with_seed(seed),
            config,
            draining: false,
            refuses_until: BootTime::default(),
            commits: 0,
            children: Vec::new(),
            living: BTreeSet::new(),
            notices: Vec::new(),
            tokens: BTreeMap::new(),
            holds: Holds::default(),
            acknowledged: BTreeSet::new(),
            reopened: BTreeSet::new(),
            states: BTreeMap::new(),
            settled: BTreeSet::new(),
            trace: 0xcbf2_9ce4_8422_2325,
            last: VecDeque::new(),
            violations: Vec::new(),
            counts: Counts::default(),
        })))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Fault of a call to the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    Busy,
    /// All writes of all processes fail.
    Outage,
    /// The commit failed, and the caller does not know.
    UnknownUnwritten,
    /// The commit succeeded, and the caller does not know.
    UnknownWritten,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) rng: fastrand::Rng,
    pub(super) config: Config,
    pub(super) draining: bool,
    /// Time until which the file refuses every write.
    pub(super) refuses_until: BootTime,
    /// Incremented by every write, like the change counter.
    pub(super) commits: i64,
    children: Vec<Child>,
    living: BTreeSet<WorkerId>,
    /// Deaths that watching workers have not noticed yet.
    notices: Vec<(WorkerId, WorkerId)>,
    tokens: BTreeMap<TaskId, i64>,
    pub(super) holds: Holds,
    acknowledged: BTreeSet<TaskId>,
    pub(super) reopened: BTreeSet<TaskId>,
    states: BTreeMap<TaskId, State>,
    /// Claims whose outcomes are recorded.
    settled: BTreeSet<Claim>,
    trace: u64,
    pub(super) last: VecDeque<String>,
    pub(super) violations: Vec<String>,
    pub(super) counts: Counts,
}

impl World {
    /// Adds a line to the trace.
    pub(super) fn note(&mut self, what: fmt::Arguments<'_>) {
        let line = what.to_string();
        for byte in line.bytes().chain([b'\n']) {
            self.trace = (self.trace ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        if self.last.len() == KEPT_LINES {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    pub(super) fn trace(&self) -> u64 {
        self.trace
    }

    pub(super) fn violated(&mut self, what: String) {
        self.note(format_args!("VIOLATION: {what}"));
        if self.violations.len() < 20 {
            self.violations.push(what);
        }
    }

    /// Returns true in so many of 1,000 cases.
    pub(super) fn chance(&mut self, per_mille: u32) -> bool {
        self.rng.u32(0..1000) < per_mille
    }

    pub(super) fn plant(&self, plant: Plant) -> bool {
        self.config.plant == Some(plant)
    }

    pub(super) fn fault(&mut self) -> Fault {
        if self.draining || !self.chance(self.config.faults) {
            return Fault::None;
        }
        self.counts.faults += 1;
        match self.rng.u32(0..4) {
            0 | 1 => Fault::Busy,
            2 => Fault::UnknownUnwritten,
            _ => Fault::UnknownWritten,
        }
    }

    /// Like [`fault`](Self::fault), for a write.
    pub(super) fn fault_of_write(&mut self, now: BootTime) -> Fault {
        if !self.draining && now < self.refuses_until {
            return Fault::Outage;
        }
        self.fault()
    }

    pub(super) fn acknowledge(&mut self, task: TaskId) {
        if self.acknowledged.insert(task) {
            self.counts.tasks += 1;
        }
    }

    pub(super) fn acknowledged(&self) -> Vec<TaskId> {
        self.acknowledged.iter().copied().collect()
    }

    /// Forgets a task that was deleted rightly.
    pub(super) fn pruned(&mut self, task: TaskId) {
        self.states.remove(&task);
        self.acknowledged.remove(&task);
    }

    /// Takes in a claim.
    pub(super) fn claimed(&mut self, task: &ClaimedTask, row: Option<&Task>) {
        let Claim {
            task: id, token, ..
        } = task.claim;
        self.note(format_args!(
            "claimed {id} attempt {} token {token}",
            task.attempt
        ));
        if let Some(earlier) = self.tokens.insert(id, token)
            && earlier >= token
        {
            self.violated(format!("token of {id} went from {earlier} to {token}"));
        }
        let Some(row) = row else {
            return;
        };
        let spent = task.attempt.saturating_sub(row.attempt_base);
        if spent > task.options.max_attempts {
            self.violated(format!("{id} is tried for the {spent}th time"));
        }
        if row.crashes >= task.options.max_crashes {
            self.violated(format!("{id} has crashed {} times", row.crashes));
        }
    }

    /// Takes in recorded and refused outcomes: those of a superseded claim have to be refused.
    pub(super) fn settled(&mut self, settlements: &[Settlement], settled: &[Settled]) {
        self.note(format_args!("settled {settled:?}"));
        for (Settlement { claim, .. }, settled) in settlements.iter().zip(settled) {
            let is_stale = self.tokens.get(&claim.task) > Some(&claim.token);
            if is_stale && *settled != Settled::ClaimLost {
                self.violated(format!("a stale claim of {} was settled", claim.task));
            }
            if *settled != Settled::ClaimLost {
                self.settled.insert(*claim);
            }
        }
    }

    pub(super) fn reaped(&mut self, reaped: &[Reaped], now: BootTime) {
        for reaped in reaped {
            let task = reaped.claim.task;
            if !self.plant(Plant::NoSweep) && self.is_running(task, now) {
                self.violated(format!("{task} was returned while its orphan lived"));
            }
        }
    }

    /// Adds a worker.
    pub(super) fn born(&mut self, worker: WorkerId) {
        self.living.insert(worker);
    }

    pub(super) fn lives(&self, worker: WorkerId) -> bool {
        self.living.contains(&worker)
    }

    /// Claims with a running execution.
    pub(super) fn executions(&self) -> Vec<Claim> {
        self.commands().map(|child| child.claim).collect()
    }

    /// Running executions, without background processes of ended commands.
    fn commands(&self) -> impl Iterator<Item = &Child> {
        self.children
            .iter()
            .filter(|child| child.kind != Kind::Daemon)
    }

    /// Ends a worker's process and its handlers; its commands run on.
    pub(super) fn died(&mut self, worker: WorkerId, watchers: &[WorkerId]) {
        self.living.remove(&worker);
        self.children
            .retain(|child| child.claim.worker != worker || child.kind != Kind::Handler);
        for child in &mut self.children {
            if child.claim.worker == worker && child.kind != Kind::Daemon {
                child.is_orphan = true;
                self.counts.orphans += 1;
            }
        }
        for watcher in watchers {
            // If the pidfd does not show the death, the lock does.
            if self.rng.u32(0..10) > 0 {
                self.notices.push((*watcher, worker));
            }
        }
    }

    /// Returns true if a worker that `watcher` watches has died since the last call.
    pub(super) fn has_notice(&mut self, watcher: WorkerId) -> bool {
        let before = self.notices.len();
        self.notices.retain(|(to, _)| *to != watcher);
        self.notices.len() < before
    }

    /// Ends every process, including commands.
    pub(super) fn power_cut(&mut self) {
        self.children.clear();
        self.living.clear();
        self.notices.clear();
    }

    /// Takes the file's contents as the expected ones, after the last writes may have been lost.
    pub(super) fn rebase(&mut self, tasks: &[Task]) {
        self.acknowledged = tasks.iter().map(|task| task.id).collect();
        self.states = tasks.iter().map(|task| (task.id, task.state)).collect();
        self.tokens = tasks.iter().map(|task| (task.id, task.token)).collect();
        self.reopened.clear();
        self.holds.clear();
    }

    pub(super) fn reopen_all(&mut self) {
        self.holds.clear();
        self.reopened.extend(self.states.keys());
    }

    /// Returns true if nothing runs and no task is known to be open.
    pub(super) fn is_idle(&self) -> bool {
        self.commands().next().is_none() && self.states.values().all(|state| state.is_terminal())
    }

    /// Ends the processes of a search, unless the system refuses to list processes.
    pub(super) fn sweep(&mut self, search: &Search, now: BootTime) -> Result<Sweep> {
        let mut sweep = Sweep::default();
        if self.plant(Plant::NoSweep) {
            return Ok(sweep);
        }
        if self.rng.u64(0..REFUSED_SCANS) == 0 {
            return Err(Error::io("cannot list processes", Errno::MFILE));
        }
        let delay = Duration::from_millis(self.rng.u64(0..30));
        let (all, marks) = (
            self.plant(Plant::SweepsAll),
            self.plant(Plant::IgnoresRecords),
        );
        let is_meant = |own: &Claim| {
            let claims = search.claims();
            claims.contains(own) || all && claims.iter().any(|claim| claim.worker == own.worker)
        };
        let is_seen = |child: &Child| !marks || child.traces != Traces::Record;
        let mut wronged = Vec::new();
        for child in &mut self.children {
            if is_meant(&child.claim) && is_seen(child) && child.ends_at > now {
                child.ends_at = child.ends_at.min(now.after(delay));
                sweep.signalled.push(child.found());
                if self.settled.contains(&child.claim) {
                    wronged.push(child.claim.task);
                }
            }
        }
        for task in wronged {
            self.violated(format!("what {task} left when it had ended was ended"));
        }
        Ok(sweep)
    }

    fn is_running(&self, task: TaskId, now: BootTime) -> bool {
        let runs = |child: &Child| child.claim.task == task && child.ends_at > now;
        self.commands().any(runs)
    }

    /// Number of running commands of a worker that reports its end. A handler that ignores its flag
    /// ends with its process.
    pub(super) fn left_by(&self, worker: WorkerId, now: BootTime) -> usize {
        let own = |child: &Child| child.claim.worker == worker && child.kind == Kind::Command;
        let left = |child: &&Child| own(child) && child.ends_at > now;
        self.commands().filter(left).count()
    }

    /// Workers with ended executions that they have not noticed.
    pub(super) fn with_ended(&self, now: BootTime) -> Vec<WorkerId> {
        let ended = self.commands().filter(|child| child.ends_at <= now);
        ended.map(|child| child.claim.worker).collect()
    }

    pub(super) fn next_end(&self, now: BootTime) -> Option<BootTime> {
        let ends = self.commands().map(|child| child.ends_at);
        ends.filter(|at| *at > now).min()
    }

    /// Compares every task with its last known state: no acknowledged task vanishes, terminal
    /// states change only by a retry, and a task with an execution is running.
    pub(super) fn compare(&mut self, tasks: &[Task], now: BootTime) {
        let present: BTreeMap<_, _> = tasks.iter().map(|task| (task.id, task)).collect();
        for task in self.acknowledged() {
            if !present.contains_key(&task) {
                self.violated(format!("acknowledged task {task} has vanished"));
                self.acknowledged.remove(&task);
            }
        }
        for task in tasks {
            let before = self.states.insert(task.id, task.state);
            let reopened = self.reopened.contains(&task.id);
            if let Some(before) = before
                && before.is_terminal()
                && before != task.state
                && !reopened
            {
                self.violated(format!("{} went from {before} to {}", task.id, task.state));
            }
            if task.state != State::Running && self.is_running(task.id, now) {
                self.violated(format!("{} is {} and runs", task.id, task.state));
            }
        }
        self.reopened.clear();
    }
}
