//! What the place of a queue and its host give beside the tasks: which workers live, who is woken and
//! told, and where this host keeps its locks and logs.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Result;
use crate::ids::WorkerId;
use crate::location::Location;
use crate::worker_info::WorkerInfo;

/// How the processes at one queue find each other. The queue itself may be anywhere; locks, processes
/// and logs are those of one host.
pub trait Coordination: fmt::Debug + Send + Sync {
    /// Where the queue is.
    fn location(&self) -> &Location;

    /// The folder in which this host keeps what is not in the queue: locks of its workers, records of
    /// their commands, logs, inputs. It may be missing where no worker was ever here.
    fn folder(&self) -> &Path;

    /// Whether a registered worker lives, as far as this host can tell. Changes nothing.
    ///
    /// # Errors
    /// When the system refuses to look.
    fn is_alive(&self, worker: WorkerId) -> Result<bool>;

    /// Where a registered worker ran.
    ///
    /// # Errors
    /// When the system refuses to read what it left, or does not say where this process is.
    fn origin_of(&self, worker: &WorkerInfo) -> Result<Origin>;

    /// Opens what a wake needs, so that no commit has to.
    fn prepare(&self) {}

    /// Wakes up to `tasks` idle workers, one for each new task. Call it after the commit. A wake is a
    /// hint: one that is lost, the workers' slow poll of the change counter makes up for.
    fn wake(&self, tasks: usize);

    /// Wakes one worker, running or idle, so that it looks for requests to end its tasks.
    fn wake_worker(&self, worker: WorkerId);

    /// Tells whoever listens for tasks to end that some did. Call it after the commit.
    fn tell_settled(&self);

    /// Begins to listen for tasks to end, under an id that nobody else has.
    ///
    /// # Errors
    /// When the system refuses a file or a socket.
    fn listen(&self, id: WorkerId) -> Result<Box<dyn Listening>>;
}

/// Hears of every settle at one queue, whichever process did it. Listen first, then look at the tasks,
/// then wait. Ends when dropped.
pub trait Listening: fmt::Debug + Send {
    /// The descriptor to poll for reading; [`wait`](Self::wait) does it.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Waits until something was settled, at most `timeout`. Returns whether something was.
    ///
    /// # Errors
    /// When the system refuses to wait.
    fn wait(&self, timeout: Duration) -> Result<bool>;
}

/// Where a worker ran, as seen from where it is recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the same boot and pid namespace: what it left is seen.
    Here,
    /// In another boot of the machine: it left no processes.
    EarlierBoot,
    /// In another pid namespace of this boot, such as another container: what it left is not seen.
    Elsewhere,
}

/// Wakes workers, and those who wait for tasks to end, once fired. Holds nothing while it waits.
#[must_use = "fire it after the commit, or others learn of the tasks only at their next poll"]
pub struct Wake {
    coordination: Arc<dyn Coordination>,
    tasks: usize,
    settled: bool,
}

impl Wake {
    /// A wake for that many new tasks.
    pub fn new(coordination: Arc<dyn Coordination>, tasks: usize) -> Self {
        Self {
            coordination,
            tasks,
            settled: false,
        }
    }

    /// The same, which also tells those who wait for tasks to end.
    pub fn after_settling(self) -> Self {
        Self {
            settled: true,
            ..self
        }
    }

    /// Wakes them. Call it after the commit.
    pub fn fire(self) {
        self.coordination.wake(self.tasks);
        if self.settled {
            self.coordination.tell_settled();
        }
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wake")
            .field("tasks", &self.tasks)
            .finish_non_exhaustive()
    }
}
