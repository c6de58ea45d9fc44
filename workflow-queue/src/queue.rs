//! The engine: an open file, what the process remembers of it between calls, and the transaction of
//! each verb.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use queue_core::ReadyTasks;
use queue_core::coordination::Wake;
use queue_core::error::{Error, Result};
use queue_core::journal::Actor;
use queue_core::sidecar::Sidecar;
use queue_core::sqlite::{CORE, Database, Due, WORKFLOW};
use rusqlite::{Connection, Transaction};

use crate::lease::check_lease;
use crate::plan::Effects;
use crate::sqlite::options::SqliteOptions;
use crate::sqlite::prune::Dependents;
use crate::sqlite::statements::HOT;
use crate::sqlite::transaction::{SqliteSlice, Writing};

/// A durable queue of tasks that may depend on each other. Cheap to share between threads in an
/// [`Arc`]; any number of processes may have the same file open.
///
/// Dropping the last handle closes the file. It waits at most for a transaction under way, for a pass of
/// the checkpointer under way, which copies the log into the file, and a second for readers. A
/// [one-shot](queue_core::sqlite::OpenOptions::one_shot) process that leaves a long log makes such a pass itself.
#[derive(Debug)]
pub struct WorkflowQueue {
    database: Database,
    due: Mutex<Due>,
    lease: Duration,
    /// Who asks for changes.
    actor: Option<Arc<Actor>>,
    /// The change counter at which no task was running.
    at_rest: Mutex<Option<i64>>,
    /// True if the file belongs to fast-queue: it can be read and promoted, but not written.
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

    /// Opens the file at `path` with `options`. A file of fast-queue can be read, but every write
    /// is refused until it is promoted.
    ///
    /// # Errors
    /// [`Error::Unusable`] if the file cannot be used, with a way out; [`Error::Invalid`] for a
    /// lease shorter than a second or longer than a day.
    pub fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self> {
        check_lease(options.lease)?;
        let actor = options.open.actor.clone().map(Arc::new);
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
            actor,
            at_rest: Mutex::default(),
            unpromoted,
        })
    }

    /// The open database.
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

    /// Duration of a lease without a heartbeat.
    pub(crate) fn lease_duration(&self) -> Duration {
        self.lease
    }

    /// The rules that this engine adds to prune.
    pub(crate) fn prune_rules(&self) -> Dependents {
        let actor = self.actor.clone();
        Dependents { actor }
    }

    /// Result of the last look for due tasks.
    pub(crate) fn due(&self) -> MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The change counter at which no task was running.
    pub(crate) fn at_rest(&self) -> MutexGuard<'_, Option<i64>> {
        self.at_rest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if the file belongs to fast-queue.
    pub(crate) fn is_unpromoted(&self) -> bool {
        self.unpromoted
    }

    pub(crate) fn check_promoted(&self) -> Result<()> {
        self.refusal().map_or(Ok(()), Err)
    }

    /// The error that refuses a write while the file belongs to fast-queue.
    pub(crate) fn refusal(&self) -> Option<Error> {
        self.unpromoted.then(|| Error::Unusable {
            path: self.database.path().to_owned(),
            what: "the file is fast-queue's; `workflow-queue promote FILE` makes it this program's"
                .to_owned(),
            remedy: None,
            source: None,
        })
    }

    /// Runs a query on tables that only promoted files have; for other files, gives the default.
    pub(crate) fn read<T: Default>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T>,
    ) -> Result<T> {
        if self.unpromoted {
            return Ok(T::default());
        }
        self.database.read(query)
    }

    /// Runs a verb in a write transaction, then wakes one worker for each task that became ready.
    pub(crate) fn write<T, F>(&self, verb: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T> + Send + 'static,
    {
        let (value, wakes) = self.transaction(verb)?;
        self.wake(&wakes);
        Ok(value)
    }

    /// As [`write`](Self::write), for a verb that may end tasks: the processes that wait for an end
    /// are told.
    pub(crate) fn write_ends<T, F>(&self, verb: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T> + Send + 'static,
    {
        let value = self.write(verb)?;
        self.database.coordination().tell_settled();
        Ok(value)
    }

    /// Runs a verb in a write transaction and remembers the queue ids it learned. Also returns the
    /// tasks to wake workers for.
    pub(crate) fn transaction<T, F>(&self, mut verb: F) -> Result<(T, ReadyTasks)>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T> + Send + 'static,
    {
        self.check_promoted()?;
        let clock = self.database.clock();
        let queue_ids = Arc::clone(self.database.queue_ids());
        let actor = self.actor.clone();
        let (value, effects) = self.database.write(move |connection| {
            // Read inside the transaction: a lease that begins here is whole, however long the
            // writer waited.
            let slice = SqliteSlice::new(connection, &queue_ids, clock.now());
            let mut writing = Writing::new(slice.actor(actor.as_deref()));
            let value = verb(&mut writing)?;
            Ok((value, writing.finish()?))
        })?;
        Ok((value, self.committed(effects)))
    }

    /// As [`write`](Self::write), in the caller's transaction. Remembers nothing: the transaction
    /// may yet be rolled back.
    pub(crate) fn write_in<T>(
        &self,
        tx: &Transaction<'_>,
        verb: impl FnOnce(&mut Writing<'_>) -> Result<T>,
    ) -> Result<(T, Wake)> {
        self.check_promoted()?;
        self.database.check_caller_connection(tx)?;
        let slice = SqliteSlice::new(tx, self.database.queue_ids(), self.database.now());
        let mut writing = Writing::new(slice.actor(self.actor.as_deref()));
        let value = verb(&mut writing)?;
        let wakes = writing.finish()?.wakes();
        Ok((
            value,
            Wake::new(Arc::clone(self.database.coordination()), wakes),
        ))
    }

    /// Remembers the queue ids that a committed transaction learned. Returns the tasks to wake workers
    /// for.
    pub(crate) fn committed(&self, effects: Effects) -> ReadyTasks {
        let wakes = effects.wakes();
        self.database.queue_ids().learn(effects.learned);
        for worker in effects.asked {
            self.database.coordination().wake_worker(worker);
        }
        if effects.scheduled {
            let mut due = self.due();
            *due = due.scheduled(self.database.now());
        }
        wakes
    }

    /// Wakes idle workers, if there are tasks for them.
    pub(crate) fn wake(&self, ready: &ReadyTasks) {
        if !ready.is_empty() {
            self.database.coordination().wake(ready);
        }
    }
}
