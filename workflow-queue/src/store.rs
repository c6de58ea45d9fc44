//! What a database has to do for this engine. Every method is a whole operation: a batch in, a
//! result per item out, one transaction, and an answer after the commit. Inside, a store calls the
//! pure functions on the rows it read.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use queue_core::claim::{Claim, ClaimRequest, Claims, Held, WorkerId};
use queue_core::clock::{Now, Timestamp};
use queue_core::error::{Error, Result};
use queue_core::outcome::{Reason, Settled, Settlement};
use queue_core::output::Output;
use queue_core::queue::{
    Change, ClaimOrder, Enqueued, Fact, FactValue, Finding, Invariant, ListQuery, PruneRequest,
    QueueInfo, Reaped, Repaired, RetryPlan, Stats, Waits, WorkerInfo,
};
use queue_core::sidecar::Sidecar;
use queue_core::sidecar::wakeup::Waker;
use queue_core::state::State;
use queue_core::task::{Task, TaskId};
use queue_core::workflow::{Condition, Edge};

use crate::graph;
use crate::submission::WorkflowTask;

/// A checked submission.
#[derive(Clone, Debug, Default)]
pub struct Submission {
    /// The tasks, in the order of their ids.
    pub tasks: Vec<WorkflowTask>,
    /// Their edges.
    pub edges: Vec<graph::Edge>,
    /// Whether the tasks belong together.
    pub workflow: bool,
    /// The claim of the task that adds these while it runs, which must still hold.
    pub spawner: Option<Claim>,
    /// Edges between tasks that are stored already.
    pub links: Vec<Edge>,
}

/// An answer, with what is to be done now that it is committed.
#[derive(Clone, Debug, Default)]
pub struct Done<T> {
    /// The answer.
    pub value: T,
    /// How many idle workers to wake: one for each task that can be claimed and could not before,
    /// and at least one if a task waits for a time that nobody knows yet.
    pub wakes: usize,
}

/// What a task depends on, as its dependent may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The task depended on.
    pub task: Task,
    /// How it had to end.
    pub condition: Condition,
    /// What its last attempt wrote, if anything.
    pub output: Option<Output>,
}

/// What this engine knows of a task beyond a [`Task`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The first task of the workflow it belongs to.
    pub workflow: Option<TaskId>,
    /// The task that added it while running.
    pub spawner: Option<TaskId>,
    /// The key whose limit it falls under.
    pub limit_key: Option<Vec<u8>>,
    /// When it fails for not having ended.
    pub deadline_at: Option<Timestamp>,
}

impl Details {
    /// The same under the names that people and programs read.
    pub(crate) fn facts(self) -> Vec<Fact> {
        let fact = |name, value| Fact { name, value };
        vec![
            fact("workflow", self.workflow.map(FactValue::Task)),
            fact("spawner", self.spawner.map(FactValue::Task)),
            fact("limit_key", self.limit_key.map(FactValue::Key)),
            fact("deadline_at", self.deadline_at.map(FactValue::Time)),
        ]
    }
}

/// One attempt as recorded when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1; the crash of a worker does not count on.
    pub attempt: u32,
    /// The claim's fencing token.
    pub token: i64,
    /// Who ran it.
    pub worker: WorkerId,
    /// When its claim began.
    pub started_at: Timestamp,
    /// When it was settled or given up.
    pub finished_at: Timestamp,
    /// What the task became.
    pub state: State,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Why it did not succeed.
    pub reason: Option<Reason>,
    /// What a handler or the spawn reported.
    pub message: Option<String>,
    /// The end of what it wrote; kept of attempts that did not succeed.
    pub tail: Option<Vec<u8>>,
}

/// What a limit is set on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// All tasks of a queue.
    Queue(String),
    /// All tasks with this limit key, in whatever queue.
    Key(Vec<u8>),
}

/// How many may start in a period: `starts` at once, made up for evenly over the period, so that
/// in no stretch of that length more than twice as many start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many; 0 stops the queue.
    pub starts: u32,
    /// The period in milliseconds; at least 1.
    pub period_ms: u32,
}

/// A limit as set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// What it is set on.
    pub kind: LimitKind,
    /// How many may run at once; 0 stops them, `None` sets no bound.
    pub concurrency: Option<u32>,
    /// How many may start in a period; for queues only.
    pub rate: Option<Rate>,
}

