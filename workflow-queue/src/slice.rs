//! The rows that one write transaction works on, as [`plan`](crate::plan) sees them.
//!
//! A plan loads a *level* at a time: many ids in, one answer per id out, in the same order. Then it
//! decides, and writes. Over a network a level would be one round trip. So the number of round
//! trips depends on the depth of the graph, not on its size.
//!
//! A write may be executed at once, or kept and sent with others before the next load or at the
//! commit; every load sees the writes before it. Between two loads a plan does not see its own
//! writes: it remembers the counters it lowered, the tasks it ended and the slots it gave away.

use std::collections::BTreeMap;

use queue_core::Usage;
use queue_core::claim::{Claim, WorkerId};
use queue_core::clock::{Now, Timestamp};
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::options::TaskOptions;
use queue_core::outcome::{Reason, RunningRow, Verdict};
use queue_core::output::Output;
use queue_core::queue::Edit;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge};

use crate::workflow_task::WorkflowTask;

/// The last execution of a task, as stored.
#[derive(Clone, Debug)]
pub(crate) struct Execution {
    /// The task's state; running, unless the execution was settled before.
    pub(crate) state: State,
    /// The attempt counter.
    pub(crate) attempt: u32,
    /// Value of the attempt counter at the last retry.
    pub(crate) attempt_base: u32,
    /// The crash counter.
    pub(crate) crashes: u32,
    /// True if a cancel was requested.
    pub(crate) cancel_requested: bool,
    /// The task's options.
    pub(crate) options: TaskOptions,
    /// Time of the claim.
    pub(crate) started_at: Option<Timestamp>,
    /// Deadline by which the task must have ended.
    pub(crate) deadline_at: Option<Timestamp>,
    /// The limit key of the task.
    pub(crate) limit_key: Option<Vec<u8>>,
    /// True if its lease has run out.
    pub(crate) is_expired: bool,
    /// True if it counts towards the limit of a queue.
    pub(crate) is_gated: bool,
    /// The last event of the task.
    pub(crate) event: Option<i64>,
    /// Id of the task's queue and handler.
    pub(crate) queue: i64,
    /// Time at which it could start, without the time it waited for dependencies after a retry.
    pub(crate) ready_at: Timestamp,
}

impl Execution {
    /// The part of it that a verdict depends on.
    pub(crate) fn running(&self) -> RunningRow<'_> {
        RunningRow {
            attempt: self.attempt,
            attempt_base: self.attempt_base,
            crashes: self.crashes,
            cancel_requested: self.cancel_requested,
            options: &self.options,
        }
    }
}

/// The end of an execution, for its event and the task's row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conclusion<'a> {
    /// Kind of the event.
    pub(crate) kind: EventKind,
    /// The claim it ran under.
    pub(crate) claim: Claim,
    /// The execution.
    pub(crate) execution: &'a Execution,
    /// The decision about the task.
    pub(crate) verdict: &'a Verdict,
    /// End of the execution.
    pub(crate) ended_at: Timestamp,
    /// Resources that it used.
    pub(crate) usage: Usage,
    /// True if the worker lost the claim; its own settle is refused then.
    pub(crate) is_lost: bool,
    /// The end of its output, if kept.
    pub(crate) tail: Option<&'a [u8]>,
}

impl Conclusion<'_> {
    /// Start of the execution.
    pub(crate) fn started_at(&self) -> Timestamp {
        self.execution.started_at.unwrap_or(self.ended_at)
    }

    /// End of the task, if it has ended.
    pub(crate) fn finished_at(&self) -> Option<Timestamp> {
        self.verdict.state.is_terminal().then_some(self.ended_at)
    }
}

/// A change of a task other than the end of an execution, for the event log.
#[derive(Clone, Debug)]
pub(crate) struct TaskChange<'a> {
    /// Kind of the event.
    pub(crate) kind: EventKind,
    /// The task.
    pub(crate) task: TaskId,
    /// State before, if not the stored one.
    pub(crate) was: Option<State>,
    /// State after, if the change is one of the state.
    pub(crate) state: Option<State>,
    /// Reason for the new state.
    pub(crate) reason: Option<Reason>,
    /// Message for people.
    pub(crate) message: Option<&'a str>,
    /// JSON of whatever else the event has to tell.
    pub(crate) data: Option<String>,
}

impl<'a> TaskChange<'a> {
    /// A change of that kind which leaves the state as it is.
    pub(crate) fn new(kind: EventKind, task: TaskId) -> Self {
        Self {
            kind,
            task,
            was: None,
            state: None,
            reason: None,
            message: None,
            data: None,
        }
    }

    /// Sets the state after the change.
    pub(crate) fn becomes(mut self, state: State) -> Self {
        self.state = Some(state);
        self
    }

    /// Sets the state before the change, of a task that is stored only in its new one.
    pub(crate) fn leaving(mut self, was: State) -> Self {
        self.was = Some(was);
        self
    }

