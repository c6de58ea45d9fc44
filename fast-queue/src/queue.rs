//! The engine itself: what it remembers between calls, and the trait that leads to its verbs.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use queue_core::claim::{Claim, ClaimRequest, Claims, Held, WorkerId};
use queue_core::clock::Now;
use queue_core::error::{Error, Result};
use queue_core::outcome::{Settled, Settlement};
use queue_core::output::Output;
use queue_core::queue::{
    Change, ClaimOrder, Enqueued, Finding, Invariant, ListQuery, PruneRequest, Queue, QueueInfo,
    Reaped, Repaired, Stats, Waits, WorkerInfo,
};
use queue_core::sidecar::Sidecar;
use queue_core::sidecar::wakeup::Wake;
use queue_core::sqlite::{
    CORE, Database, Due, Durability, OpenOptions, aside, prune, read, verify, write,
};
use queue_core::state::State;
use queue_core::task::{NewTask, Task, TaskId};
use rusqlite::Connection;

use crate::guard::{Guard, Phase};
use crate::{change, claim, enqueue, reap, settle, view};

/// What producers and workers execute all the time.
const HOT: &[&str] = &[
    enqueue::ENQUEUE_ONE,
    read::NEXT_DUE,
    claim::CLAIM_ONE,
    claim::CLAIM_NEXT,
    claim::CLAIM,
    settle::SETTLE_ONE,
    settle::SETTLE_SUCCESS,
];

/// How many workers a change wakes that lets an unknown number of tasks go.
const MANY: usize = 1024;

/// A durable queue in one `SQLite` file. Cheap to share between threads in an
/// [`Arc`]; any number of processes may have the same file open.
#[derive(Debug)]
pub struct FastQueue {
    database: Database,
    guard: Guard,
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

    /// Runs a change in a write transaction unless the file was promoted past `phase`.
    fn change<T: Send + 'static>(
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

    /// A lone task of a known lane in a lone statement, anything else in a transaction.
    fn enqueue_valid(&self, tasks: Vec<NewTask>) -> Result<enqueue::Done> {
        let now = self.database.now().wall;
        let tasks = Arc::new(tasks);
        if let [task] = tasks.as_slice()
            && let Some(lane) = self.database.lanes().get(&task.queue, task.work.handler())
        {
            let tasks = Arc::clone(&tasks);
            let one = move |connection: &Connection| {
                enqueue::enqueue_one(connection, lane, &tasks[0], now)
            };
            if let Some(done) = self.database.write_statement(one)? {
                return Ok(done);
            }
        }
        let (guard, lanes) = (self.guard.clone(), Arc::clone(self.database.lanes()));
        self.database
            .write(move |connection| enqueue::enqueue(connection, &guard, &lanes, &tasks, now))
    }

    /// The next claim looks for due tasks: something may have been scheduled.
    fn forget_due(&self) {
        let now = self.database.now();
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        *due = due.scheduled(now);
    }

    /// Brings a request to end a running task to its worker.
    fn wake_cancelled(&self, changes: &[Change]) {
        for change in changes {
            if let Some(worker) = change.asked() {
                self.database.waker().wake_worker(worker);
            }
        }
    }
}

impl Queue for FastQueue {
    type Tx<'a> = rusqlite::Transaction<'a>;

    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>> {
        NewTask::validate_all(&tasks)?;
        let done = self.enqueue_valid(tasks)?;
        self.database.lanes().learn(done.learned);
        if done.scheduled {
            self.forget_due();
        }
        self.wake_workers(done.wakes);
        Ok(done.enqueued)
    }

    fn enqueue_in(&self, tx: &Self::Tx<'_>, tasks: &[NewTask]) -> Result<(Vec<Enqueued>, Wake)> {
        self.database.check_caller_connection(tx)?;
        NewTask::validate_all(tasks)?;
        let now = self.database.now().wall;
        let done = enqueue::enqueue(tx, &self.guard, self.database.lanes(), tasks, now)?;
        Ok((done.enqueued, self.wake(done.wakes)))
    }

