//! Coordination of the processes at one queue: liveness of workers, wakes and notifications, and the
//! folder for this host's locks and logs.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::ids::WorkerId;
use crate::location::Location;
use crate::ready::ReadyTasks;
use crate::worker_info::WorkerInfo;

/// Coordination of the processes at one queue. The queue itself may be anywhere; locks, processes
/// and logs are those of one host.
pub trait Coordination: fmt::Debug + Send + Sync {
    /// Location of the queue.
    fn location(&self) -> &Location;

    /// Folder for this host's files beside the queue: locks of its workers, records of their commands,
    /// logs, inputs. It may be missing if no worker ever ran here.
    fn folder(&self) -> &Path;

    /// True if the folder is there with its parts, so that nothing has to be made to listen.
    fn has_folder(&self) -> bool;

    /// True if a registered worker lives, as far as this host can tell. Changes nothing.
    ///
    /// # Errors
    /// If the system refuses to look.
    fn is_alive(&self, worker: WorkerId) -> Result<bool>;

    /// Origin of a registered worker.
    ///
    /// # Errors
    /// If the system refuses to read the worker's records, or does not tell this process's own origin.
    fn origin_of(&self, worker: &WorkerInfo) -> Result<Origin>;

    /// Opens the sockets of wakes in advance, so that no commit has to.
    fn prepare(&self) {}

    /// Wakes idle workers, one for each new task, that serve its queue. Call it after the commit. A
    /// wake is a hint: if one is lost, the workers' slow poll of the change counter makes up for it.
    fn wake(&self, ready: &ReadyTasks);

    /// Wakes one worker, running or idle, so that it looks for requests to end its tasks.
    fn wake_worker(&self, worker: WorkerId);

    /// Asks a living worker to stop, as a signal does. Returns false if the request did not reach it.
    fn ask_to_stop(&self, worker: WorkerId) -> bool;

    /// Asks a living worker to use so many slots. Returns false if the request did not reach it. The
    /// worker then registers with that number, unless it keeps more slots for its queues.
    fn ask_for_slots(&self, worker: WorkerId, slots: u32) -> bool;

    /// Tells listeners that tasks have ended. Call it after the commit.
    fn tell_settled(&self);

    /// Begins to listen for tasks that end, under an id that no other process uses.
    ///
    /// # Errors
    /// If the system refuses a file or a socket.
    fn listen(&self, id: WorkerId) -> Result<Box<dyn Listening>>;
}

/// Listener for every settle at one queue, by any process. Listen first, then look at the tasks,
/// then wait. Ends when dropped.
pub trait Listening: fmt::Debug + Send {
    /// Descriptor to poll for reading, as [`wait`](Self::wait) does.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Waits until a task was settled, at most `timeout`. Returns true if one was.
    ///
    /// # Errors
    /// If the system refuses to wait.
    fn wait(&self, timeout: Duration) -> Result<bool>;
}

/// Origin of a worker, relative to the process that recovers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The same boot and pid namespace: its processes can be seen.
    Here,
    /// An earlier boot of the machine: it left no processes.
    EarlierBoot,
    /// Another pid namespace of this boot, such as another container: its processes cannot be seen.
    Elsewhere,
}

/// Wake of workers, and of programs that wait for tasks to end. Holds no resource until it is fired.
#[must_use = "fire it after the commit, or others learn of the tasks only at their next poll"]
pub struct Wake {
    coordination: Arc<dyn Coordination>,
    ready: ReadyTasks,
    settled: bool,
}

impl Wake {
    /// Makes a wake for these new tasks.
    pub fn new(coordination: Arc<dyn Coordination>, ready: ReadyTasks) -> Self {
        Self {
            coordination,
            ready,
            settled: false,
        }
    }

    /// Adds a notification to programs that wait for tasks to end.
    pub fn after_settling(self) -> Self {
        Self {
            settled: true,
            ..self
        }
    }

    /// Sends the wakes. Call it after the commit.
    pub fn fire(self) {
        self.coordination.wake(&self.ready);
        if self.settled {
            self.coordination.tell_settled();
        }
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wake")
            .field("tasks", &self.ready.len())
            .finish_non_exhaustive()
    }
}
