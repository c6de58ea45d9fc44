//! The store itself: what it remembers between calls, and how each operation gets its transaction.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use queue_core::claim::{Claim, ClaimRequest, ClaimedTask, Claims, Held, WorkerId};
use queue_core::clock::Now;
use queue_core::error::{Error, Result};
use queue_core::outcome::{Settled, Settlement};
use queue_core::output::Output;
use queue_core::queue::{
    Change, Enqueued, Finding, Invariant, ListQuery, PruneRequest, QueueInfo, Reaped, Repaired,
    Stats, Waits, WorkerInfo,
};
use queue_core::runtime::sidecar::Sidecar;
use queue_core::runtime::wakeup::Waker;
use queue_core::sqlite::verify::verify as core_verify;
use queue_core::sqlite::{CORE, Database, Due, WORKFLOW, prune, read, write};
use queue_core::state::State;
use queue_core::task::{Task, TaskId};
use queue_core::workflow::{Condition, Edge};
use rusqlite::{Connection, Transaction};

use super::keeper::Dependents;
use super::options::SqliteOptions;
use super::writing::{Effects, Writing};
use super::{claim, edges, enqueue, lease, limits, settle, verify, view};
use crate::store::{Attempt, Details, Done, Limit, Store, Submission};

/// What producers and workers execute all the time.
const HOT: &[&str] = &[
    enqueue::ENQUEUE,
    read::NEXT_DUE,
    claim::NEXT_EXPIRY,
    claim::CLAIM_ONE,
    claim::CLAIM_NEXT,
    claim::CLAIM,
    settle::RUNNING_READ,
    settle::CONCLUDE,
    settle::ATTEMPT_INSERT,
    edges::DEPENDENTS_WAITING,
];

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
            let mut writing = Writing::new(connection, clock.now());
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
        let mut writing = Writing::new(tx, self.database.now());
        let value = operation(&mut writing)?;
        let ready = writing.finish()?.ready;
        Ok(Done { value, ready })
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
        self.database.lanes().learn(effects.learned);
        if effects.scheduled {
            let mut due = self.due();
            *due = due.scheduled(self.database.now());
        }
        Done {
            value,
            ready: effects.ready,
        }
    }

    fn due(&self) -> std::sync::MutexGuard<'_, Due> {
        self.due.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_promoted(&self) -> Result<()> {
        if self.unpromoted {
            return Err(Error::Unusable {
                path: self.database.path().to_owned(),
                what: "the file is fast-queue's; `workflow-queue promote` makes it this program's"
                    .to_owned(),
                source: None,
            });
        }
        Ok(())
    }

    /// Reads what is only in promoted files.
    fn view<T: Default>(&self, query: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        if self.unpromoted {
            return Ok(T::default());
        }
        self.database.read(query)
    }
}

impl Store for SqliteStore {
    type Tx<'a> = Transaction<'a>;

    fn enqueue(&self, submission: Submission) -> Result<Done<Vec<Enqueued>>> {
        self.check_promoted()?;
        let lanes = Arc::clone(self.database.lanes());
        let submission = Arc::new(submission);
        if let Some(lane) = enqueue::only_lane(&submission, &lanes)
            && let Some(done) = self.enqueue_one(lane, &submission)?
        {
            return Ok(done);
        }
        self.write(move |writing| enqueue::enqueue(writing, &lanes, &submission))
    }

    fn enqueue_in(
        &self,
        tx: &Self::Tx<'_>,
        submission: &Submission,
    ) -> Result<Done<Vec<Enqueued>>> {
        self.write_in(tx, |writing| {
            enqueue::enqueue(writing, self.database.lanes(), submission)
        })
    }