    /// Sets the reason.
    pub(crate) fn because(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Sets the message.
    pub(crate) fn message(mut self, message: Option<&'a str>) -> Self {
        self.message = message;
        self
    }

    /// Sets further values.
    pub(crate) fn data(mut self, data: &serde_json::Value) -> Self {
        self.data = Some(data.to_string());
        self
    }

    /// The skip of a task because of a dependency.
    pub(crate) fn skipped(task: TaskId, cause: TaskId) -> Self {
        Self::new(EventKind::Skipped, task)
            .becomes(State::Skipped)
            .because(Reason::Dependency)
            .data(&serde_json::json!({ "cause": cause.0 }))
    }
}

/// A dependent that waits for another task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The dependent.
    pub(crate) task: TaskId,
    /// Condition on the other task's end.
    pub(crate) condition: Condition,
    /// Number of its unmet dependencies.
    pub(crate) pending: u32,
}

/// The columns of a task's row that plans read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TaskRow {
    /// State of the task.
    pub(crate) state: State,
    /// The limit key of the task.
    pub(crate) limit_key: Option<Vec<u8>>,
    /// The worker of its last claim.
    pub(crate) worker: Option<WorkerId>,
    /// True if a cancel of the running task was requested.
    pub(crate) cancel_requested: bool,
    /// True if it is held.
    pub(crate) is_held: bool,
    /// True if it waits for dependencies or its release, and not merely for a slot.
    pub(crate) unmet: bool,
    /// Earliest start.
    pub(crate) run_at: Option<Timestamp>,
}

/// A task to insert.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRow<'a> {
    /// The submitted task.
    pub(crate) task: &'a WorkflowTask,
    /// The id of its queue and handler.
    pub(crate) queue: i64,
    /// Initial state.
    pub(crate) state: State,
    /// The workflow it belongs to.
    pub(crate) workflow: Workflow,
    /// The running task that adds it.
    pub(crate) spawner: Option<TaskId>,
    /// True if it has dependencies, ended or not.
    pub(crate) depends: bool,
    /// Number of dependencies that have not ended, and one more if the task is held.
    pub(crate) pending: u32,
    /// A dependency that can no longer meet its condition, so that the task never starts.
    pub(crate) never: Option<TaskId>,
}

/// A copy of a stored task to insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NewCopy {
    /// The original.
    pub(crate) task: TaskId,
    /// Initial state.
    pub(crate) state: State,
    /// Number of dependencies that have not ended, and one more if the copy is held.
    pub(crate) pending: u32,
    /// True if it is held.
    pub(crate) held: bool,
    /// True if it has dependencies, ended or not.
    pub(crate) depends: bool,
}

/// The workflow of a task to insert.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Workflow {
    /// None.
    #[default]
    None,
    /// The workflow of a stored task.
    Of(TaskId),
    /// The workflow of the first task inserted with it.
    New,
}

/// Result of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inserted {
    /// The task is stored under this id.
    New(TaskId),
    /// This task holds the key.
    Taken(TaskId),
}

/// The id of a queue and handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct QueueId {
    /// The id.
    pub(crate) id: i64,
    /// True if the process should remember it after the commit.
    pub(crate) is_learned: bool,
}

/// A waiting task past its deadline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Late {
    /// The task.
    pub(crate) task: TaskId,
    /// Deadline by which the task must have ended.
    pub(crate) deadline_at: Option<Timestamp>,
    /// The limit key of the task.
    pub(crate) limit_key: Option<Vec<u8>>,
}

/// A task's dependencies and their conditions.
pub(crate) type Conditions = BTreeMap<TaskId, Condition>;

/// The columns that decide the state of a task once its dependencies are met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Start {
    /// Earliest start.
    pub(crate) run_at: Option<Timestamp>,
    /// The limit key of the task.
    pub(crate) limit_key: Option<Vec<u8>>,
}

/// The free slots under a limit key, and the queues with tasks that wait for one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FreeSlots {
    /// Number of further tasks that may run under the key.
    pub(crate) free: u64,
    /// Queue ids, each with the number of its tasks that were already offered a slot.
    pub(crate) queues: Vec<(i64, u64)>,
}

/// Free slots to fill with the next tasks of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Opening<'a> {
    /// The limit key.
    pub(crate) key: &'a [u8],
    /// The queue's id.
    pub(crate) queue: i64,
    /// Number of slots.
    pub(crate) tasks: usize,
}

/// The rows that a write transaction works on: loads first, then writes.
pub(crate) trait Slice {
    /// The time of the transaction.
    fn now(&self) -> Now;

