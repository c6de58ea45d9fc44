//! The engine over any store: it checks what is asked for, and wakes workers after the commit.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use queue_core::claim::{Claim, ClaimRequest, Claims, Held, WorkerId};
use queue_core::clock::Now;
use queue_core::error::{Error, Result};
use queue_core::outcome::{Settled, Settlement};
use queue_core::output::Output;
use queue_core::queue::{
    Change, ClaimOrder, Enqueued, Fact, Finding, Invariant, ListQuery, PruneRequest, Queue,
    QueueInfo, Reaped, Repaired, RetryPlan, Stats, Waits, WorkerInfo,
};
use queue_core::runtime::log::last_outputs;
use queue_core::runtime::sidecar::Sidecar;
use queue_core::runtime::wakeup::Wake;
use queue_core::task::{NewTask, Task, TaskId, check_name, check_queue_name};
use queue_core::workflow::Edge;

use crate::graph;
use crate::sqlite::{SqliteOptions, SqliteStore};
use crate::store::{Attempt, Details, Done, Input, Limit, LimitKind, Store, Submission};
use crate::submission::{Dependent, Which, WorkflowTask, check_limit_key};

/// How many workers a change wakes that lets an unknown number of tasks go.
const MANY: usize = 1024;

/// A durable queue of tasks that may depend on each other. Cheap to share between threads in an
/// [`Arc`]; any number of processes may have the same file open.
#[derive(Debug)]
pub struct WorkflowQueue<S = SqliteStore> {
    store: S,
}

impl WorkflowQueue<SqliteStore> {
    /// Opens the file at `path`, creating it if it is missing, at
    /// [`Durability::Full`](queue_core::sqlite::Durability::Full) and with leases of 30 seconds.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the file cannot be used, with what to do.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path, SqliteOptions::new()?)
    }

    /// Opens the file at `path` as `options` say.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, options: SqliteOptions) -> Result<Self> {
        SqliteStore::open(path.as_ref(), options).map(Self::over)
    }
}

impl<S: Store> WorkflowQueue<S> {
    /// The engine over that store.
    pub fn over(store: S) -> Self {
        Self { store }
    }

    /// The store.
    pub fn store(&self) -> &S {
        &self.store
    }

    /// Makes a workflow durable, all or none, and wakes workers. A task whose key is taken is not
    /// enqueued and what it waits for is not added; what depends on it then depends on the task
    /// that holds the key. A workflow that depends on stored tasks is part of the first one's.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a task or edge that breaks a limit, a cycle, a name or place that is
    /// not there; [`Error::NotFound`] for a dependency on a task that is not stored (any more).
    pub fn enqueue_workflow(&self, tasks: Vec<WorkflowTask>) -> Result<Vec<Enqueued>> {
        let submission = workflow(tasks, None)?;
        let done = self.store.enqueue(submission)?;
        Ok(self.woken(done))
    }

    /// As [`enqueue_workflow`](Self::enqueue_workflow) within the caller's transaction. Fire the
    /// wake after the commit.
    ///
    /// # Errors
    /// As [`enqueue_workflow`](Self::enqueue_workflow).
    pub fn enqueue_workflow_in(
        &self,
        tx: &S::Tx<'_>,
        tasks: Vec<WorkflowTask>,
    ) -> Result<(Vec<Enqueued>, Wake)> {
        let done = self.store.enqueue_in(tx, &workflow(tasks, None)?)?;
        Ok(self.to_wake(done))
    }

    /// Adds tasks to the workflow of a running task, under its claim: if that is lost, nothing is
    /// added. Waiting tasks of the same workflow can be made to wait for them
    /// ([`WorkflowTask::before`]); `links` make them wait for each other. They must not have started.
    ///
    /// # Errors
    /// [`Error::ClaimLost`]; otherwise as [`enqueue_workflow`](Self::enqueue_workflow) and
    /// [`add_dependencies`](Self::add_dependencies).
    pub fn spawn(
        &self,
        claim: Claim,
        tasks: Vec<WorkflowTask>,
        links: Vec<Edge>,
    ) -> Result<Vec<Enqueued>> {
        let done = self.store.enqueue(Submission {
            links,
            ..workflow(tasks, Some(claim))?
        })?;
        Ok(self.woken(done))
    }

