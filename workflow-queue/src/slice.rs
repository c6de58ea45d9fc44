//! The part of a database that one write transaction works on, as the plans of
//! [`plan`](crate::plan) see it.
//!
//! A plan loads a *level* at a time: many ids in, one answer per id out, in the same order. Then it
//! decides, and writes. Between machines a level is one round trip; so a plan takes as many of them
//! as what it works on is deep, however much there is of it.
//!
//! A write may be executed at once, or kept until the next load or the commit and sent with others;
//! every load sees the writes before it. Between two loads a plan does not see what it wrote: it
//! keeps in mind the counters it lowered, the tasks it ended and the slots it gave away.

use std::collections::BTreeMap;

use queue_core::claim::{Claim, WorkerId};
use queue_core::clock::{Now, Timestamp};
use queue_core::error::Result;
use queue_core::options::TaskOptions;
use queue_core::outcome::{Reason, Running, Verdict};
use queue_core::output::Output;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge};

use crate::submission::WorkflowTask;

/// The last execution of a task, as its end finds it.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    /// The task's state; it runs unless the execution has been settled before.
    pub(crate) state: State,
    /// The attempt counter.
    pub(crate) attempt: u32,
    /// What it was at the last retry.
    pub(crate) attempt_base: u32,
    /// The crash counter.
    pub(crate) crashes: u32,
    /// Whether somebody asked for its end.
    pub(crate) cancel_requested: bool,
    /// The task's options.
    pub(crate) options: TaskOptions,
    /// When it was claimed.
    pub(crate) started_at: Option<Timestamp>,
    /// When the task fails for not having ended.
    pub(crate) deadline_at: Option<Timestamp>,
    /// The key whose limit the task falls under.
    pub(crate) limit_key: Option<Vec<u8>>,
    /// Whether its lease has run out.
    pub(crate) is_expired: bool,
    /// Whether it counts towards the limit of a queue.
    pub(crate) is_gated: bool,
}

impl Execution {
    /// The same as a verdict needs it.
    pub(crate) fn running(&self) -> Running<'_> {
        Running {
            attempt: self.attempt,
            attempt_base: self.attempt_base,
            crashes: self.crashes,
            cancel_requested: self.cancel_requested,
            options: &self.options,
        }
    }
}

/// How an execution ended, for the task's row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conclusion<'a> {
    /// The claim it ran under.
    pub(crate) claim: Claim,
    /// What becomes of the task.
    pub(crate) verdict: &'a Verdict,
    /// When the task ended, if it did.
    pub(crate) finished_at: Option<Timestamp>,
    /// Whether the worker lost the claim, so that its own settle must be refused.
    pub(crate) is_lost: bool,
}

/// An attempt to record.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EndedAttempt<'a> {
    /// The claim it ran under.
    pub(crate) claim: Claim,
    /// Its number, from 1.
    pub(crate) attempt: u32,
    /// When it was claimed.
    pub(crate) started_at: Timestamp,
    /// When it ended.
    pub(crate) finished_at: Timestamp,
    /// What it made of its task.
    pub(crate) verdict: &'a Verdict,
    /// The end of its output, where that is kept.
    pub(crate) tail: Option<&'a [u8]>,
}

/// A task that waits for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The dependent.
    pub(crate) task: TaskId,
    /// How the other has to end.
    pub(crate) condition: Condition,
    /// How many of its dependencies do not hold yet.
    pub(crate) pending: u32,
}

/// A task's row, as far as plans look at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskRow {
    /// Where it stands.
    pub(crate) state: State,
    /// The key whose limit it falls under.
    pub(crate) limit_key: Option<Vec<u8>>,
    /// The worker of its last claim.
    pub(crate) worker: Option<WorkerId>,
    /// Whether somebody asked for the end of what runs.
    pub(crate) cancel_requested: bool,
}

/// A task that is to be inserted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRow<'a> {
    /// What was asked for.
    pub(crate) task: &'a WorkflowTask,
    /// The id of its queue and handler.
    pub(crate) queue: i64,
    /// Where it stands.
    pub(crate) state: State,
    /// The workflow it belongs to.
    pub(crate) workflow: Workflow,
    /// The running task that adds it.
    pub(crate) spawner: Option<TaskId>,
    /// Whether it has dependencies, ended or not.
    pub(crate) depends: bool,
    /// Dependencies that have not ended.
    pub(crate) pending: u32,
    /// A dependency because of which it can never start.
    pub(crate) never: Option<TaskId>,
}

/// The workflow of a task that is to be inserted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Workflow {
    /// None.
    #[default]
    None,
    /// That of a stored task.
    Of(TaskId),
    /// That of the first task which is inserted with it.
    New,
}

/// What became of a task that was to be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// It is stored, under this id.
    New(TaskId),
    /// That task holds its key.
    Taken(TaskId),
}

/// The id of a queue and handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueId {
    /// The id.
    pub(crate) id: i64,
    /// Whether it is worth remembering once the transaction has committed.
    pub(crate) is_learned: bool,
}

/// A waiting task whose time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Late {
    /// The task.
    pub(crate) task: TaskId,
    /// When it fails for not having ended.
    pub(crate) deadline_at: Option<Timestamp>,
    /// The key whose limit it falls under.
    pub(crate) limit_key: Option<Vec<u8>>,
}

/// What a task waits for, and how that has to end.
pub(crate) type Conditions = BTreeMap<TaskId, Condition>;

