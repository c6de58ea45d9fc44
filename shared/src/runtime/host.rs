//! Host of a worker: the processes, sockets and locks around it. The real one is
//! [`LinuxHost`](super::linux_host::LinuxHost); the simulation has its own.

use std::fmt;

use super::end::{Ending, StartError, Unreachable};
use super::orphans::Search;
use super::protocol::Event;
use super::recovery::Sweep;
use super::stop_reason::StopReason;
use crate::claim::{Claim, ClaimedTask, WorkerId};
use crate::clock::{BootTime, Now};
use crate::coordination::Origin;
use crate::error::Result;
use crate::queue::WorkerInfo;

/// Tasks that are ready to be started. Starting them may take long, so it needs no access to the
/// host.
pub trait Batch: Send + fmt::Debug {
    /// Result of starting the batch.
    type Started: Send + fmt::Debug;

    /// Returns true if no start in this batch can take long.
    fn is_quick(&self) -> bool;

    /// Starts the tasks.
    fn start(self) -> Self::Started;
}

/// Host of a worker. Only [`wait`](Self::wait) blocks.
pub trait Host {
    /// Batch that [`prepare`](Self::prepare) makes.
    type Batch: Batch;

    /// Prepares tasks for their start. There is one batch at a time.
    fn prepare(&mut self, tasks: Vec<ClaimedTask>, now: Now) -> Self::Batch;

    /// Takes over a started batch. Returns the start time of each task, or the reason why it was
    /// not started. A task whose inputs take long to write is missing from the result: it is
    /// started again after [`Event::Prepared`], unless it is signalled before.
    fn adopt(&mut self, started: <Self::Batch as Batch>::Started) -> Vec<(Claim, StartResult)>;

    /// Largest number of tasks in a batch.
    fn together(&self) -> usize {
        1
    }

    /// Signals a running task's process group, or gives its handler the reason to end.
    fn signal(&mut self, claim: Claim, ending: Ending, reason: StopReason);

    /// Returns the processes of these ending executions that this user cannot signal.
    fn cannot_end(&self, claims: &[Claim]) -> Vec<Unreachable>;

    /// Marks the worker as idle, so that others wake it, or removes the mark.
    fn set_idle(&mut self, idle: bool);

    /// Starts or stops listening for tasks that end in other workers.
    fn set_listening(&mut self, listening: bool);

    /// Wakes another idle worker.
    fn wake_another(&mut self);

    /// Prepares for another number of slots. Returns the worker as it is to be registered again.
    fn resize(&mut self, slots: u32) -> WorkerInfo;

    /// Checks if another worker is alive, and watches it from then on. If it is dead, its lock is
    /// taken and held until [`release`](Self::release).
    fn look_at(&mut self, peer: &WorkerInfo) -> Result<Peer>;

    /// Stops watching all other workers.
    fn watch_only(&mut self, peers: &[WorkerInfo]);

    /// Returns a sweeper, which ends processes of lost claims.
    fn sweeper(&mut self) -> Sweeper;

    /// Releases a dead worker's lock and removes its files, unless `keep_files` is set.
    fn release(&mut self, dead: WorkerId, keep_files: bool);

    /// Waits until something happens or until `until`, and appends the events.
    fn wait(&mut self, now: Now, until: Option<BootTime>, events: &mut Vec<Event>) -> Result<()>;
}

/// Start time of a task, or the reason why it was not started.
pub type StartResult = Result<BootTime, StartError>;

/// One scan that ends the processes of lost claims.
pub struct Sweeper(Box<ScanFn>);

type ScanFn = dyn Fn(&mut Search, Now) -> Result<Sweep> + Send;

impl Sweeper {
    /// Creates a sweeper that runs `sweep`.
    pub fn new(sweep: impl Fn(&mut Search, Now) -> Result<Sweep> + Send + 'static) -> Self {
        Self(Box::new(sweep))
    }

    /// Runs the scan.
    ///
    /// # Errors
    /// When the system does not list processes.
    pub fn sweep(&self, search: &mut Search, now: Now) -> Result<Sweep> {
        (self.0)(search, now)
    }
}

impl fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweeper").finish_non_exhaustive()
    }
}

/// Result of a check of another worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// The worker is alive.
    Alive,
    /// The worker is dead, and the caller now holds its lock.
    Dead {
        /// Place where it ran.
        origin: Origin,
    },
    /// The worker's process has gone, but another process holds its lock.
    Taken,
}
