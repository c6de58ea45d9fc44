//! Rows in memory, for tests of plans: their state, and the verbs on them. [`slice`] is their
//! [`Slice`](crate::slice::Slice).

mod slice;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;

use proptest::prelude::*;
use queue_core::claim::{Claim, WorkerId};
use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::outcome::{Outcome, Settled, Settlement};
use queue_core::queue::{Change, Enqueued, Reaped, TaskCopy};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge};

use super::writing::Writing;
use crate::submission::Submission;
use crate::workflow_task::WorkflowTask;

pub(super) const WORKER: WorkerId = WorkerId(1);
const TOKEN: i64 = 1;

/// A task's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Row {
    state: State,
    run_at: Option<Timestamp>,
    limit_key: Option<Vec<u8>>,
    cause: Option<TaskId>,
    is_lost: bool,
    cancel_requested: bool,
    key: Option<Vec<u8>>,
}

/// A write that waits for its execution.
#[derive(Clone, Debug)]
enum Write {
    State(TaskId, State),
    Lost(TaskId),
    Asked(TaskId),
    Pending(TaskId, Option<u32>),
    Held(TaskId, bool),
    Time(TaskId, Option<Timestamp>),
    Cause(TaskId, TaskId),
    Edge(TaskId, TaskId, Condition),
}

/// Tasks, edges and limits.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    pub(super) tasks: BTreeMap<TaskId, Row>,
    /// Number of unmet conditions of each waiting task.
    pub(super) waiting: BTreeMap<TaskId, u32>,
    /// Held tasks.
    pub(super) held: BTreeSet<TaskId>,
    /// The loads of the last transaction, in order.
    pub(super) loads: Vec<&'static str>,
    /// Number of written rows, by method.
    pub(super) written: BTreeMap<&'static str, usize>,
    edges: BTreeMap<TaskId, BTreeMap<TaskId, Condition>>,
    limits: BTreeMap<Vec<u8>, u64>,
    late: Vec<TaskId>,
    kept: Vec<Write>,
    /// The states of each task before the transaction, as far as it changed them.
    before: BTreeMap<TaskId, State>,
    /// The events of the transaction, in order: state before, if the plan says it, and after.
    events: Vec<(TaskId, Option<State>, Option<State>)>,
}

/// A settlement of a task that [`Memory::run`] started.
pub(super) fn settlement(task: TaskId, outcome: Outcome) -> Settlement {
    Settlement::new(
        Claim {
            task,
            token: TOKEN,
            worker: WORKER,
        },
        outcome,
    )
}

/// Random edges between some tasks.
pub(super) fn edges() -> impl Strategy<Value = Vec<(i64, i64, Condition)>> {
    let condition = prop::sample::select(Condition::ALL.to_vec());
    prop::collection::vec((1..16_i64, 1..16_i64, condition), 0..40)
}

impl Memory {
    /// Makes a task run.
    pub(super) fn run(&mut self, task: i64) {
        self.row(task).state = State::Running;
    }

    /// Makes a task wait for another.
    pub(super) fn depend(&mut self, dependent: i64, on: i64, condition: Condition) {
        self.row(dependent).state = State::Blocked;
        let of_one = self.edges.entry(TaskId(on)).or_default();
        if of_one.insert(TaskId(dependent), condition).is_none() {
            *self.waiting.entry(TaskId(dependent)).or_default() += 1;
        }
    }

    /// Makes a task wait for a slot.
    pub(super) fn park(&mut self, task: i64, key: &[u8]) {
        let row = self.row(task);
        row.state = State::Blocked;
        row.limit_key = Some(key.to_vec());
    }

    /// Gives a task a time that lies ahead.
    pub(super) fn schedule(&mut self, task: i64) {
        let waits = self.waits(task);
        let row = self.row(task);
        row.run_at = Some(Timestamp(i64::MAX));
        if !waits {
            row.state = State::Scheduled;
        }
    }

    /// Bounds the number of tasks that may run under a key.
    pub(super) fn limit(&mut self, key: &[u8], bound: u64) {
        self.limits.insert(key.to_vec(), bound);
    }

    pub(super) fn settle(&mut self, settlements: &[Settlement]) -> Vec<Settled> {
        self.transaction(|writing| writing.settle(settlements, 1))
    }

    pub(super) fn crash(&mut self, claims: &[Claim]) -> Vec<Reaped> {
        self.transaction(|writing| writing.crash(claims, false))
    }

    pub(super) fn retry(&mut self, tasks: &[i64], downstream: bool) -> Vec<Change> {
        let tasks: Vec<TaskId> = tasks.iter().copied().map(TaskId).collect();
        self.transaction(|writing| writing.retry(&tasks, downstream))
    }

    pub(super) fn cancel(&mut self, tasks: &[i64]) -> Vec<Change> {
        let tasks: Vec<TaskId> = tasks.iter().copied().map(TaskId).collect();
        self.transaction(|writing| writing.cancel(&tasks, None))
    }

    pub(super) fn hold(&mut self, tasks: &[i64]) -> Vec<Change> {
        let tasks: Vec<TaskId> = tasks.iter().copied().map(TaskId).collect();
        self.transaction(|writing| writing.hold(&tasks))
    }

    pub(super) fn rerun(&mut self, tasks: &[i64], held: bool) -> Vec<TaskCopy> {
        let tasks: Vec<TaskId> = tasks.iter().copied().map(TaskId).collect();
        self.transaction(|writing| writing.rerun(&tasks, held))
    }