    fn claim(&self, request: &ClaimRequest) -> Result<Claims> {
        self.check_promoted()?;
        let (due, lease) = (*self.due(), self.lease);
        if request.limit == 1
            && let Some(task) = self.claim_one(request, due)?
        {
            return Ok(Claims {
                tasks: vec![task],
                next_due: None,
            });
        }
        let (lanes, request) = (Arc::clone(self.database.lanes()), request.clone());
        let taken = self
            .write(move |writing| claim::claim(writing, &lanes, &request, due, lease))?
            .value;
        if let Some(looked) = taken.looked {
            *self.due() = looked;
        }
        Ok(taken.claims)
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Result<Done<Vec<Settled>>> {
        let random = self.database.random();
        self.write(move |writing| writing.settle(&settlements, random))
    }

    fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        request: &ClaimRequest,
    ) -> Result<Done<(Vec<Settled>, Claims)>> {
        let (due, lease) = (*self.due(), self.lease);
        let random = self.database.random();
        let (lanes, request) = (Arc::clone(self.database.lanes()), request.clone());
        let done = self.write(move |writing| {
            let settled = writing.settle(&settlements, random)?;
            // The slots that were freed are given away before the claim sees who has them.
            writing.admit_freed()?;
            let due = if writing.effects.scheduled {
                due.scheduled(writing.now)
            } else {
                due
            };
            let taken = claim::claim(writing, &lanes, &request, due, lease)?;
            Ok((settled, taken))
        })?;
        let (settled, taken) = done.value;
        if let Some(looked) = taken.looked {
            *self.due() = looked;
        }
        Ok(Done {
            value: (settled, taken.claims),
            ready: done.ready,
        })
    }

    fn settle_in(
        &self,
        tx: &Self::Tx<'_>,
        settlements: &[Settlement],
    ) -> Result<Done<Vec<Settled>>> {
        let random = self.database.random();
        self.write_in(tx, |writing| writing.settle(settlements, random))
    }

    fn held(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        self.database
            .read(|connection| read::held(connection, claims))
    }

    fn heartbeat(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        self.check_promoted()?;
        let patience = self.database.busy_timeout().min(self.lease / 3);
        self.database.beat(patience, |connection| {
            // From now on, however long the transaction had to wait for its beginning.
            let until = self.database.now().boot.after(self.lease);
            lease::heartbeat(connection, claims, until)
        })
    }

    fn lease(&self) -> Duration {
        self.lease
    }

    fn expired(&self) -> Result<Vec<Claim>> {
        let counter = Some(self.database.change_counter()?);
        let mut at_rest = self.at_rest.lock().unwrap_or_else(PoisonError::into_inner);
        if *at_rest == counter {
            return Ok(Vec::new());
        }
        let running = self.view(lease::running)?;
        if running.is_empty() {
            *at_rest = counter;
        }
        let now = self.database.now().boot;
        let over = |(claim, until): lease::Leased| lease::is_over(until, now).then_some(claim);
        Ok(running.into_iter().filter_map(over).collect())
    }

    fn expire(&self, claims: &[Claim]) -> Result<Done<Vec<Reaped>>> {
        let claims = claims.to_vec();
        self.write(move |writing| {
            let mut reaped = Vec::new();
            for claim in &claims {
                reaped.extend(writing.crash(*claim, true)?);
            }
            Ok(reaped)
        })
    }

    fn register(&self, worker: &WorkerInfo) -> Result<u32> {
        let worker = worker.clone();
        let done = self.write(move |writing| write::register(writing.connection, &worker))?;
        Ok(done.value)
    }

    fn deregister(&self, worker: WorkerId) -> Result<()> {
        self.write(move |writing| write::deregister(writing.connection, worker))?;
        Ok(())
    }

    fn workers(&self) -> Result<Vec<WorkerInfo>> {
        self.database.read(read::workers)
    }

    fn claims_of(&self, worker: WorkerId) -> Result<Vec<Claim>> {
        self.database
            .read(|connection| read::claims_of(connection, worker))
    }

    fn reap(&self, worker: WorkerId) -> Result<Done<Vec<Reaped>>> {
        self.write(move |writing| {
            let mut reaped = Vec::new();
            for claim in read::claims_of(writing.connection, worker)? {
                reaped.extend(writing.crash(claim, false)?);
            }
            write::forget(writing.connection, worker)?;
            Ok(reaped)
        })
    }

    fn get(&self, id: TaskId) -> Result<Option<Task>> {
        self.database.read(|connection| read::get(connection, id))
    }

    fn output(&self, id: TaskId) -> Result<Option<Output>> {
        self.database
            .read(|connection| read::output(connection, id))
    }

    fn with_outputs(&self, ids: &[TaskId]) -> Result<Vec<(Task, Option<Output>)>> {
        self.database
            .read(|connection| read::with_outputs(connection, ids))
    }

    fn attempts(&self, id: TaskId) -> Result<Vec<Attempt>> {
        self.view(|connection| view::attempts(connection, id))
    }