    /// Makes waiting tasks wait for others too. One that could be claimed is blocked again; one
    /// whose new condition can no longer hold is skipped.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a dependent that runs or has ended, and for an edge that closes a
    /// cycle; [`Error::NotFound`] for a task that is not stored. Nothing is added then.
    pub fn add_dependencies(&self, links: Vec<Edge>) -> Result<()> {
        let done = self.store.enqueue(Submission {
            links,
            ..Submission::default()
        })?;
        self.woken(done);
        Ok(())
    }

    /// Re-opens ended tasks, and what was skipped because of them, and so on down, all in one
    /// transaction. Of very many, let others write in between with
    /// [`plan_retry`](Queue::plan_retry).
    ///
    /// # Errors
    /// As [`retry`](Queue::retry).
    pub fn retry_downstream(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let done = self.store.retry(ids, true)?;
        Ok(self.woken(done))
    }

    /// The recorded attempts of a task, the oldest first.
    ///
    /// # Errors
    /// Those of every reading method.
    pub fn attempts(&self, id: TaskId) -> Result<Vec<Attempt>> {
        self.store.attempts(id)
    }

    /// What is known of a task beyond [`get`](Queue::get); `None` if there is no such task.
    ///
    /// # Errors
    /// Those of every reading method.
    pub fn details(&self, id: TaskId) -> Result<Option<Details>> {
        self.store.details(id)
    }

    /// The tasks that a task added while it ran, oldest first.
    ///
    /// # Errors
    /// Those of every reading method.
    pub fn spawned(&self, id: TaskId) -> Result<Vec<TaskId>> {
        self.store.spawned(id)
    }

    /// The tasks that a task depends on, with what they wrote: a prune leaves them until it has
    /// ended. One that was pruned afterwards is left out.
    ///
    /// # Errors
    /// Those of every reading method, and when a log file cannot be read.
    pub fn inputs(&self, id: TaskId) -> Result<Vec<Input>> {
        let edges = self.store.dependencies(id)?;
        let ids: Vec<TaskId> = edges.iter().map(|edge| edge.on).collect();
        let found = last_outputs(self, &ids)?;
        let mut edges = edges.into_iter();
        let inputs = found.into_iter().filter_map(|(task, output)| {
            let edge = edges.find(|edge| edge.on == task.id)?;
            Some(Input {
                task,
                condition: edge.condition,
                output,
            })
        });
        Ok(inputs.collect())
    }

    /// The edges from those that wait or waited for a task.
    ///
    /// # Errors
    /// Those of every reading method.
    pub fn dependents(&self, id: TaskId) -> Result<Vec<Edge>> {
        self.store.dependents(id)
    }

    /// Sets a limit, from the next claim on; what runs already is left running. One without bounds
    /// is removed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a name or key that breaks a limit, a rate on a key, a rate finer than
    /// one start in a microsecond.
    pub fn set_limit(&self, limit: &Limit) -> Result<()> {
        match &limit.kind {
            LimitKind::Queue(name) if self.knows_queue(name)? => {}
            LimitKind::Queue(name) => check_queue_name(name)?,
            LimitKind::Key(key) => check_limit_key(key)?,
        }
        if let Some(rate) = limit.rate {
            if matches!(limit.kind, LimitKind::Key(_)) {
                return Err(Error::invalid("a rate can be set on a queue only"));
            }
            if rate.period_ms == 0
                || u64::from(rate.starts) > u64::from(rate.period_ms).saturating_mul(1000)
            {
                return Err(Error::invalid(
                    "a rate must be at most one start in a microsecond",
                ));
            }
        }
        let done = self.store.set_limit(limit)?;
        self.woken(done);
        Ok(())
    }

    /// Every limit that is set.
    ///
    /// # Errors
    /// Those of every reading method.
    pub fn limits(&self) -> Result<Vec<Limit>> {
        self.store.limits()
    }

    /// Wakes as many workers as there is new work for.
    fn woken<T>(&self, done: Done<T>) -> T {
        if done.wakes > 0 {
            self.store.waker().wake(done.wakes);
        }
        done.value
    }

    /// As [`woken`](Self::woken) where tasks may have ended: tells those who wait for that.
    fn told<T>(&self, done: Done<T>) -> T {
        let value = self.woken(done);
        self.store.waker().tell_settled();
        value
    }

