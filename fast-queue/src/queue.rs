//! The engine itself: an open file, what is remembered of it between calls, and what verbs share.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use queue_core::coordination::Wake;
use queue_core::error::{Error, Result};
use queue_core::queue::Change;
use queue_core::sidecar::Sidecar;
use queue_core::sqlite::{CORE, Database, Due, Durability, OpenOptions};
use rusqlite::Connection;

use crate::guard::{Guard, Phase};
use crate::statements::HOT;

/// A durable queue in one `SQLite` file. Cheap to share between threads in an
/// [`Arc`]; any number of processes may have the same file open.
#[derive(Debug)]
pub struct FastQueue {
    database: Database,
    pub(crate) guard: Guard,
    due: Mutex<Due>,
}

impl FastQueue {
    /// Opens the file at `path`, creating it if it is missing, at [`Durability::Fast`].
    ///
    /// # Errors
    /// [`Error::Unusable`](crate::Error::Unusable) when the file cannot be used, with what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, OpenOptions::new(Durability::Fast)?)
    }

    /// Opens the file at `path` as `options` say.
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

    /// The file and what stands around it.
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

    /// Runs a change in a write transaction unless the file was promoted past `phase`.
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

    /// Why nothing is taken on, where the file is workflow-queue's by now.
    pub(crate) fn refusal(&self) -> Result<Option<Error>> {
        let check = |connection: &Connection| self.guard.check(connection, Phase::Accepting);
        match self.database.read(check) {
            Err(error @ Error::Promoted { .. }) => Ok(Some(error)),
            checked => checked.map(|()| None),
        }
    }

    /// What the last look for due tasks found.
    pub(crate) fn due(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next claim looks for due tasks: something may have been scheduled.
    pub(crate) fn forget_due(&self) {
        let now = self.database.now();
        let mut due = self.due();
        *due = due.scheduled(now);
    }

    /// Wakes idle workers, if there is anything for them.
    pub(crate) fn wake_workers(&self, tasks: usize) {
        if tasks > 0 {
            self.database.coordination().wake(tasks);
        }
    }

    /// The same for the caller, to be fired after its commit.
    pub(crate) fn wake(&self, tasks: usize) -> Wake {
        Wake::new(Arc::clone(self.database.coordination()), tasks)
    }

    /// Tells those who wait for tasks to end, and the workers that were asked to end some.
    pub(crate) fn tell_cancelled(&self, changes: &[Change]) {
        for worker in changes.iter().filter_map(Change::asked) {
            self.database.coordination().wake_worker(worker);
        }
        self.database.coordination().tell_settled();
    }
}