    pub(super) fn start(&mut self, tasks: &[i64]) -> Vec<Change> {
        let tasks: Vec<TaskId> = tasks.iter().copied().map(TaskId).collect();
        self.transaction(|writing| writing.start(&tasks))
    }

    pub(super) fn release(&mut self, tasks: &[i64]) -> Vec<Change> {
        let tasks: Vec<TaskId> = tasks.iter().copied().map(TaskId).collect();
        self.transaction(|writing| writing.release(&tasks))
    }

    /// Fails these tasks as late.
    pub(super) fn fail_late(&mut self, tasks: &[i64]) -> usize {
        self.late = tasks.iter().copied().map(TaskId).collect();
        self.transaction(|writing| {
            assert!(writing.freed.is_empty());
            writing.fail_late()
        })
    }

    /// Adds a workflow.
    pub(super) fn enqueue(&mut self, tasks: Vec<WorkflowTask>) -> Result<Vec<Enqueued>> {
        let submission = Submission::workflow(tasks, None)?;
        self.try_transaction(|writing| writing.enqueue(&submission))
    }

    /// Adds edges between stored tasks.
    pub(super) fn link(&mut self, links: &[Edge]) -> Result<()> {
        self.try_transaction(|writing| writing.link(links))
    }

    /// Adds a task.
    pub(super) fn add(&mut self, task: i64, state: State) {
        self.row(task).state = state;
    }

    pub(super) fn state(&self, task: i64) -> State {
        self.tasks[&TaskId(task)].state
    }

    pub(super) fn cause(&self, task: i64) -> Option<TaskId> {
        self.tasks[&TaskId(task)].cause
    }

    pub(super) fn waits(&self, task: i64) -> bool {
        self.pending(task).is_some()
    }

    pub(super) fn pending(&self, task: i64) -> Option<u32> {
        self.waiting.get(&TaskId(task)).copied()
    }

    fn transaction<T>(&mut self, verb: impl FnOnce(&mut Writing<&mut Self>) -> Result<T>) -> T {
        self.try_transaction(verb).unwrap()
    }

    fn try_transaction<T>(
        &mut self,
        verb: impl FnOnce(&mut Writing<&mut Self>) -> Result<T>,
    ) -> Result<T> {
        self.loads.clear();
        self.written.clear();
        self.events.clear();
        self.before = self
            .tasks
            .iter()
            .map(|(task, row)| (*task, row.state))
            .collect();
        let mut writing = Writing::new(&mut *self);
        let value = verb(&mut writing)?;
        writing.finish()?;
        self.execute();
        self.check_log();
        Ok(value)
    }

    /// Keeps an event.
    fn log(&mut self, task: TaskId, was: Option<State>, state: Option<State>) {
        self.events.push((task, was, state));
    }

    /// Checks that the events lead from the states before the transaction to those after it. One kind
    /// of waiting may become another without an event, and new tasks wait without one.
    fn check_log(&self) {
        let class = |state: State| {
            if state.is_waiting() {
                State::Queued
            } else {
                state
            }
        };
        let mut states: BTreeMap<TaskId, State> = self.before.clone();
        for (task, was, state) in &self.events {
            let current = states.get(task).copied().unwrap_or(State::Queued);
            if let Some(was) = was {
                assert_eq!(class(*was), class(current), "task {task} before its event");
            }
            states.insert(*task, state.unwrap_or(current));
        }
        for (task, row) in &self.tasks {
            let told = states.get(task).copied().unwrap_or(State::Queued);
            assert_eq!(
                class(told),
                class(row.state),
                "the log tells of task {task}"
            );
        }
    }

    fn row(&mut self, task: i64) -> &mut Row {
        self.tasks.entry(TaskId(task)).or_insert(Row {
            state: State::Queued,
            run_at: None,
            limit_key: None,
            cause: None,
            is_lost: false,
            cancel_requested: false,
            key: None,
        })
    }

    fn load(&mut self, name: &'static str) {
        self.execute();
        self.loads.push(name);
    }

    fn keep(&mut self, name: &'static str, write: Write) {
        self.kept.push(write);
        *self.written.entry(name).or_default() += 1;
    }

    fn execute(&mut self) {
        for write in mem::take(&mut self.kept) {
            match write {
                Write::State(task, state) => self.row(task.0).state = state,
                Write::Lost(task) => self.row(task.0).is_lost = true,
                Write::Asked(task) => self.row(task.0).cancel_requested = true,
                Write::Cause(task, cause) => self.row(task.0).cause = Some(cause),
                Write::Edge(task, on, condition) => {
                    self.edges.entry(on).or_default().insert(task, condition);
                }
                Write::Time(task, run_at) => self.row(task.0).run_at = run_at,
                Write::Held(task, true) => drop(self.held.insert(task)),
                Write::Held(task, false) => drop(self.held.remove(&task)),
                Write::Pending(task, Some(pending)) => {
                    self.waiting.insert(task, pending);
                }
                Write::Pending(task, None) => {
                    self.waiting.remove(&task);
                }
            }
        }
    }

    fn holder(&self, key: &[u8]) -> Option<TaskId> {
        let mut rows = self.tasks.iter();
        rows.find(|(_, row)| row.key.as_deref() == Some(key))
            .map(|(task, _)| *task)
    }

    fn waiting_under(&self, key: &[u8], state: State) -> impl Iterator<Item = TaskId> {
        let under = self.tasks.iter().filter(move |(task, row)| {
            row.limit_key.as_deref() == Some(key)
                && row.state == state
                && !self.waiting.contains_key(task)
        });
        under.map(|(task, _)| *task)
    }
}
