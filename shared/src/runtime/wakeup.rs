//! Waking idle workers after a commit. A wake is a hint: what is lost, the workers' slow poll of
//! the change counter finds.

use std::fmt;
use std::sync::Arc;

use super::sidecar::Sidecar;

/// Wakes the idle workers of one database, in this and in other processes.
#[derive(Debug)]
pub struct Waker {
    sidecar: Sidecar,
}

impl Waker {
    /// A waker for the workers registered beside `sidecar`.
    pub fn new(sidecar: Sidecar) -> Self {
        Self { sidecar }
    }

    /// Wakes up to `tasks` idle workers, one for each new task.
    pub fn wake(&self, tasks: usize) {
        let _ = (&self.sidecar, tasks);
    }
}

/// Wakes workers once fired. Holds nothing while it waits.
#[must_use = "fire it after the commit, or idle workers learn of the tasks only at their next poll"]
pub struct Wake {
    waker: Arc<Waker>,
    tasks: usize,
}

impl Wake {
    /// A wake for that many new tasks.
    pub fn new(waker: Arc<Waker>, tasks: usize) -> Self {
        Self { waker, tasks }
    }

    /// Wakes the workers. Call it after the commit.
    pub fn fire(self) {
        self.waker.wake(self.tasks);
    }
}

impl fmt::Debug for Wake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wake")
            .field("tasks", &self.tasks)
            .finish_non_exhaustive()
    }
}
