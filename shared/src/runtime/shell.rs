//! What a worker needs of the system around it: processes, sockets, locks. The real one is
//! [`System`](super::system::System); the simulation has its own.

use super::executor::{Ending, StartError};
use super::orphans::Search;
use super::protocol::Event;
use super::recovery::{Origin, Sweep};
use crate::claim::{Claim, ClaimedTask, WorkerId};
use crate::clock::{BootTime, Now};
use crate::error::Result;
use crate::queue::WorkerInfo;

/// The system, as a worker sees it.
pub trait Shell {
    /// Starts a task.
    fn start(&mut self, task: &ClaimedTask, now: Now) -> Result<(), StartError>;

    /// Starts tasks, and returns those that were not started, each with the reason. One that
    /// takes long to prepare is started once more after [`Event::Prepared`], unless it is signalled.
    fn start_all(&mut self, tasks: Vec<ClaimedTask>, now: Now) -> Vec<(Claim, StartError)> {
        let start = |task: ClaimedTask| Some((task.claim, self.start(&task, now).err()?));
        tasks.into_iter().filter_map(start).collect()
    }

    /// How many tasks it starts together at most.
    fn together(&self) -> usize {
        1
    }

    /// Sends a signal to a running task's process group, or tells its handler.
    fn signal(&mut self, claim: Claim, ending: Ending);

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

    /// Scans for processes that nobody is to run any more, and ends what it finds.
    fn sweep(&mut self, search: &mut Search, now: Now) -> Result<Sweep>;

    /// Removes a dead worker's files and lets go of its lock; with `keep_files` only the latter.
    fn release(&mut self, dead: WorkerId, keep_files: bool);

    /// Waits until something happens or `until` has come, and appends what happened.
    fn wait(&mut self, now: Now, until: Option<BootTime>, events: &mut Vec<Event>) -> Result<()>;
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