    fn to_wake<T>(&self, done: Done<T>) -> (T, Wake) {
        let wake = Wake::new(Arc::clone(self.store.waker()), done.wakes);
        (done.value, wake)
    }

    fn wake_cancelled(&self, changes: &[Change]) {
        for change in changes {
            if let Some(worker) = change.asked() {
                self.store.waker().wake_worker(worker);
            }
        }
    }
}

/// A checked workflow, or addition to that of a running task.
fn workflow(tasks: Vec<WorkflowTask>, spawner: Option<Claim>) -> Result<Submission> {
    NewTask::validate_all(tasks.iter().map(|task| &task.task))?;
    for (place, task) in tasks.iter().enumerate() {
        if let Err(error) = task.validate() {
            if tasks.len() == 1 && task.line.is_none() {
                return Err(error);
            }
            let label = graph::label(&tasks, place);
            return Err(Error::invalid(format!("{label}: {error}")));
        }
        let of_spawner = |dependent: &Dependent| dependent.which == Which::OfSpawner;
        if spawner.is_none() && task.before.iter().any(of_spawner) {
            return Err(Error::invalid(
                "only what a running task adds can be put in front of that task's dependents",
            ));
        }
    }
    Ok(Submission {
        edges: graph::edges(&tasks)?,
        tasks,
        workflow: true,
        spawner,
        ..Submission::default()
    })
}

/// Checked tasks that have nothing to do with each other.
fn unrelated(tasks: impl IntoIterator<Item = NewTask>) -> Submission {
    Submission {
        tasks: tasks.into_iter().map(WorkflowTask::from).collect(),
        ..Submission::default()
    }
}

impl<S: Store> Queue for WorkflowQueue<S> {
    type Tx<'a> = S::Tx<'a>;

    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>> {
        NewTask::validate_all(&tasks)?;
        let done = self.store.enqueue(unrelated(tasks))?;
        Ok(self.woken(done))
    }

    fn enqueue_in(&self, tx: &Self::Tx<'_>, tasks: &[NewTask]) -> Result<(Vec<Enqueued>, Wake)> {
        NewTask::validate_all(tasks)?;
        let submission = unrelated(tasks.iter().cloned());
        let done = self.store.enqueue_in(tx, &submission)?;
        Ok(self.to_wake(done))
    }

    fn claim(&self, request: &ClaimRequest) -> Result<Claims> {
        self.store.claim(request)
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        let done = self.store.settle(settlements)?;
        Ok(self.told(done))
    }

    fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        request: &ClaimRequest,
    ) -> Result<(Vec<Settled>, Result<Claims>)> {
        let done = self.store.settle_and_claim(settlements, request)?;
        let (settled, claims) = self.told(done);
        Ok((settled, Ok(claims)))
    }

    fn settle_in(
        &self,
        tx: &Self::Tx<'_>,
        settlements: &[Settlement],
    ) -> Result<(Vec<Settled>, Wake)> {
        let done = self.store.settle_in(tx, settlements)?;
        let (settled, wake) = self.to_wake(done);
        Ok((settled, wake.after_settling()))
    }

    fn held(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        self.store.held(claims)
    }

    fn heartbeat(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        self.store.heartbeat(claims)
    }

    fn register(&self, worker: &WorkerInfo) -> Result<u32> {
        self.store.register(worker)
    }

    fn deregister(&self, worker: WorkerId) -> Result<()> {
        self.store.deregister(worker)
    }

    fn take_back(&self) -> Result<usize> {
        self.store.take_back()
    }

    fn workers(&self) -> Result<Vec<WorkerInfo>> {
        self.store.workers()
    }

    fn claims_of(&self, worker: WorkerId) -> Result<Vec<Claim>> {
        self.store.claims_of(worker)
    }

    fn reap_except(&self, worker: WorkerId, kept: &[Claim]) -> Result<Vec<Reaped>> {
        let done = self.store.reap_except(worker, kept)?;
        Ok(self.told(done))
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.store.lease())
    }

    fn expired(&self) -> Result<Vec<Claim>> {
        self.store.expired()
    }

    fn probe(&self, claims: &[Claim]) -> Result<()> {
        self.store.probe(claims)
    }

    fn expire(&self, claims: &[Claim]) -> Result<Vec<Reaped>> {
        let done = self.store.expire(claims)?;
        Ok(self.told(done))
    }

    fn get(&self, id: TaskId) -> Result<Option<Task>> {
        self.store.get(id)
    }

    fn output(&self, id: TaskId) -> Result<Option<Output>> {
        self.store.output(id)
    }

    fn output_of(&self, id: TaskId, attempt: u32) -> Result<Option<Output>> {
        self.store.output_of(id, attempt)
    }

    fn with_outputs(&self, ids: &[TaskId]) -> Result<Vec<(Task, Option<Output>)>> {
        self.store.with_outputs(ids)
    }

    fn list(&self, query: &ListQuery) -> Result<Vec<Task>> {
        self.store.list(query)
    }

    fn last_id(&self) -> Result<Option<TaskId>> {
        self.store.last_id()
    }

    fn stats(&self) -> Result<Stats> {
        self.store.stats()
    }

    fn refuses(&self) -> Result<Option<Error>> {
        Ok(self.store.refuses())
    }

    fn queues(&self) -> Result<Vec<QueueInfo>> {
        self.store.queues()
    }

    fn knows_queue(&self, name: &str) -> Result<bool> {
        let is_own = |limit: Limit| matches!(limit.kind, LimitKind::Queue(own) if own == name);
        Ok(self.queues()?.iter().any(|lane| lane.name == name)
            || self.store.limits()?.into_iter().any(is_own))
    }

    fn waits_for(&self, id: TaskId) -> Result<Vec<Waits>> {
        self.store.waits_for(id, None)
    }

    fn waits_in_order(&self, id: TaskId, order: &mut ClaimOrder) -> Result<Vec<Waits>> {
        self.store.waits_for(id, Some(order))
    }

    fn dependencies(&self, id: TaskId) -> Result<Vec<Edge>> {
        self.store.dependencies(id)
    }

    fn facts(&self, id: TaskId) -> Result<Vec<Fact>> {
        Ok(self.store.details(id)?.unwrap_or_default().facts())
    }

    fn cancel(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let done = self.store.cancel(ids)?;
        let changes = self.told(done);
        self.wake_cancelled(&changes);
        Ok(changes)
    }

    fn withdraw(&self, ids: &[TaskId], why: &str) -> Result<Vec<Change>> {
        let done = self.store.withdraw(ids, why)?;
        let changes = self.told(done);
        self.wake_cancelled(&changes);
        Ok(changes)
    }

    fn retry(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let done = self.store.retry(ids, false)?;
        Ok(self.woken(done))
    }

    fn plan_retry(&self, ids: &[TaskId], downstream: bool) -> Result<RetryPlan> {
        self.store.plan_retry(ids, downstream)
    }

    fn retry_step(&self, plan: &mut RetryPlan) -> Result<Vec<(TaskId, Change)>> {
        let done = self.store.retry_step(plan)?;
        Ok(self.woken(done))
    }

    fn reprioritize(&self, ids: &[TaskId], priority: i32) -> Result<Vec<Change>> {
        self.store.reprioritize(ids, priority)
    }

    fn set_paused(&self, queue: &str, paused: bool) -> Result<bool> {
        check_name("a queue's name", queue)?;
        let changed = self.store.set_paused(queue, paused)?;
        if changed && !paused {
            self.store.waker().wake(MANY);
        }
        Ok(changed)
    }

    fn prune_while(
        &self,
        request: &PruneRequest,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64> {
        self.store.prune_while(request, go_on)
    }

    fn path(&self) -> &Path {
        self.store.path()
    }

    fn sidecar(&self) -> &Sidecar {
        self.store.sidecar()
    }

    fn now(&self) -> Now {
        self.store.now()
    }

    fn random(&self) -> u64 {
        self.store.random()
    }

    fn change_counter(&self) -> Result<i64> {
        self.store.change_counter()
    }

    fn diagnose(&self) -> Result<Vec<Finding>> {
        self.store.diagnose()
    }

    fn verify(&self) -> Result<Vec<Invariant>> {
        self.store.verify()
    }

    fn repair(&self) -> Result<Vec<Repaired>> {
        let done = self.store.repair()?;
        Ok(self.told(done))
    }
}