/// A database that holds tasks, their edges, attempts and limits. Methods that share a name with
/// one of [`queue_core::Queue`] promise what that promises.
pub trait Store: Send + Sync + 'static {
    /// A transaction of the caller's.
    type Tx<'a>;

    /// Makes a submission durable, all of it or nothing.
    fn enqueue(&self, submission: Submission) -> Result<Done<Vec<Enqueued>>>;
    /// As [`enqueue`](Self::enqueue) within the caller's transaction.
    fn enqueue_in(&self, tx: &Self::Tx<'_>, submission: &Submission)
    -> Result<Done<Vec<Enqueued>>>;

    /// Claims under a lease.
    fn claim(&self, request: &ClaimRequest) -> Result<Claims>;
    /// Records outcomes, and what they mean for dependents and limits.
    fn settle(&self, settlements: Vec<Settlement>) -> Result<Done<Vec<Settled>>>;
    /// [`settle`](Self::settle), then [`claim`](Self::claim), in one transaction.
    fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        request: &ClaimRequest,
    ) -> Result<Done<(Vec<Settled>, Claims)>>;
    /// As [`settle`](Self::settle) within the caller's transaction.
    fn settle_in(
        &self,
        tx: &Self::Tx<'_>,
        settlements: &[Settlement],
    ) -> Result<Done<Vec<Settled>>>;
    /// Tells of claims how they stand.
    fn held(&self, claims: &[Claim]) -> Result<Vec<Held>>;
    /// Extends leases that are still held, on a connection of its own.
    fn heartbeat(&self, claims: &[Claim]) -> Result<Vec<Held>>;
    /// How long a claim is held without a heartbeat.
    fn lease(&self) -> Duration;
    /// The claims whose lease has run out.
    fn expired(&self) -> Result<Vec<Claim>>;
    /// Writes what a heartbeat of these claims would write, the same way, and changes nothing.
    fn probe(&self, claims: &[Claim]) -> Result<()>;
    /// Returns the tasks of those whose lease is still run out.
    fn expire(&self, claims: &[Claim]) -> Result<Done<Vec<Reaped>>>;

    /// Makes a worker known.
    fn register(&self, worker: &WorkerInfo) -> Result<u32>;
    /// Forgets a worker without claims.
    fn deregister(&self, worker: WorkerId) -> Result<()>;
    /// Takes back what was set aside and can be read. Returns how many tasks that is.
    fn take_back(&self) -> Result<usize>;
    /// Every registered worker.
    fn workers(&self) -> Result<Vec<WorkerInfo>>;
    /// The running claims of a worker.
    fn claims_of(&self, worker: WorkerId) -> Result<Vec<Claim>>;
    /// Returns the tasks of a dead worker but for those that are kept, and forgets it if none is.
    fn reap_except(&self, worker: WorkerId, kept: &[Claim]) -> Result<Done<Vec<Reaped>>>;

    /// A task.
    fn get(&self, id: TaskId) -> Result<Option<Task>>;
    /// Its output.
    fn output(&self, id: TaskId) -> Result<Option<Output>>;
    /// The output of one of its last attempts.
    fn output_of(&self, id: TaskId, attempt: u32) -> Result<Option<Output>>;
    /// Those of these tasks that there are, in this order, each with its output.
    fn with_outputs(&self, ids: &[TaskId]) -> Result<Vec<(Task, Option<Output>)>>;
    /// Its recorded attempts, the oldest first.
    fn attempts(&self, id: TaskId) -> Result<Vec<Attempt>>;
    /// The edges to what it waits or waited for.
    fn dependencies(&self, id: TaskId) -> Result<Vec<Edge>>;
    /// The edges from those that wait or waited for it.
    fn dependents(&self, id: TaskId) -> Result<Vec<Edge>>;
    /// What is known beyond the task itself; `None` if there is no such task.
    fn details(&self, id: TaskId) -> Result<Option<Details>>;
    /// The tasks that one added while running.
    fn spawned(&self, id: TaskId) -> Result<Vec<TaskId>>;
    /// A page of tasks.
    fn list(&self, query: &ListQuery) -> Result<Vec<Task>>;
    /// The highest id ever given out.
    fn last_id(&self) -> Result<Option<TaskId>>;
    /// How many tasks stand where.
    fn stats(&self) -> Result<Stats>;
    /// Why nothing can be written, where the file is another engine's.
    fn refuses(&self) -> Option<Error>;
    /// Every lane.
    fn queues(&self) -> Result<Vec<QueueInfo>>;
    /// Every limit.
    fn limits(&self) -> Result<Vec<Limit>>;
    /// What keeps a task waiting; of many, with what was learned of their queues.
    fn waits_for(&self, id: TaskId, order: Option<&mut ClaimOrder>) -> Result<Vec<Waits>>;

    /// Cancels tasks; dependents follow.
    fn cancel(&self, ids: &[TaskId]) -> Result<Done<Vec<Change>>>;
    /// The same, with a message on those that are cancelled then.
    fn withdraw(&self, ids: &[TaskId], why: &str) -> Result<Done<Vec<Change>>>;
    /// Re-opens ended tasks and, if asked, what was skipped because of them.
    fn retry(&self, ids: &[TaskId], downstream: bool) -> Result<Done<Vec<Change>>>;
    /// Prepares a retry that is made in steps.
    fn plan_retry(&self, ids: &[TaskId], downstream: bool) -> Result<RetryPlan>;
    /// Makes its next step.
    fn retry_step(&self, plan: &mut RetryPlan) -> Result<Done<Vec<(TaskId, Change)>>>;
    /// Changes the priority of waiting tasks.
    fn reprioritize(&self, ids: &[TaskId], priority: i32) -> Result<Vec<Change>>;
    /// Pauses or resumes a queue.
    fn set_paused(&self, queue: &str, paused: bool) -> Result<bool>;
    /// Sets a limit; one without bounds is removed.
    fn set_limit(&self, limit: &Limit) -> Result<Done<()>>;
    /// Deletes ended tasks that nobody waiting needs, in steps, as long as `go_on` says so.
    fn prune_while(
        &self,
        request: &PruneRequest,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64>;

    /// The database file.
    fn path(&self) -> &Path;
    /// The folder beside it.
    fn sidecar(&self) -> &Sidecar;
    /// Wakes its workers.
    fn waker(&self) -> &Arc<Waker>;
    /// Its clocks.
    fn now(&self) -> Now;
    /// 64 random bits.
    fn random(&self) -> u64;
    /// A number that changes when another connection commits.
    fn change_counter(&self) -> Result<i64>;
    /// What stands between the engine and its file.
    fn diagnose(&self) -> Result<Vec<Finding>>;
    /// Every invariant, and what breaks it.
    fn verify(&self) -> Result<Vec<Invariant>>;
    /// Computes anew what can be.
    fn repair(&self) -> Result<Done<Vec<Repaired>>>;
}
