//! The engine itself: an open file, what is remembered of it between calls, and how each verb gets
//! its transaction.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use queue_core::coordination::Wake;
use queue_core::error::{Error, Result};
use queue_core::sidecar::Sidecar;
use queue_core::sqlite::{CORE, Database, Due, WORKFLOW};
use rusqlite::{Connection, Transaction};

use crate::lease::check_lease;
use crate::plan::Effects;
use crate::sqlite::options::SqliteOptions;
use crate::sqlite::statements::HOT;
use crate::sqlite::transaction::{SqliteSlice, Writing};

/// A durable queue of tasks that may depend on each other. Cheap to share between threads in an
/// [`Arc`]; any number of processes may have the same file open.
#[derive(Debug)]
pub struct WorkflowQueue {
    database: Database,
    due: Mutex<Due>,
    lease: Duration,
    /// The change counter at which no task ran.
    at_rest: Mutex<Option<i64>>,
    /// Whether the file is fast-queue's: it can be read, and asked to be promoted.
    unpromoted: bool,
}

impl WorkflowQueue {
    /// Opens the file at `path`, creating it if it is missing, at
    /// [`Durability::Full`](queue_core::sqlite::Durability::Full) and with leases of 30 seconds.
    ///
    /// # Errors
    /// As [`open_with`](Self::open_with).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, SqliteOptions::new()?)
    }

    /// Opens the file at `path` as `options` say. One that fast-queue made can be read, but every
    /// write is refused until it is promoted.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the file cannot be used, with what to do; [`Error::Invalid`] for a
    /// lease shorter than a second or longer than a day.
    pub fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self> {
        check_lease(options.lease)?;
        let database = Database::open(path.as_ref(), options.open, &[CORE, WORKFLOW])?;
        let lines = database.lines()?;
        let unpromoted = !lines.iter().any(|line| line.name == WORKFLOW.name);
        if !unpromoted {
            database.prepare(HOT)?;
        }
        Ok(Self {
            database,
            due: Mutex::default(),
            lease: options.lease,
            at_rest: Mutex::default(),
            unpromoted,
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

    /// How long a claim is held without a heartbeat.
    pub(crate) fn lease_duration(&self) -> Duration {
        self.lease
    }

    /// What the last look for due tasks found.
    pub(crate) fn due(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The change counter at which no task ran.
    pub(crate) fn at_rest(&self) -> MutexGuard<'_, Option<i64>> {
        self.at_rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the file is fast-queue's.
    pub(crate) fn is_unpromoted(&self) -> bool {
        self.unpromoted
    }

    pub(crate) fn check_promoted(&self) -> Result<()> {
        self.refusal().map_or(Ok(()), Err)
    }

    /// Why nothing can be written, where the file is fast-queue's.
    pub(crate) fn refusal(&self) -> Option<Error> {
        self.unpromoted.then(|| Error::Unusable {
            path: self.database.path().to_owned(),
            what: "the file is fast-queue's; `workflow-queue promote FILE` makes it this program's"
                .to_owned(),
            remedy: None,
            source: None,
        })
    }

    /// Reads what is only in promoted files.
    pub(crate) fn read<T: Default>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        if self.unpromoted {
            return Ok(T::default());
        }
        self.database.read(query)
    }

    /// Carries out a verb in a write transaction, and wakes as many workers as there is new work for.
    pub(crate) fn write<T, F>(&self, verb: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T> + Send + 'static,
    {
        let (value, wakes) = self.transaction(verb)?;
        self.wake(wakes);
        Ok(value)
    }

    /// The same for a verb by which tasks may end: those who wait for that are told.
    pub(crate) fn write_ends<T, F>(&self, verb: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T> + Send + 'static,
    {
        let value = self.write(verb)?;
        self.database.coordination().tell_settled();
        Ok(value)
    }

    /// Carries out a verb in a write transaction, and keeps what that learned. Returns how many workers
    /// are to be woken, too.
    pub(crate) fn transaction<T, F>(&self, mut verb: F) -> Result<(T, usize)>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T> + Send + 'static,
    {
        self.check_promoted()?;
        let clock = self.database.clock();
        let queue_ids = Arc::clone(self.database.queue_ids());
        let (value, effects) = self.database.write(move |connection| {
            // Read here, a lease is whole however long the transaction had to wait.
            let mut writing = Writing::new(SqliteSlice::new(connection, &queue_ids, clock.now()));
            let value = verb(&mut writing)?;
            Ok((value, writing.finish()?))
        })?;
        Ok((value, self.committed(effects)))
    }

    /// As [`write`](Self::write), in a transaction of the caller's. What it learns is not kept: the
    /// transaction may yet be rolled back.
    pub(crate) fn write_in<T>(
        &self,
        tx: &Transaction<'_>,
        verb: impl FnOnce(&mut Writing<'_>) -> Result<T>,
    ) -> Result<(T, Wake)> {
        self.check_promoted()?;
        self.database.check_caller_connection(tx)?;
        let slice = SqliteSlice::new(tx, self.database.queue_ids(), self.database.now());
        let mut writing = Writing::new(slice);
        let value = verb(&mut writing)?;
        let wakes = writing.finish()?.wakes();
        Ok((
            value,
            Wake::new(Arc::clone(self.database.coordination()), wakes),
        ))
    }

    /// Keeps what a transaction learned that has committed. Returns how many workers are to be woken.
    pub(crate) fn committed(&self, effects: Effects) -> usize {
        let wakes = effects.wakes();
        self.database.queue_ids().learn(effects.learned);
        if effects.scheduled {
            let mut due = self.due();
            *due = due.scheduled(self.database.now());
        }
        wakes
    }

    /// Wakes so many idle workers, if there are any.
    pub(crate) fn wake(&self, workers: usize) {
        if workers > 0 {
            self.database.coordination().wake(workers);
        }
    }
}