/// What decides where a task stands once its dependencies hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Start {
    /// When it may start.
    pub(crate) run_at: Option<Timestamp>,
    /// The key whose limit it falls under.
    pub(crate) limit_key: Option<Vec<u8>>,
}

/// The free slots under a limit key, and the queues whose tasks wait for one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FreeSlots {
    /// How many more may run under the key than do.
    pub(crate) free: u64,
    /// Each queue id with how many of its tasks are offered a slot already.
    pub(crate) queues: Vec<(i64, u64)>,
}

/// Slots to fill with the next tasks of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening<'a> {
    /// The limit key.
    pub(crate) key: &'a [u8],
    /// The queue's id.
    pub(crate) queue: i64,
    /// How many tasks.
    pub(crate) tasks: usize,
}

/// The rows that a write transaction works on: loads first, then writes.
pub(crate) trait Slice {
    /// The time of the transaction.
    fn now(&self) -> Now;

    /// The execution of each claim; `None` if the claim is not its task's last, or is lost.
    fn executions(&mut self, claims: &[Claim]) -> Result<Vec<Option<Execution>>>;
    /// The tasks that still wait for each of these, in the order of their ids.
    fn waiting_for(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<Waiting>>>;
    /// The row of each of these; `None` if there is no such task.
    fn rows(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<TaskRow>>>;
    /// The state of each of these, whose ids ascend; `None` if there is no such task.
    fn states(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<State>>>;
    /// What each of these waits or waited for.
    fn dependencies(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<(TaskId, Condition)>>>;
    /// The tasks that wait or waited for this one.
    fn dependents(&mut self, task: TaskId) -> Result<Vec<TaskId>>;
    /// Those that were skipped among the dependents of each of these.
    fn skipped_dependents(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<TaskId>>>;
    /// The workflow of each of these; `None` if there is no such task.
    fn workflows(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<TaskId>>>;
    /// What decides where each of these starts; `None` if there is no such task.
    fn starts(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<Start>>>;
    /// The free slots under each key; `None` if none is free, or no task waits for one.
    fn free_slots(&mut self, keys: &[Vec<u8>]) -> Result<Vec<Option<FreeSlots>>>;
    /// The next tasks for each opening, in the order in which they are to run.
    fn parked(&mut self, openings: &[Opening<'_>]) -> Result<Vec<Vec<TaskId>>>;
    /// The waiting tasks whose time is over, the first of very many.
    fn late(&mut self) -> Result<Vec<Late>>;
    /// The task that holds each of these idempotency keys; `None` if it is free, or its time is over.
    fn key_holders(&mut self, keys: &[&[u8]]) -> Result<Vec<Option<TaskId>>>;
    /// The id of each queue and handler, made where there is none.
    fn queue_ids(&mut self, handler_queues: &[(&str, &str)]) -> Result<Vec<QueueId>>;
    /// Inserts tasks, under ids that rise in their order, and has those wait that have dependencies.
    /// One whose key another task holds is left out; a key whose time is over is taken from its
    /// holder.
    fn insert(&mut self, rows: &[NewRow<'_>]) -> Result<Vec<Inserted>>;

    /// Stores the edges of tasks that were inserted in this transaction.
    fn store_edges(&mut self, edges: Vec<Edge>) -> Result<()>;
    /// Cancels a waiting task.
    fn cancel(&mut self, task: TaskId) -> Result<()>;
    /// Asks for the end of a running task.
    fn request_cancel(&mut self, task: TaskId) -> Result<()>;
    /// Says of a cancelled task why it is.
    fn say_why(&mut self, task: TaskId, why: &str) -> Result<()>;
    /// Fails a waiting task.
    fn fail(&mut self, task: TaskId, reason: Reason) -> Result<()>;
    /// Ends an execution.
    fn conclude(&mut self, conclusion: &Conclusion<'_>) -> Result<()>;
    /// Records an attempt.
    fn record_attempt(&mut self, attempt: &EndedAttempt<'_>) -> Result<()>;
    /// Stores what the attempt of that number wrote, in place of the output of the last.
    fn store_output(&mut self, claim: Claim, attempt: u32, output: Option<&Output>) -> Result<()>;
    /// Has a task wait for so many dependencies that do not hold yet.
    fn wait(&mut self, task: TaskId, pending: u32) -> Result<()>;
    /// Changes how many dependencies a waiting task waits for.
    fn set_pending(&mut self, task: TaskId, pending: u32) -> Result<()>;
    /// Notes that a task waits for no dependency, whatever becomes of it.
    fn wait_no_more(&mut self, task: TaskId) -> Result<()>;
    /// Lets a task go on, in this state, that waits for no dependency any more.
    fn release(&mut self, task: TaskId, state: State) -> Result<()>;
    /// Ends a waiting task because of one it depends on.
    fn skip(&mut self, task: TaskId, cause: TaskId) -> Result<()>;
    /// Has a waiting task depend on `all`, which is what it depended on and more.
    fn add_dependencies(
        &mut self,
        dependent: TaskId,
        had: &Conditions,
        all: &Conditions,
    ) -> Result<()>;
    /// Has a waiting task wait for so many dependencies, also if it could have been claimed.
    fn block(&mut self, task: TaskId, pending: u32) -> Result<()>;
    /// Re-opens an ended task with fresh budgets, to wait for so many dependencies.
    fn reopen(&mut self, task: TaskId, state: State, pending: u32) -> Result<()>;
    /// Offers a slot to a task that waits for one.
    fn admit(&mut self, task: TaskId) -> Result<()>;
}