    fn claim(&self, request: &ClaimRequest) -> Result<Claims> {
        let clock = self.database.clock();
        let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
        if request.limit == 1
            && !due.must_look(clock.now())
            && let Some(lane) = self.database.lanes().only(request)
        {
            let (worker, (lane, handler)) = (request.worker, (lane.0, lane.1.to_owned()));
            let clock = Arc::clone(&clock);
            let one = move |connection: &Connection| {
                claim::claim_one(connection, (lane, &handler), worker, clock.now())
            };
            if let Some(task) = self.database.write_statement(one)? {
                return Ok(Claims {
                    tasks: vec![task],
                    next_due: None,
                });
            }
        }
        let (guard, lanes) = (self.guard.clone(), Arc::clone(self.database.lanes()));
        let request = request.clone();
        let done = self.database.write(move |connection| {
            claim::claim(connection, &guard, &lanes, &request, due, clock.now())
        })?;
        Ok(self.claimed(done))
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        let now = self.database.now();
        if let [settlement] = settlements.as_slice()
            && let Some(claim) = settle::lone_success(settlement)
        {
            let finished_at = settlement.finished_at(now);
            let succeed =
                move |connection: &Connection| settle::settle_one(connection, claim, finished_at);
            if self.database.write_statement(succeed)? {
                self.database.waker().tell_settled();
                return Ok(vec![Settled::Recorded(State::Succeeded)]);
            }
        }
        let random = self.database.random();
        let guard = self.guard.clone();
        let done = self.database.write(move |connection| {
            settle::settle(connection, &guard, &settlements, now, random)
        })?;
        Ok(self.settled(done))
    }

    fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        request: &ClaimRequest,
    ) -> Result<(Vec<Settled>, Result<Claims>)> {
        let (clock, random) = (self.database.clock(), self.database.random());
        let due = *self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, lanes) = (self.guard.clone(), Arc::clone(self.database.lanes()));
        let settlements = Arc::new(settlements);
        let (outcomes, wanted) = (Arc::clone(&settlements), request.clone());
        let both = self.database.write(move |connection| {
            let now = clock.now();
            let settled = settle::settle(connection, &guard, &outcomes, now, random)?;
            let due = if settled.scheduled {
                due.scheduled(now)
            } else {
                due
            };
            let claimed = claim::claim(connection, &guard, &lanes, &wanted, due, now)?;
            Ok((settled, claimed))
        });
        match both {
            Ok((settled, claimed)) => {
                let settled = self.settled(settled);
                Ok((settled, Ok(self.claimed(claimed))))
            }
            Err(error) if error.may_pass() => Err(error),
            // Alone, one of them may succeed: a file that is being promoted takes outcomes and
            // gives no tasks.
            Err(_) => {
                let settled = self.settle(Arc::unwrap_or_clone(settlements))?;
                Ok((settled, self.claim(request)))
            }
        }
    }

    fn settle_in(
        &self,
        tx: &Self::Tx<'_>,
        settlements: &[Settlement],
    ) -> Result<(Vec<Settled>, Wake)> {
        self.database.check_caller_connection(tx)?;
        let now = self.database.now();
        let random = self.database.random();
        let done = settle::settle(tx, &self.guard, settlements, now, random)?;
        Ok((done.settled, self.wake(done.wakes).after_settling()))
    }

    fn held(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        self.database
            .read(|connection| read::held(connection, claims))
    }

    fn register(&self, worker: &WorkerInfo) -> Result<u32> {
        let worker = worker.clone();
        self.change(Phase::Accepting, move |connection| {
            write::register(connection, &worker)
        })
    }

    fn deregister(&self, worker: WorkerId) -> Result<()> {
        self.change(Phase::Finishing, move |connection| {
            write::deregister(connection, worker)
        })
    }

    fn take_back(&self) -> Result<usize> {
        if self.database.read(aside::readable)?.is_empty() {
            return Ok(0);
        }
        self.change(Phase::Accepting, aside::take_back)
    }

    fn workers(&self) -> Result<Vec<WorkerInfo>> {
        self.database.read(read::workers)
    }

    fn claims_of(&self, worker: WorkerId) -> Result<Vec<Claim>> {
        self.database
            .read(|connection| read::claims_of(connection, worker))
    }

    fn reap_except(&self, worker: WorkerId, kept: &[Claim]) -> Result<Vec<Reaped>> {
        let (kept, now) = (kept.to_vec(), self.database.now().wall);
        let reaped = self.change(Phase::Finishing, move |connection| {
            reap::reap(connection, worker, &kept, now)
        })?;
        self.wake_workers(reap::requeued(&reaped));
        self.database.waker().tell_settled();
        Ok(reaped)
    }

    fn get(&self, id: TaskId) -> Result<Option<Task>> {
        self.database.read(|connection| read::get(connection, id))
    }

    fn output(&self, id: TaskId) -> Result<Option<Output>> {
        self.database
            .read(|connection| read::output(connection, id))
    }

    fn output_of(&self, id: TaskId, attempt: u32) -> Result<Option<Output>> {
        self.database
            .read(|connection| read::output_of(connection, id, attempt))
    }

    fn with_outputs(&self, ids: &[TaskId]) -> Result<Vec<(Task, Option<Output>)>> {
        self.database
            .read(|connection| read::with_outputs(connection, ids))
    }

    fn list(&self, query: &ListQuery) -> Result<Vec<Task>> {
        self.database
            .read(|connection| read::list(connection, query))
    }

    fn last_id(&self) -> Result<Option<TaskId>> {
        self.database.read(read::last_id)
    }

    fn stats(&self) -> Result<Stats> {
        self.database.read(view::stats)
    }

    fn refuses(&self) -> Result<Option<Error>> {
        let checked = self
            .database
            .read(|connection| self.guard.check(connection, Phase::Accepting));
        match checked {
            Err(error @ Error::Promoted { .. }) => Ok(Some(error)),
            checked => checked.map(|()| None),
        }
    }

    fn queues(&self) -> Result<Vec<QueueInfo>> {
        self.database.read(read::queues)
    }

    fn waits_in_order(&self, id: TaskId, order: &mut ClaimOrder) -> Result<Vec<Waits>> {
        self.database
            .read(|connection| read::waits(connection, id, Some(order)))
    }

    fn waits_for(&self, id: TaskId) -> Result<Vec<Waits>> {
        self.database
            .read(|connection| read::waits(connection, id, None))
    }

    fn cancel(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let (ids, now) = (ids.to_vec(), self.database.now().wall);
        let changes = self.change(Phase::Finishing, move |connection| {
            change::cancel(connection, &ids, now)
        })?;
        self.wake_cancelled(&changes);
        self.database.waker().tell_settled();
        Ok(changes)
    }

    fn withdraw(&self, ids: &[TaskId], why: &str) -> Result<Vec<Change>> {
        let (ids, why, now) = (ids.to_vec(), why.to_owned(), self.database.now().wall);
        let changes = self.change(Phase::Finishing, move |connection| {
            let changes = change::cancel(connection, &ids, now)?;
            write::withdraw(connection, &ids, &why)?;
            Ok(changes)
        })?;
        self.wake_cancelled(&changes);
        self.database.waker().tell_settled();
        Ok(changes)
    }

    fn retry(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let ids = ids.to_vec();
        let changes = self.change(Phase::Accepting, move |connection| {
            change::retry(connection, &ids)
        })?;
        self.wake_workers(change::done(&changes));
        Ok(changes)
    }

    fn reprioritize(&self, ids: &[TaskId], priority: i32) -> Result<Vec<Change>> {
        let ids = ids.to_vec();
        self.change(Phase::Accepting, move |connection| {
            write::reprioritize(connection, &ids, priority)
        })
    }

    fn set_paused(&self, queue: &str, paused: bool) -> Result<bool> {
        queue_core::task::check_name("a queue's name", queue)?;
        let (queue, now) = (queue.to_owned(), self.database.now().wall);
        let changed = self.change(Phase::Accepting, move |connection| {
            write::set_paused(connection, &queue, paused, now)
        })?;
        if changed && !paused {
            self.wake_workers(MANY);
        }
        Ok(changed)
    }

    fn prune_while(
        &self,
        request: &PruneRequest,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64> {
        prune::prune(&self.database, &self.guard, request, go_on)
    }

    fn path(&self) -> &Path {
        self.database.path()
    }

    fn sidecar(&self) -> &Sidecar {
        self.database.sidecar()
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
        verify::verify(&self.database, &[], |_| Ok(Vec::new()))
    }

    fn repair(&self) -> Result<Vec<Repaired>> {
        self.change(Phase::Accepting, |_| Ok(()))?;
        let mut repaired = Vec::new();
        for check in self
            .database
            .read(|connection| verify::broken(connection, verify::CORE_CHECKS))?
        {
            repaired.extend(self.change(Phase::Accepting, move |connection| {
                verify::repair(connection, &[check])
            })?);
        }
        Ok(repaired)
    }
}

impl FastQueue {
    /// What is left to do after a claim was committed.
    fn claimed(&self, done: claim::Done) -> Claims {
        self.database.lanes().learn(done.learned);
        if let Some(looked) = done.looked {
            *self.due.lock().unwrap_or_else(PoisonError::into_inner) = looked;
        }
        done.claims
    }

    /// What is left to do after a settle was committed.
    fn settled(&self, done: settle::Done) -> Vec<Settled> {
        if done.scheduled {
            self.forget_due();
        }
        self.wake_workers(done.wakes);
        self.database.waker().tell_settled();
        done.settled
    }

    /// Wakes idle workers, if there is anything for them.
    fn wake_workers(&self, tasks: usize) {
        if tasks > 0 {
            self.database.waker().wake(tasks);
        }
    }

    fn wake(&self, tasks: usize) -> Wake {
        Wake::new(Arc::clone(self.database.waker()), tasks)
    }
}

#[cfg(test)]
mod tests;
