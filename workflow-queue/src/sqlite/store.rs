//! The store itself: what it remembers between calls, and how each operation gets its transaction.

mod operations;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use queue_core::claim::{ClaimRequest, ClaimedTask};
use queue_core::error::{Error, Result};
use queue_core::queue::Enqueued;
use queue_core::sqlite::{CORE, Database, Due, WORKFLOW};
use queue_core::state::State;
use rusqlite::{Connection, Transaction};

use super::options::SqliteOptions;
use super::statements::HOT;
use super::transaction::{SqliteSlice, Writing};
use super::{claim, enqueue, lease};
use crate::plan::Effects;
use crate::store::{Done, Submission};

/// A file that holds tasks, edges, attempts and limits.
#[derive(Debug)]
pub struct SqliteStore {
    database: Database,
    due: Mutex<Due>,
    lease: Duration,
    /// The change counter at which no task ran.
    at_rest: Mutex<Option<i64>>,
    /// Whether the file is fast-queue's: it can be read, and asked to be promoted.
    unpromoted: bool,
}

impl SqliteStore {
    /// Opens the file at `path`. One that fast-queue made can be read, but every write is refused
    /// until it is promoted.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the file cannot be used, with what to do; [`Error::Invalid`] for a
    /// lease shorter than a second or longer than a day.
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self> {
        lease::check_lease(options.lease)?;
        let database = Database::open(path, options.open, &[CORE, WORKFLOW])?;
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

    /// Carries out an operation in a write transaction, and what it leaves to do afterwards.
    fn write<T, F>(&self, mut operation: F) -> Result<Done<T>>
    where
        T: Send + 'static,
        F: FnMut(&mut Writing<'_>) -> Result<T> + Send + 'static,
    {
        self.check_promoted()?;
        let clock = self.database.clock();
        let (value, effects) = self.database.write(move |connection| {
            // Read here, a lease is whole however long the transaction had to wait.
            let mut writing = Writing::new(SqliteSlice::new(connection, clock.now()));
            let value = operation(&mut writing)?;
            Ok((value, writing.finish()?))
        })?;
        Ok(self.done(value, effects))
    }

    /// As [`write`](Self::write), in a transaction of the caller's. What it learns is not kept: the
    /// transaction may yet be rolled back.
    fn write_in<T>(
        &self,
        tx: &Transaction<'_>,
        operation: impl FnOnce(&mut Writing<'_>) -> Result<T>,
    ) -> Result<Done<T>> {
        self.check_promoted()?;
        self.database.check_caller_connection(tx)?;
        let mut writing = Writing::new(SqliteSlice::new(tx, self.database.now()));
        let value = operation(&mut writing)?;
        let wakes = writing.finish()?.wakes();
        Ok(Done { value, wakes })
    }

    /// One task with nothing but what every task has, in a lone statement; `None` if its key is
    /// taken.
    fn enqueue_one(
        &self,
        lane: i64,
        submission: &Arc<Submission>,
    ) -> Result<Option<Done<Vec<Enqueued>>>> {
        let submission = Arc::clone(submission);
        let now = self.database.now().wall;
        let enqueued = self.database.write_statement(move |connection| {
            enqueue::enqueue_one(connection, lane, &submission.tasks[0].task, now)
        })?;
        Ok(enqueued.map(|(enqueued, state)| {
            let effects = Effects {
                ready: usize::from(state == State::Queued),
                scheduled: state == State::Scheduled,
                ..Effects::default()
            };
            self.done(vec![enqueued], effects)
        }))
    }

    /// The next task of the only lane that is asked for, in a lone statement; `None` where that
    /// gives nothing, or something else is to be done first.
    fn claim_one(&self, request: &ClaimRequest, due: Due) -> Result<Option<ClaimedTask>> {
        let Some((lane, handler)) = self.database.lanes().only(request) else {
            return Ok(None);
        };
        if due.must_look(self.database.now()) {
            return Ok(None);
        }
        let (worker, lease, clock) = (request.worker, self.lease, self.database.clock());
        let handler = handler.to_owned();
        self.database.write_statement(move |connection| {
            // Read here, the lease is whole however long the statement had to wait.
            claim::claim_one(connection, (lane, &handler), worker, clock.now(), lease)
        })
    }

    fn done<T>(&self, value: T, effects: Effects) -> Done<T> {
        let wakes = effects.wakes();
        self.database.lanes().learn(effects.learned);
        if effects.scheduled {
            let mut due = self.due();
            *due = due.scheduled(self.database.now());
        }
        Done { value, wakes }
    }

    fn due(&self) -> std::sync::MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_promoted(&self) -> Result<()> {
        self.refusal().map_or(Ok(()), Err)
    }

    /// Why nothing can be written, where the file is fast-queue's.
    fn refusal(&self) -> Option<Error> {
        self.unpromoted.then(|| Error::Unusable {
            path: self.database.path().to_owned(),
            what: "the file is fast-queue's; `workflow-queue promote FILE` makes it this program's"
                .to_owned(),
            remedy: None,
            source: None,
        })
    }

    /// Reads what is only in promoted files.
    fn view<T: Default>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if self.unpromoted {
            return Ok(T::default());
        }
        self.database.read(query)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use queue_core::claim::{ClaimRequest, WorkerId};
    use queue_core::task::NewTask;

    use super::SqliteStore;
    use crate::SqliteOptions;
    use crate::store::{Store as _, Submission};

    /// Neither does what its transaction does instead, at a third of the speed.
    #[test]
    fn a_lone_task_is_enqueued_and_claimed_in_one_statement_each() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q.db");
        let store = SqliteStore::open(&path, SqliteOptions::new().unwrap()).unwrap();
        let submission = Submission {
            tasks: vec![NewTask::shell("t", "true").into()],
            ..Submission::default()
        };
        store.enqueue(submission.clone()).unwrap();
        let request = ClaimRequest::commands(WorkerId::from_bits(2), 1);
        assert_eq!(store.claim(&request).unwrap().tasks.len(), 1);
        let (lane, _) = store.database.lanes().only(&request).unwrap();
        assert!(
            store
                .enqueue_one(lane, &Arc::new(submission))
                .unwrap()
                .is_some()
        );
        let due = *store.due();
        assert!(store.claim_one(&request, due).unwrap().is_some());
    }
}
