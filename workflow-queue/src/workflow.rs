//! The verbs of this engine alone.

use queue_core::claim::Claim;
use queue_core::coordination::Wake;
use queue_core::error::Result;
use queue_core::queue::{AlertRule, Change, Enqueued, Queue};
use queue_core::runtime::last_outputs;
use queue_core::task::TaskId;
use queue_core::workflow::Edge;
use rusqlite::Transaction;

use crate::attempt::Attempt;
use crate::details::Details;
use crate::input::Input;
use crate::limit::{Limit, LimitStanding};
use crate::queue::WorkflowQueue;
use crate::sqlite::{alert, attempts, edges, enqueue, facts, limits};
use crate::submission::Submission;
use crate::workflow_task::WorkflowTask;

impl WorkflowQueue {
    /// Makes a workflow durable, all or none, and wakes workers. A task whose key is taken is not
    /// enqueued and its dependencies are not added; its dependents then depend on the task that
    /// holds the key. If the workflow depends on stored tasks, it joins the workflow of the first
    /// of them.
    ///
    /// # Errors
    /// [`Error::Invalid`](queue_core::Error::Invalid) for a task or edge that breaks a limit, a
    /// cycle, or an unknown name or index; [`Error::NotFound`](queue_core::Error::NotFound) for a
    /// dependency on a task that is not stored (any more).
    pub fn enqueue_workflow(&self, tasks: Vec<WorkflowTask>) -> Result<Vec<Enqueued>> {
        enqueue::enqueue(self, Submission::workflow(tasks, None)?)
    }

    /// As [`enqueue_workflow`](Self::enqueue_workflow), within the caller's transaction. Fire the
    /// wake after the commit.
    ///
    /// # Errors
    /// As [`enqueue_workflow`](Self::enqueue_workflow).
    pub fn enqueue_workflow_in(
        &self,
        tx: &Transaction<'_>,
        tasks: Vec<WorkflowTask>,
    ) -> Result<(Vec<Enqueued>, Wake)> {
        enqueue::enqueue_in(self, tx, &Submission::workflow(tasks, None)?)
    }

    /// Adds tasks to the workflow of a running task, under its claim; if the claim is lost, nothing
    /// is added. Waiting tasks of the same workflow can be made to wait for the new ones
    /// ([`WorkflowTask::before`]) and, with `links`, for each other. They must not have started.
    ///
    /// # Errors
    /// [`Error::ClaimLost`](queue_core::Error::ClaimLost); otherwise as
    /// [`enqueue_workflow`](Self::enqueue_workflow) and
    /// [`add_dependencies`](Self::add_dependencies).
    pub fn spawn(
        &self,
        claim: Claim,
        tasks: Vec<WorkflowTask>,
        links: Vec<Edge>,
    ) -> Result<Vec<Enqueued>> {
        let submission = Submission {
            links,
            ..Submission::workflow(tasks, Some(claim))?
        };
        enqueue::enqueue(self, submission)
    }

    /// Makes waiting tasks wait for further tasks. A task that could be claimed is blocked again; a
    /// task whose new condition can no longer be met is skipped.
    ///
    /// # Errors
    /// [`Error::Invalid`](queue_core::Error::Invalid) for a dependent that runs or has ended, and
    /// for an edge that closes a cycle; [`Error::NotFound`](queue_core::Error::NotFound) for a task
    /// that is not stored. In both cases nothing is added.
    pub fn add_dependencies(&self, links: Vec<Edge>) -> Result<()> {
        enqueue::enqueue(self, Submission::links(links)).map(drop)
    }

    /// Re-opens ended tasks and all tasks below them that were skipped because of them, in one
    /// transaction. For very many tasks use [`plan_retry`](Queue::plan_retry), which lets others
    /// write between its steps.
    ///
    /// # Errors
    /// As [`retry`](Queue::retry).
    pub fn retry_downstream(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let ids = ids.to_vec();
        self.write(move |writing| writing.retry(&ids, true))
    }

    /// The recorded attempts of a task, the oldest first.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn attempts(&self, id: TaskId) -> Result<Vec<Attempt>> {
        self.read(|connection| attempts::attempts(connection, id))
    }

    /// The properties of a task beyond [`get`](Queue::get); `None` if there is no such task.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn details(&self, id: TaskId) -> Result<Option<Details>> {
        self.read(|connection| facts::details(connection, id))
    }

    /// The tasks that a task added while it ran, the oldest first.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn spawned(&self, id: TaskId) -> Result<Vec<TaskId>> {
        self.read(|connection| facts::spawned(connection, id))
    }

    /// The dependencies of a task, with their output. Prune keeps them until the task has ended.
    /// Dependencies pruned later are left out. All outputs are held in memory whole, each of up to
    /// [`log_size`](queue_core::settings::FileSettings::log_size) bytes.
    ///
    /// # Errors
    /// The errors of every reading method; an error if a log file cannot be read.
    pub fn inputs(&self, id: TaskId) -> Result<Vec<Input>> {
        let edges = self.dependencies(id)?;
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

    /// The edges from all dependents of a task, waiting or not.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn dependents(&self, id: TaskId) -> Result<Vec<Edge>> {
        let found = self.read(|connection| edges::dependents(connection, id))?;
        let edge = |(dependent, condition)| Edge {
            dependent,
            on: id,
            condition,
        };
        Ok(found.into_iter().map(edge).collect())
    }

    /// Sets a limit, from the next claim on; running tasks go on. A limit without bounds is
    /// removed.
    ///
    /// # Errors
    /// [`Error::Invalid`](queue_core::Error::Invalid) for a name or key that breaks a limit, a rate
    /// on a key, or a rate finer than one start in a microsecond.
    pub fn set_limit(&self, limit: &Limit) -> Result<()> {
        limit.validate(|name| self.knows_queue(name))?;
        let limit = limit.clone();
        self.write(move |writing| writing.set_limit(&limit))
    }

    /// Sets an alert, or adds it. One that changes begins quiet. Returns true if that changed anything.
    ///
    /// # Errors
    /// [`Error::Invalid`](queue_core::Error::Invalid) for a rule that breaks a bound.
    pub fn set_alert(&self, rule: &AlertRule) -> Result<bool> {
        rule.check()?;
        let rule = rule.clone();
        self.write(move |writing| alert::set(writing, &rule))
    }

    /// Removes an alert. Returns true if there was one.
    ///
    /// # Errors
    /// The errors of every writing method.
    pub fn remove_alert(&self, name: &str) -> Result<bool> {
        let name = name.to_owned();
        self.write(move |writing| alert::remove(writing, &name))
    }

    /// All limits.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn limits(&self) -> Result<Vec<Limit>> {
        self.read(limits::limits)
    }

    /// Up to `most` limits in the order of [`limits`](Self::limits), each with the tasks under it.
    ///
    /// # Errors
    /// The errors of every reading method.
    pub fn limit_standings(&self, most: u32) -> Result<Vec<LimitStanding>> {
        self.read(|connection| limits::standings(connection, most))
    }
}