    /// The execution of each claim; `None` if the claim is lost or not the last of its task.
    fn executions(&mut self, claims: &[Claim]) -> Result<Vec<Option<Execution>>>;
    /// The dependents that still wait for each task, in the order of their ids.
    fn waiting_for(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<Waiting>>>;
    /// The row of each task; `None` if there is no such task.
    fn rows(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<TaskRow>>>;
    /// The state of each task, whose ids ascend; `None` if there is no such task.
    fn states(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<State>>>;
    /// All dependencies of each task, met or not.
    fn dependencies(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<(TaskId, Condition)>>>;
    /// All dependents of a task, waiting or not.
    fn dependents(&mut self, task: TaskId) -> Result<Vec<TaskId>>;
    /// The skipped dependents of each task.
    fn skipped_dependents(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<TaskId>>>;
    /// The workflow of each task; `None` if there is no such task.
    fn workflows(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<TaskId>>>;
    /// The start of each task; `None` if there is no such task.
    fn starts(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<Start>>>;
    /// The free slots under each key; `None` if there are none, or no task waits for one.
    fn free_slots(&mut self, keys: &[Vec<u8>]) -> Result<Vec<Option<FreeSlots>>>;
    /// The next tasks for each opening, in the order of their claims.
    fn parked(&mut self, openings: &[Opening<'_>]) -> Result<Vec<Vec<TaskId>>>;
    /// Waiting tasks past their deadline; of very many, the first.
    fn late(&mut self) -> Result<Vec<Late>>;
    /// The task that holds each idempotency key; `None` if the key is free or has expired.
    fn key_holders(&mut self, keys: &[&[u8]]) -> Result<Vec<Option<TaskId>>>;
    /// The id of each queue and handler, created if missing.
    fn queue_ids(&mut self, handler_queues: &[(&str, &str)]) -> Result<Vec<QueueId>>;
    /// Inserts tasks, under ids that rise in their order; those with dependencies wait. A task
    /// whose key another task holds is left out; an expired key is taken from its holder.
    fn insert(&mut self, rows: &[NewRow<'_>]) -> Result<Vec<Inserted>>;

    /// Inserts a copy of a stored task, without its key and its edges.
    fn copy(&mut self, copy: &NewCopy) -> Result<TaskId>;
    /// Stores the edges of tasks that were inserted in this transaction.
    fn store_edges(&mut self, edges: Vec<Edge>) -> Result<()>;
    /// Cancels a waiting task; as with every end, its hold ends too.
    fn cancel(&mut self, task: TaskId) -> Result<()>;
    /// Requests the cancel of a running task.
    fn request_cancel(&mut self, task: TaskId) -> Result<()>;
    /// Stores the reason a task was cancelled.
    fn store_reason(&mut self, task: TaskId, why: &str) -> Result<()>;
    /// Fails a waiting task.
    fn fail(&mut self, task: TaskId, reason: Reason) -> Result<()>;
    /// Ends an execution, and writes its event.
    fn conclude(&mut self, conclusion: &Conclusion<'_>) -> Result<()>;
    /// Writes the event of a change before the change itself: the state before is the stored one.
    fn record(&mut self, change: &TaskChange<'_>) -> Result<()>;
    /// Writes an event that is about no task.
    fn note(&mut self, kind: EventKind, data: &serde_json::Value) -> Result<()>;
    /// Stores the output of the attempt of that number, in place of the previous output.
    fn store_output(&mut self, claim: Claim, attempt: u32, output: Option<&Output>) -> Result<()>;
    /// Holds a task that has not started; it waits for this many conditions, the hold included.
    fn hold(&mut self, task: TaskId, pending: u32) -> Result<()>;
    /// Ends the hold of a task; it still waits for its other conditions.
    fn end_hold(&mut self, task: TaskId) -> Result<()>;
    /// Gives a waiting task a time and the state that follows from it. The time limits of a task that
    /// has not started begin anew.
    fn set_time(&mut self, task: TaskId, run_at: Option<Timestamp>, state: State) -> Result<()>;
    /// Gives a waiting task new values, except for its time.
    fn edit(&mut self, task: TaskId, edit: &Edit) -> Result<()>;
    /// Makes a task wait for this many unmet dependencies.
    fn wait(&mut self, task: TaskId, pending: u32) -> Result<()>;
    /// Changes the number of unmet dependencies of a waiting task.
    fn set_pending(&mut self, task: TaskId, pending: u32) -> Result<()>;
    /// Ends a task's wait for dependencies, met or not.
    fn wait_no_more(&mut self, task: TaskId) -> Result<()>;
    /// Releases a task into this state once no dependency is open.
    fn release(&mut self, task: TaskId, state: State) -> Result<()>;
    /// Skips a waiting task because of a dependency.
    fn skip(&mut self, task: TaskId, cause: TaskId) -> Result<()>;
    /// Replaces the dependencies of a waiting task with `all`, which includes those it `had`.
    fn add_dependencies(
        &mut self,
        dependent: TaskId,
        had: &Conditions,
        all: &Conditions,
    ) -> Result<()>;
    /// Makes a task that has not started wait for this many unmet conditions, even if it could be
    /// claimed.
    fn block(&mut self, task: TaskId, pending: u32) -> Result<()>;
    /// Re-opens an ended task with fresh budgets; it waits for this many unmet dependencies.
    fn reopen(&mut self, task: TaskId, state: State, pending: u32) -> Result<()>;
    /// Offers a slot to a task that waits for one.
    fn admit(&mut self, task: TaskId) -> Result<()>;
}
