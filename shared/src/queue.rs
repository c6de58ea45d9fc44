//! Operations of an engine. The runtime, both command lines, the conformance suite and the
//! simulator know an engine only through this trait.

mod alert;
mod backlog;
mod change;
mod edit;
mod enqueued;
mod fact;
mod finding;
pub mod gauges;
mod list_query;
mod monitored;
mod prune_request;
mod queue_info;
mod reaped;
mod retry_plan;
mod schedule_standing;
mod stats;
mod task_copy;
mod wait;
mod waits;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

pub use self::alert::{Alert, AlertChange, AlertKind, AlertPhase, AlertRule, AlertState};
pub use self::backlog::Backlog;
pub use self::change::Change;
pub use self::edit::Edit;
pub use self::enqueued::Enqueued;
pub use self::fact::{Fact, FactValue};
pub use self::finding::{Finding, Invariant, Repaired};
pub use self::gauges::{Gauges, LimitGauge, QueueGauges};
pub use self::list_query::{DEFAULT_PAGE, ListQuery};
pub use self::monitored::Monitored;
pub use self::prune_request::PruneRequest;
pub use self::queue_info::QueueInfo;
pub use self::reaped::Reaped;
pub use self::retry_plan::RetryPlan;
pub use self::schedule_standing::ScheduleStanding;
pub use self::stats::Stats;
pub use self::task_copy::TaskCopy;
pub use self::wait::{Waiter, listen};
pub use self::waits::{ClaimOrder, Waits};
pub use crate::worker_info::{Serves, WorkerInfo};

use crate::ageing::Ageing;
use crate::claim::{Claim, ClaimRequest, Claims, Held, WorkerId};
use crate::clock::{Now, Timestamp};
use crate::coordination::{Coordination, Wake};
use crate::error::{Error, Result};
use crate::journal::{Event, of_task};
use crate::outcome::{Settled, Settlement};
use crate::output::Output;
use crate::settings::{FileSetting, FileSettings};
use crate::state::State;
use crate::task::{NewTask, Task, TaskId};
use crate::workflow::Edge;

/// Tasks per transaction of a verb that need not be atomic: some milliseconds, in which no other
/// process writes.
pub const STEP: usize = 250;

