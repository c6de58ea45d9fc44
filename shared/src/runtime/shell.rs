//! What a worker needs of the system around it: processes, sockets, locks. The real one is
//! [`System`](super::system::System); the simulation has its own.

use std::fmt;

use super::end::{Ending, StartError, Unreachable};
use super::orphans::Search;
use super::protocol::Event;
use super::recovery::Sweep;
use crate::claim::{Claim, ClaimedTask, WorkerId};
use crate::clock::{BootTime, Now};
use crate::coordination::Origin;
use crate::error::Result;
use crate::queue::WorkerInfo;

/// Tasks that are ready to be started. That may take long, so it is done away from the shell.
pub trait Batch: Send + fmt::Debug {
    /// What was started, or not.
    type Started: Send + fmt::Debug;

    /// Whether nothing of it can take long.
    fn is_quick(&self) -> bool;

    /// Starts them.
    fn start(self) -> Self::Started;
}

/// The system, as a worker sees it. No method waits but [`wait`](Self::wait).
pub trait Shell {
    /// What [`prepare`](Self::prepare) makes.
    type Batch: Batch;

    /// Makes tasks ready to be started. There is one batch at a time.
    fn prepare(&mut self, tasks: Vec<ClaimedTask>, now: Now) -> Self::Batch;

    /// Takes over what was started. Returns when each task was, or why it was not. One that takes
    /// long to prepare is in neither: it is started once more after [`Event::Prepared`], unless it
    /// is signalled.
    fn adopt(&mut self, started: <Self::Batch as Batch>::Started) -> Vec<(Claim, StartResult)>;

    /// How many tasks it starts together at most.
    fn together(&self) -> usize {
        1
    }

    /// Sends a signal to a running task's process group, or tells its handler.
    fn signal(&mut self, claim: Claim, ending: Ending);

    /// The processes of these executions, told to end, that this user cannot end.
    fn cannot_end(&self, claims: &[Claim]) -> Vec<Unreachable>;

    /// Marks the worker as one to be woken, or takes the mark away.
    fn set_idle(&mut self, idle: bool);

    /// Has the worker told when tasks end elsewhere, or not any more.
    fn set_listening(&mut self, listening: bool);

    /// Wakes another idle worker.
    fn pass_on(&mut self);

    /// Looks whether another worker lives, and watches it from then on. If it is dead, its lock
    /// is taken and kept until [`release`](Self::release).
    fn look_at(&mut self, peer: &WorkerInfo) -> Result<Peer>;

    /// Forgets the workers it watches that are not among these.
    fn watch_only(&mut self, peers: &[WorkerInfo]);

    /// What looks for processes that nobody is to run any more.
    fn sweeper(&mut self) -> Sweeper;

    /// Removes a dead worker's files and lets go of its lock; with `keep_files` only the latter.
    fn release(&mut self, dead: WorkerId, keep_files: bool);

    /// Waits until something happens or `until` has come, and appends what happened.
    fn wait(&mut self, now: Now, until: Option<BootTime>, events: &mut Vec<Event>) -> Result<()>;
}

/// When a task was started, or why it was not.
pub type StartResult = Result<BootTime, StartError>;

/// One scan for processes that nobody is to run any more, which ends what it finds.
pub struct Sweeper(Box<Scan>);

type Scan = dyn FnOnce(&mut Search, Now) -> Result<Sweep> + Send;

impl Sweeper {
    /// A sweeper that does so.
    pub fn new(sweep: impl FnOnce(&mut Search, Now) -> Result<Sweep> + Send + 'static) -> Self {
        Self(Box::new(sweep))
    }

    /// Scans once.
    ///
    /// # Errors
    /// When the system does not list processes.
    pub fn sweep(self, search: &mut Search, now: Now) -> Result<Sweep> {
        (self.0)(search, now)
    }
}

impl fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweeper").finish_non_exhaustive()
    }
}

/// What a look at another worker showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    /// It lives.
    Alive,
    /// It is dead, and its lock is now the caller's.
    Dead {
        /// Where it ran.
        origin: Origin,
    },
    /// Its process has gone but somebody else holds its lock.
    Taken,
}