    fn dependencies(&self, id: TaskId) -> Result<Vec<Edge>> {
        let edge = |(on, condition): (TaskId, Condition)| Edge {
            dependent: id,
            on,
            condition,
        };
        let found = self.view(|connection| edges::dependencies(connection, id))?;
        Ok(found.into_iter().map(edge).collect())
    }

    fn dependents(&self, id: TaskId) -> Result<Vec<Edge>> {
        let edge = |(dependent, condition): (TaskId, Condition)| Edge {
            dependent,
            on: id,
            condition,
        };
        let found = self.view(|connection| edges::dependents(connection, id))?;
        Ok(found.into_iter().map(edge).collect())
    }

    fn details(&self, id: TaskId) -> Result<Option<Details>> {
        self.view(|connection| view::details(connection, id))
    }

    fn spawned(&self, id: TaskId) -> Result<Vec<TaskId>> {
        self.view(|connection| view::spawned(connection, id))
    }

    fn list(&self, query: &ListQuery) -> Result<Vec<Task>> {
        self.database
            .read(|connection| read::list(connection, query))
    }

    fn last_id(&self) -> Result<Option<TaskId>> {
        self.database.read(read::last_id)
    }

    fn stats(&self) -> Result<Stats> {
        if self.unpromoted {
            return self.database.read(|connection| read::stats(connection, 0));
        }
        self.database.read(view::stats)
    }

    fn queues(&self) -> Result<Vec<QueueInfo>> {
        self.database.read(read::queues)
    }

    fn limits(&self) -> Result<Vec<Limit>> {
        self.view(limits::limits)
    }

    fn waits_for(&self, id: TaskId) -> Result<Vec<Waits>> {
        if self.unpromoted {
            return self.database.read(|connection| read::waits(connection, id));
        }
        let now = self.database.now().wall;
        self.database
            .read(|connection| view::waits(connection, id, now))
    }

    fn cancel(&self, ids: &[TaskId]) -> Result<Done<Vec<Change>>> {
        let ids = ids.to_vec();
        self.write(move |writing| writing.cancel(&ids))
    }

    fn retry(&self, ids: &[TaskId], downstream: bool) -> Result<Done<Vec<Change>>> {
        let ids = ids.to_vec();
        self.write(move |writing| writing.retry(&ids, downstream))
    }

    fn reprioritize(&self, ids: &[TaskId], priority: i32) -> Result<Vec<Change>> {
        let ids = ids.to_vec();
        let done =
            self.write(move |writing| write::reprioritize(writing.connection, &ids, priority))?;
        Ok(done.value)
    }

    fn set_paused(&self, queue: &str, paused: bool) -> Result<bool> {
        let queue = queue.to_owned();
        let done = self.write(move |writing| {
            let changed = write::set_paused(writing.connection, &queue, paused, writing.now.wall)?;
            if changed && paused {
                writing.limit_lanes(&queue)?;
            }
            Ok(changed)
        })?;
        Ok(done.value)
    }

    fn set_limit(&self, limit: &Limit) -> Result<Done<()>> {
        let limit = limit.clone();
        self.write(move |writing| writing.set_limit(&limit))
    }

    fn prune(&self, request: &PruneRequest) -> Result<u64> {
        self.check_promoted()?;
        prune::prune(&self.database, &Dependents, request)
    }

    fn path(&self) -> &Path {
        self.database.path()
    }

    fn sidecar(&self) -> &Sidecar {
        self.database.sidecar()
    }

    fn waker(&self) -> &Arc<Waker> {
        self.database.waker()
    }

    fn now(&self) -> Now {
        self.database.now()
    }

    fn random(&self) -> u64 {
        self.database.random()
    }

    fn change_counter(&self) -> Result<i64> {
        self.database.change_counter()
    }

    fn diagnose(&self) -> Result<Vec<Finding>> {
        self.database.diagnose(false)
    }

    fn verify(&self) -> Result<Vec<Invariant>> {
        if self.unpromoted {
            return core_verify(&self.database, &[], |_| Ok(Vec::new()));
        }
        core_verify(&self.database, verify::CHECKS, verify::more)
    }

    fn repair(&self) -> Result<Done<Vec<Repaired>>> {
        self.write(verify::repair)
    }
}