/// Interval at which [`change_counter`](Queue::change_counter) checks that the file is still at its
/// path. Calls within it share one check.
pub(crate) const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Engine over one database. Every method is a whole operation: it takes a batch, returns a result
/// per item, uses one transaction, and returns after the commit.
///
/// Every method may fail with [`Error::Busy`] (nothing was written) and [`Error::Unusable`]; every
/// writing one with [`Error::CommitUnknown`] and [`Error::Promoted`].
pub trait Queue: Monitored + Send + Sync + 'static {
    /// Transaction of the caller's on the same file.
    type Tx<'a>;

    // Producers.

    /// Makes tasks durable, all or none, in the order given, and wakes workers. A task with a taken
    /// key is not enqueued: its result has the id of the earlier task.
    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>>;

    /// As [`enqueue`](Self::enqueue) within the caller's transaction; the tasks appear with its
    /// commit. Fire the wake afterwards.
    fn enqueue_in(&self, tx: &Self::Tx<'_>, tasks: &[NewTask]) -> Result<(Vec<Enqueued>, Wake)>;

    // Workers.

    /// Claims up to `limit` tasks, highest priority first, or by priority and age in a queue with
    /// [`Ageing`]. Raises attempt, crash and token
    /// counters, and promotes scheduled tasks that came due.
    fn claim(&self, request: &ClaimRequest) -> Result<Claims>;

    /// Records outcomes, each on behalf of its claim, and tells programs that wait for tasks to end
    /// (see [`Coordination::listen`]); so do [`reap`](Self::reap) and
    /// [`cancel`](Self::cancel).
    fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>>;

    /// [`settle`](Self::settle), then [`claim`](Self::claim), in one transaction if the engine can,
    /// so that a worker with ended tasks and free slots commits once. An error means that nothing
    /// was claimed, unless it leaves open if the transaction was committed.
    fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        request: &ClaimRequest,
    ) -> Result<(Vec<Settled>, Result<Claims>)> {
        let settled = self.settle(settlements)?;
        Ok((settled, self.claim(request)))
    }

    /// As [`settle`](Self::settle) within the caller's transaction: the task is done together
    /// with the caller's own rows. Fire the wake after the commit.
    fn settle_in(
        &self,
        tx: &Self::Tx<'_>,
        settlements: &[Settlement],
    ) -> Result<(Vec<Settled>, Wake)>;

    /// State of each claim. Changes nothing.
    fn held(&self, claims: &[Claim]) -> Result<Vec<Held>>;

    /// Extends claims if the engine has leases, and returns the state of each. Waits for other
    /// writers no longer than a lease allows, and not for queued writers of this process.
    fn heartbeat(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        self.held(claims)
    }

    /// Registers a worker, and returns its position: the lowest free one.
    fn register(&self, worker: &WorkerInfo) -> Result<u32>;

    /// Removes a worker that holds no claims.
    fn deregister(&self, worker: WorkerId) -> Result<()>;

    /// True if the file has an event log.
    fn keeps_log(&self) -> bool {
        false
    }

    /// All that is known of a task, the oldest first; `None` if there is no such task. Without a log,
    /// that is the enqueue, the last start and the end.
    fn history(&self, id: TaskId) -> Result<Option<Vec<Event>>> {
        Ok(self.get(id)?.map(|task| of_task(&task)))
    }

    /// Deletes events of the log that are older than the file retains, some thousands at once. Returns
    /// their number.
    fn trim_log(&self) -> Result<u64> {
        Ok(0)
    }

    /// The task that has not ended and whose events keep those of others, older than the file retains,
    /// from being deleted. `None` if there is no such task.
    fn log_keeper(&self) -> Result<Option<TaskId>> {
        Ok(None)
    }

    /// Takes back tasks that workers of an older version could not read and set aside, if this
    /// version can. Returns their number. If there are none, nothing is written.
    fn take_back(&self) -> Result<usize> {
        Ok(0)
    }

    /// Every registered worker, dead ones included until they are reaped.
    fn workers(&self) -> Result<Vec<WorkerInfo>>;

    /// Registered workers that live, as far as this host can tell.
    ///
    /// # Errors
    /// As [`workers`](Self::workers) and [`Coordination::is_alive`].
    fn live_workers(&self) -> Result<Vec<WorkerInfo>> {
        let mut live = Vec::new();
        for worker in self.workers()? {
            if self.coordination().is_alive(worker.id)? {
                live.push(worker);
            }
        }
        Ok(live)
    }

    /// Running claims of a worker.
    fn claims_of(&self, worker: WorkerId) -> Result<Vec<Claim>>;

    /// Returns the running tasks of a dead worker, counts a crash for each, and removes the worker.
    /// Its orphaned processes must have ended before.
    fn reap(&self, worker: WorkerId) -> Result<Vec<Reaped>> {
        self.reap_except(worker, &[])
    }

    /// As [`reap`](Self::reap) without the tasks of `kept`, which processes of the worker still
    /// run. The worker is removed only once it holds none of these claims.
    fn reap_except(&self, worker: WorkerId, kept: &[Claim]) -> Result<Vec<Reaped>>;

    /// Time for which a claim is held without a heartbeat; `None` if it is held until its worker
    /// dies.
    fn lease(&self) -> Option<Duration> {
        None
    }

    /// Claims whose lease has run out. The caller ends their processes, if it can reach them, then
    /// returns their tasks with [`expire`](Self::expire). Empty without leases.
    fn expired(&self) -> Result<Vec<Claim>> {
        Ok(Vec::new())
    }

    /// Writes the same rows in the same way as a heartbeat of these claims, and changes nothing. If
    /// it succeeds, their workers could have extended them.
    fn probe(&self, claims: &[Claim]) -> Result<()> {
        let _ = claims;
        Ok(())
    }

    /// Returns the tasks whose lease is still run out, and counts a crash for each. Leaves a claim
    /// alone that was extended or settled meanwhile.
    fn expire(&self, claims: &[Claim]) -> Result<Vec<Reaped>> {
        let _ = claims;
        Ok(Vec::new())
    }

    // People.

    /// A task, or `None`.
    fn get(&self, id: TaskId) -> Result<Option<Task>>;

    /// Output stored with a task's last settle, if any.
    fn output(&self, id: TaskId) -> Result<Option<Output>>;

    /// Output stored with that attempt, if it wrote any. The last
    /// [`KEPT_OUTPUTS`](crate::output::KEPT_OUTPUTS) attempts keep theirs, across retries.
    fn output_of(&self, id: TaskId, attempt: u32) -> Result<Option<Output>>;

    /// Existing tasks of these ids, in this order, each with its [`output`](Self::output). All of
    /// it is held in memory: ask for some dozens at a time.
    fn with_outputs(&self, ids: &[TaskId]) -> Result<Vec<(Task, Option<Output>)>>;

    /// Page of tasks, newest first.
    fn list(&self, query: &ListQuery) -> Result<Vec<Task>>;

    /// At most `limit` failed tasks of all queues or of one, those that failed last first. Among more
    /// than 20,000 of all queues, only those of the highest ids are looked at.
    fn last_failed(&self, limit: usize, queue: Option<&str>) -> Result<Vec<Task>>;

    /// At most `limit` tasks that wait in that state, those that start first first: queued ones in
    /// the order of claims, by priority among the first 256 queues; scheduled ones by their time.
    fn next_waiting(&self, state: State, limit: usize) -> Result<Vec<Task>>;

    /// Waits until these tasks have ended, for `timeout` at most, or however long it takes. Returns
    /// them in this order. Each is as it was when it had ended or when the time was over: its state
    /// tells which.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an id that no task has, or none any more;
    /// [`Error::Unusable`] if this user may not write to the folder beside the file, in which
    /// notifications arrive.
    fn wait(&self, ids: &[TaskId], timeout: Option<Duration>) -> Result<Vec<Task>> {
        let deadline = timeout.map(|timeout| self.now().boot.after(timeout));
        let mut waiter = self.waiter();
        let mut ended = Vec::with_capacity(ids.len());
        // One after the other, so that a notification costs one read for any number of tasks.
        for id in ids {
            loop {
                let missing = || Error::not_found(format!("there is no task {id}"));
                let task = self.get(*id)?.ok_or_else(missing)?;
                let left = deadline.map_or(Duration::MAX, |at| at.since(self.now().boot));
                if task.state.is_terminal() || left.is_zero() {
                    ended.push(task);
                    break;
                }
                waiter.pause(left)?;
            }
        }
        Ok(ended)
    }

    /// Makes a waiter, for a loop of your own around [`get`](Self::get).
    fn waiter(&self) -> Waiter {
        Waiter::new(self.coordination(), WorkerId::from_bits(self.random()))
    }

    /// At most `limit` tasks of exactly that name, the newest first. Looks at every task.
    fn named(&self, name: &str, limit: usize) -> Result<Vec<TaskId>>;

    /// Task that holds the idempotency key.
    fn keyed(&self, key: &[u8]) -> Result<Option<TaskId>>;

    /// Highest id ever given out; `None` in a file without tasks.
    fn last_id(&self) -> Result<Option<TaskId>>;

    /// Number of tasks in each state.
    fn stats(&self) -> Result<Stats>;

    /// Enqueues the tasks of schedules whose time has come. Returns the time of the next firing; `None`
    /// without schedules. Workers do so by themselves.
    fn fire(&self) -> Result<Option<Timestamp>> {
        Ok(None)
    }

    /// Reason for this engine to refuse tasks, if the file belongs to another engine.
    ///
    /// # Errors
    /// If the file cannot be read.
    fn refuses(&self) -> Result<Option<Error>> {
        Ok(None)
    }

    /// Every handler queue that a task or a setting ever named.
    fn queues(&self) -> Result<Vec<QueueInfo>>;

    /// True if a task or a setting ever named the queue.
    fn knows_queue(&self, name: &str) -> Result<bool> {
        Ok(self.queues()?.iter().any(|queue| queue.name == name))
    }

    /// Reasons for the task to wait, among them that no live worker serves it. For a skipped task,
    /// the dependencies that caused it. Empty if there are none or the task does not wait.
    fn waits_for(&self, id: TaskId) -> Result<Vec<Waits>> {
        let mut waits = self.waits_in_file(id)?;
        if let Some(task) = self.get(id)?.filter(|task| task.state.is_waiting()) {
            let handler = task.work.handler();
            let serves = |worker: &WorkerInfo| worker.serves.covers(&task.queue, handler);
            if !self.live_workers()?.iter().any(serves) {
                waits.push(Waits::Unserved);
            }
        }
        Ok(waits)
    }

    /// As [`waits_for`](Self::waits_for), as far as the engine sees it in its file: without a look at
    /// the workers.
    fn waits_in_file(&self, id: TaskId) -> Result<Vec<Waits>>;

    /// As [`waits_in_file`](Self::waits_in_file), for one of many tasks. Looks up the number of tasks
    /// before it in `order`, which reads every queue once and is kept between the calls, so that
    /// the answer is as of that reading.
    fn waits_in_order(&self, id: TaskId, order: &mut ClaimOrder) -> Result<Vec<Waits>> {
        let _ = order;
        self.waits_in_file(id)
    }

    /// Edges to the tasks that a task waits or waited for; empty for an engine without
    /// dependencies.
    fn dependencies(&self, id: TaskId) -> Result<Vec<Edge>> {
        let _ = id;
        Ok(Vec::new())
    }

    /// Edges from the tasks that wait or waited for a task; empty for an engine without
    /// dependencies.
    fn dependents(&self, id: TaskId) -> Result<Vec<Edge>> {
        let _ = id;
        Ok(Vec::new())
    }

    /// Facts that only the engine knows of a task, always the same ones in the same order; empty if
    /// the engine knows no more than [`get`](Self::get).
    fn facts(&self, id: TaskId) -> Result<Vec<Fact>> {
        let _ = id;
        Ok(Vec::new())
    }

    /// Cancels tasks: waiting ones at once, running ones by a request to their worker.
    fn cancel(&self, ids: &[TaskId]) -> Result<Vec<Change>>;

    /// As [`cancel`](Self::cancel). Tasks that are cancelled, now or before, keep `why` as their
    /// message until they are retried.
    fn withdraw(&self, ids: &[TaskId], why: &str) -> Result<Vec<Change>>;

    /// Queues ended tasks again, with fresh budgets, in one transaction; refuses succeeded ones.
    /// For very many tasks use [`plan_retry`](Self::plan_retry), which lets others write in
    /// between.
    fn retry(&self, ids: &[TaskId]) -> Result<Vec<Change>>;

    /// Prepares a retry in steps of these tasks and, with `downstream`, of tasks that were skipped
    /// because of them. Changes nothing yet.
    fn plan_retry(&self, ids: &[TaskId], downstream: bool) -> Result<RetryPlan> {
        let _ = downstream;
        let asked: HashSet<TaskId> = ids.iter().copied().collect();
        let mut order: Vec<TaskId> = asked.iter().copied().collect();
        order.sort_unstable();
        Ok(RetryPlan::new(asked.clone(), asked, order))
    }

    /// Makes the next step of a retry, one transaction of some milliseconds. Returns the result of
    /// each requested task and of each task that was re-opened with one. After every step the file
    /// is as sound as before, and the same retry planned again continues with the rest.
    fn retry_step(&self, plan: &mut RetryPlan) -> Result<Vec<(TaskId, Change)>> {
        let ids: Vec<TaskId> = plan.left().iter().copied().take(STEP).collect();
        let changes = self.retry(&ids)?;
        plan.advance(ids.len());
        Ok(ids.into_iter().zip(changes).collect())
    }

    /// Holds waiting tasks: each is blocked, as by one more dependency, until it is released. It can
    /// still be cancelled, and still fails when its time limit passes.
    fn hold(&self, ids: &[TaskId]) -> Result<Vec<Change>>;

    /// Releases held tasks. Each waits for whatever else it has to, such as its time.
    fn release(&self, ids: &[TaskId]) -> Result<Vec<Change>>;

    /// Enqueues a copy of each ended task: with a new id, without a key, a time or dependents, and with
    /// the outputs of the tasks that the original depended on. With `held`, the copies wait until they
    /// are released.
    fn rerun(&self, ids: &[TaskId], held: bool) -> Result<Vec<TaskCopy>>;

    /// Lets waiting tasks start before their time, be it a delay or a backoff. Each still waits for
    /// whatever else it has to.
    fn start(&self, ids: &[TaskId]) -> Result<Vec<Change>>;

    /// Gives waiting tasks new values, all or none.
    ///
    /// # Errors
    /// Also [`Error::Invalid`] if one of the tasks cannot have such a value, such as a command in place
    /// of a handler's work.
    fn edit(&self, ids: &[TaskId], edit: &Edit) -> Result<Vec<Change>>;

    /// Changes the priority of waiting tasks.
    fn reprioritize(&self, ids: &[TaskId], priority: i32) -> Result<Vec<Change>>;

    /// Stops (`true`) or resumes (`false`) claims from a queue. Running tasks are left running.
    /// Returns true if that changed anything.
    fn set_paused(&self, queue: &str, paused: bool) -> Result<bool>;

    /// Sets the ageing of a queue, by which its low priorities come to run; `None` ends it. Returns true
    /// if that changed anything.
    fn set_ageing(&self, queue: &str, ageing: Option<Ageing>) -> Result<bool>;

    /// Id of the file, drawn at random when it was made. It stays when the file moves; a copy has the
    /// same.
    fn file_id(&self) -> Result<i64>;

    /// Settings of the file.
    fn settings(&self) -> Result<FileSettings>;

    /// Sets a setting of the file, or returns it to its default. Returns true if that changed
    /// anything.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a value out of bounds.
    fn change_setting(&self, setting: FileSetting, value: Option<u64>) -> Result<bool>;

    /// Deletes ended tasks in small steps, never the highest id, then their logs. Returns the
    /// number of deleted tasks; in a dry run, of tasks it would delete.
    ///
    /// # Errors
    /// Also a log that cannot be deleted: the tasks are deleted then.
    fn prune(&self, request: &PruneRequest) -> Result<u64> {
        let pruned = self.prune_while(request, &mut |_| true)?;
        if !request.dry_run {
            self.delete_logs()?;
        }
        Ok(pruned)
    }

    /// Deletes the log files of deleted tasks.
    ///
    /// # Errors
    /// The first log that cannot be deleted, after deleting the others.
    fn delete_logs(&self) -> Result<()>;

    /// Deletes tasks as [`prune`](Self::prune) does, without their logs, while `go_on` returns
    /// true. It is called before every step, with the number of tasks deleted so far.
    fn prune_while(
        &self,
        request: &PruneRequest,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64>;

    // The runtime.

    /// Coordination of the processes at this queue.
    fn coordination(&self) -> &Arc<dyn Coordination>;

    /// Current time of the engine's clocks.
    fn now(&self) -> Now;

    /// 64 random bits from the engine's source.
    fn random(&self) -> u64;

    /// Number that changes when another connection commits: the safety net for lost wakes. Fails with
    /// [`Error::Gone`] once the file is not at its path any more; see `LOOK_INTERVAL`.
    fn change_counter(&self) -> Result<i64>;

    /// Findings about the engine and its file, for `doctor`.
    fn diagnose(&self) -> Result<Vec<Finding>>;

    /// Checks every invariant of the file, reading all of it twice.
    /// [`sqlite::verify`](crate::sqlite::verify) says how the write-ahead log grows meanwhile.
    /// Changes nothing.
    fn verify(&self) -> Result<Vec<Invariant>>;

    /// Computes anew rows that [`verify`](Self::verify) found wrong and that follow from other
    /// rows: counters, marks and edges. Returns its changes.
    fn repair(&self) -> Result<Vec<Repaired>>;
}
