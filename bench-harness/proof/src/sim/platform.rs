//! The platform of a run: a failing machine, with one process per handle.

use std::ops::AddAssign;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fast_queue::FastQueue;
use queue_core::clock::Clock;
use queue_core::random::Random;
use queue_core::sqlite::{Database, Durability, OpenOptions};
use queue_core::{Result, TaskId};
use queue_testing::simulation::{Platform, PlatformFault};
use workflow_queue::{SqliteOptions, WorkflowQueue};

use super::prologue;
use crate::disk::{Fault, Guess, Kind};
use crate::vfs::{Machine, Vfs};

/// Duration of a lease: the default.
const LEASE: Duration = Duration::from_secs(30);

/// File at the start of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begins {
    /// A new file of fast-queue.
    Fast,
    /// A new file of workflow-queue.
    Workflow,
    /// A file of fast-queue with tasks in it, promoted while the power fails.
    Promoted,
}

/// Number of injected faults by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// Power cuts.
    pub power: u64,
    /// Kills of a process between two system calls.
    pub killed: u64,
    /// Restarts of a process between two calls.
    pub restarted: u64,
    /// Armed I/O errors.
    pub errors: u64,
    /// Full disks.
    pub full: u64,
    /// Checkpoints: moves of a log into its file.
    pub checkpoints: u64,
}

impl AddAssign for Injected {
    fn add_assign(&mut self, other: Self) {
        self.power += other.power;
        self.killed += other.killed;
        self.restarted += other.restarted;
        self.errors += other.errors;
        self.full += other.full;
        self.checkpoints += other.checkpoints;
    }
}

/// The machine and its processes.
#[derive(Debug)]
pub(super) struct FailingPlatform {
    durability: Durability,
    begins: Begins,
    seed: u64,
    lies: bool,
    processes: Vec<Vfs>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    machine: Machine,
    injected: Injected,
    has_begun: bool,
    enqueued: Arc<Mutex<Vec<TaskId>>>,
}

impl FailingPlatform {
    pub(super) fn new(
        seed: u64,
        begins: Begins,
        durability: Durability,
        processes: usize,
        lies: bool,
    ) -> Self {
        let machine = Machine::default();
        machine.disk(|disk| disk.lies = lies);
        Self {
            durability,
            begins,
            seed,
            lies,
            processes: (0..processes).map(|_| Vfs::acquire()).collect(),
            state: Mutex::new(State {
                machine,
                injected: Injected::default(),
                has_begun: false,
                enqueued: Arc::default(),
            }),
        }
    }

    pub(super) fn injected(&self) -> Injected {
        self.state().injected
    }

    /// Tasks enqueued before the run begins; filled once it has begun.
    pub(super) fn enqueued(&self) -> Arc<Mutex<Vec<TaskId>>> {
        Arc::clone(&self.state().enqueued)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process. Returns the options with which it opens the file: reads and writes share one
    /// connection, and no work has its own thread, so that a run depends on its seed alone.
    fn start(
        &self,
        process: usize,
        path: &Path,
        clock: &Arc<dyn Clock>,
        random: &Arc<dyn Random>,
    ) -> Result<OpenOptions> {
        let mut state = self.state();
        let vfs = &self.processes[process];
        vfs.run_on(&state.machine);
        let options = OpenOptions::new(self.durability)?
            .one_shot(true)
            .vfs(vfs.name().to_owned())
            .clock(Arc::clone(clock))
            .random(Arc::clone(random));
        if !std::mem::replace(&mut state.has_begun, true) && self.begins == Begins::Promoted {
            let enqueued = prologue::promote(self.seed, path, &options, &mut |image| {
                let machine = Machine::start(image);
                vfs.run_on(&machine);
                state.machine = machine.clone();
                machine
            })?;
            *state
                .enqueued
                .lock()
                .unwrap_or_else(PoisonError::into_inner) = enqueued;
        }
        Ok(options)
    }

    /// Injects the fault determined by `seed`.
    fn draw_fault(&self, seed: u64) -> PlatformFault {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut state = self.state();
        // A permanent fault ends at some later call.
        if rng.bool() {
            state.machine.disk(crate::disk::Disk::mend);
        }
        let process = rng.usize(0..self.processes.len());
        match rng.u8(0..100) {
            0..22 => {
                state.injected.power += 1;
                self.cut(&mut state, rng.u64(..));
                PlatformFault::Power {
                    keeps: self.durability == Durability::Full,
                }
            }
            22..44 => {
                state.injected.killed += 1;
                self.processes[process].kill_after(rng.u64(1..120));
                PlatformFault::Unnoticed
            }
            44..54 => {
                state.injected.restarted += 1;
                PlatformFault::Process(process)
            }
            54..74 => {
                state.injected.errors += 1;
                let kind = rng.choice(Kind::ALL).unwrap_or(Kind::Write);
                let fault = Fault {
                    kind,
                    nth: rng.u64(1..60),
                    for_good: rng.u8(0..6) == 0,
                };
                state.machine.disk(|disk| disk.fail(fault));
                PlatformFault::Unnoticed
            }
            74..80 => {
                state.injected.full += 1;
                let full = Fault::for_good(Kind::Full, rng.u64(1..40));
                state.machine.disk(|disk| disk.fail(full));
                PlatformFault::Unnoticed
            }
            _ => {
                state.injected.checkpoints += 1;
                PlatformFault::Unnoticed
            }
        }
    }

    /// Cuts the power and boots the machine again.
    fn cut(&self, state: &mut State, seed: u64) {
        let image = state
            .machine
            .disk(|disk| disk.after_cut(&mut Guess::random(seed)));
        state.machine = Machine::start(&image);
        state.machine.disk(|disk| disk.lies = self.lies);
        for process in &self.processes {
            process.run_on(&state.machine);
        }
    }
}

/// Methods shared by both engines' platforms.
macro_rules! platform {
    ($queue:ty, $open:expr, $database:expr) => {
        impl Platform<$queue> for FailingPlatform {
            fn open(
                &self,
                process: usize,
                path: &Path,
                clock: &Arc<dyn Clock>,
                random: &Arc<dyn Random>,
            ) -> Result<$queue> {
                $open(path, self.start(process, path, clock, random)?)
            }

            fn break_something(&self, lot: u64) -> PlatformFault {
                self.draw_fault(lot)
            }

            fn is_dead(&self, process: usize) -> bool {
                !self.processes[process].is_running()
            }

            fn is_broken(&self) -> bool {
                let broken = self.state().machine.disk(|disk| disk.is_armed());
                broken || self.processes.iter().any(|process| process.is_dying())
            }

            fn repair(&self) {
                self.state().machine.disk(|disk| disk.mend());
            }

            fn work_in_background(&self, queue: &$queue) {
                // The next write meets the same error again.
                let _ = $database(queue).checkpoint();
            }
        }
    };
}

fn open_workflow(path: &Path, open: OpenOptions) -> Result<WorkflowQueue> {
    WorkflowQueue::open_with(path, SqliteOptions::new()?.open(open).lease(LEASE))
}

fn database_of(queue: &WorkflowQueue) -> &Database {
    queue.database()
}

platform!(FastQueue, FastQueue::open_with, FastQueue::database);
platform!(WorkflowQueue, open_workflow, database_of);
