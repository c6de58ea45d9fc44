//! The engine: an open file, caches that last between calls, and functions that verbs share.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use queue_core::ReadyTasks;
use queue_core::clock::Timestamp;
use queue_core::coordination::Wake;
use queue_core::error::{Error, Result};
use queue_core::queue::Change;
use queue_core::sidecar::Sidecar;
use queue_core::sqlite::verbs;
use queue_core::sqlite::{CORE, Database, Due, Durability, OpenOptions};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::Connection;

use crate::guard::{Guard, Phase};
use crate::statements::HOT;

/// Durable queue in one `SQLite` file. Cheap to share between threads in an [`Arc`]; any number of
/// processes may have the same file open.
///
/// Dropping the last handle closes the file. It waits at most for a transaction under way, for a pass of
/// the checkpointer under way, which copies the log into the file, and a second for readers. A
/// [one-shot](OpenOptions::one_shot) process that leaves a long log makes such a pass itself.
#[derive(Debug)]
pub struct FastQueue {
    database: Database,
    pub(crate) guard: Guard,
    due: Mutex<Due>,
}

impl FastQueue {
    /// Opens the file at `path` at [`Durability::Fast`]. Creates it if it is missing.
    ///
    /// # Errors
    /// [`Error::Unusable`](crate::Error::Unusable) if the file cannot be used, with the way out.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, OpenOptions::new(Durability::Fast)?)
    }

    /// Opens the file at `path` with `options`.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, options: OpenOptions) -> Result<Self> {
        let database = Database::open(path.as_ref(), options, &[CORE])?;
        database.prepare(HOT)?;
        Ok(Self {
            guard: Guard::new(database.path()),
            due: Mutex::default(),
            database,
        })
    }

    /// The open file.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The database file.
    pub fn path(&self) -> &Path {
        self.database.path()
    }

    /// The folder beside the file.
    pub fn sidecar(&self) -> &Sidecar {
        self.database.sidecar()
    }

    /// Runs a change in a write transaction, unless the promotion of the file has passed `phase`.
    pub(crate) fn change<T: Send + 'static>(
        &self,
        phase: Phase,
        mut operation: impl FnMut(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let guard = self.guard.clone();
        self.database.write(move |connection| {
            guard.check(connection, phase)?;
            operation(connection)
        })
    }

    /// Error for new tasks, if the file belongs to workflow-queue by now.
    pub(crate) fn refusal(&self) -> Result<Option<Error>> {
        let check = |connection: &Connection| self.guard.check(connection, Phase::Accepting);
        match self.database.read(check) {
            Err(error @ Error::Promoted { .. }) => Ok(Some(error)),
            checked => checked.map(|()| None),
        }
    }

    /// Result of the last look for due tasks.
    pub(crate) fn due(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the next claim look for due tasks, because a task may have been scheduled.
    pub(crate) fn forget_due(&self) {
        let now = self.database.now();
        let mut due = self.due();
        *due = due.scheduled(now);
    }

    /// Wakes idle workers, if there are tasks for them.
    pub(crate) fn wake_workers(&self, ready: &ReadyTasks) {
        if !ready.is_empty() {
            self.database.coordination().wake(ready);
        }
    }

    /// Lets waiting tasks wait for less, and wakes workers for those that can be claimed. `frees` returns
    /// true if that changed the task.
    pub(crate) fn free(
        &self,
        ids: &[TaskId],
        frees: fn(&Connection, TaskId, Timestamp) -> Result<bool>,
    ) -> Result<Vec<Change>> {
        let (ids, now) = (ids.to_vec(), self.database.now().wall);
        let changes = self.change(Phase::Accepting, move |connection| {
            let free = |id: &TaskId| {
                let is_freed = frees(connection, *id, now)?;
                Ok(match verbs::state_of(connection, *id)? {
                    None => Change::NotFound,
                    Some((state, _)) if is_freed => Change::Done(state),
                    Some((state, _)) if state.is_waiting() => Change::Already(state),
                    Some((state, _)) => Change::Refused(state),
                })
            };
            ids.iter().map(free).collect::<Result<Vec<_>>>()
        })?;
        self.released(&changes);
        Ok(changes)
    }

    /// Wakes idle workers for so many tasks of any queues.
    pub(crate) fn wake_any(&self, tasks: usize) {
        self.wake_workers(&ReadyTasks::anywhere(tasks));
    }

    /// Looks for due tasks and wakes workers, as changes of waiting tasks require.
    pub(crate) fn released(&self, changes: &[Change]) {
        let count = |state| {
            let changes = changes.iter();
            changes.filter(|one| **one == Change::Done(state)).count()
        };
        let is_scheduled = count(State::Scheduled) > 0;
        if is_scheduled {
            self.forget_due();
        }
        // One worker is enough for tasks that wait for a time: it sleeps until the first is due.
        self.wake_any(count(State::Queued).max(usize::from(is_scheduled)));
    }

    /// Wakes that the caller fires after its commit.
    pub(crate) fn wake(&self, ready: ReadyTasks) -> Wake {
        Wake::new(Arc::clone(self.database.coordination()), ready)
    }

    /// Tells programs that wait for tasks to end, and the workers that were asked to end some.
    pub(crate) fn tell_cancelled(&self, changes: &[Change]) {
        for worker in changes.iter().filter_map(Change::asked) {
            self.database.coordination().wake_worker(worker);
        }
        self.database.coordination().tell_settled();
    }
}
