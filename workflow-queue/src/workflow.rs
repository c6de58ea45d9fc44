//! The verbs that this engine has alone.

use queue_core::claim::Claim;
use queue_core::coordination::Wake;
use queue_core::error::Result;
use queue_core::queue::{Change, Enqueued, Queue};
use queue_core::runtime::last_outputs;
use queue_core::task::TaskId;
use queue_core::workflow::Edge;
use rusqlite::Transaction;

use crate::attempt::Attempt;
use crate::checked::Submission;
use crate::details::Details;
use crate::input::Input;
use crate::limit::Limit;
use crate::queue::WorkflowQueue;
use crate::sqlite::{attempts, edges, enqueue, facts, limits};
use crate::submission::WorkflowTask;

impl WorkflowQueue {
    /// Makes a workflow durable, all or none, and wakes workers. A task whose key is taken is not
    /// enqueued and what it waits for is not added; what depends on it then depends on the task
    /// that holds the key. A workflow that depends on stored tasks is part of the first one's.
    ///
    /// # Errors
    /// [`Error::Invalid`](queue_core::Error::Invalid) for a task or edge that breaks a limit, a cycle, a name or place that is
    /// not there; [`Error::NotFound`](queue_core::Error::NotFound) for a dependency on a task that is not stored (any more).
    pub fn enqueue_workflow(&self, tasks: Vec<WorkflowTask>) -> Result<Vec<Enqueued>> {
        enqueue::enqueue(self, Submission::workflow(tasks, None)?)
    }

    /// As [`enqueue_workflow`](Self::enqueue_workflow) within the caller's transaction. Fire the
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

    /// Adds tasks to the workflow of a running task, under its claim: if that is lost, nothing is
    /// added. Waiting tasks of the same workflow can be made to wait for them
    /// ([`WorkflowTask::before`]); `links` make them wait for each other. They must not have started.
    ///
    /// # Errors
    /// [`Error::ClaimLost`](queue_core::Error::ClaimLost); otherwise as [`enqueue_workflow`](Self::enqueue_workflow) and
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

    /// Makes waiting tasks wait for others too. One that could be claimed is blocked again; one
    /// whose new condition can no longer hold is skipped.
    ///
    /// # Errors
    /// [`Error::Invalid`](queue_core::Error::Invalid) for a dependent that runs or has ended, and for an edge that closes a
    /// cycle; [`Error::NotFound`](queue_core::Error::NotFound) for a task that is not stored. Nothing is added then.
    pub fn add_dependencies(&self, links: Vec<Edge>) -> Result<()> {
        enqueue::enqueue(self, Submission::links(links)).map(drop)
    }

    /// Re-opens ended tasks, and what was skipped because of them, and so on down, all in one
    /// transaction. Of very many, let others write in between with
    /// [`plan_retry`](Queue::plan_retry).
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
    /// Those of every reading method.
    pub fn attempts(&self, id: TaskId) -> Result<Vec<Attempt>> {
        self.read(|connection| attempts::attempts(connection, id))
    }

    /// What is known of a task beyond [`get`](Queue::get); `None` if there is no such task.
    ///
    /// # Errors
    /// Those of every reading method.
    pub fn details(&self, id: TaskId) -> Result<Option<Details>> {
        self.read(|connection| facts::details(connection, id))
    }

    /// The tasks that a task added while it ran, oldest first.
    ///
    /// # Errors
    /// Those of every reading method.
    pub fn spawned(&self, id: TaskId) -> Result<Vec<TaskId>> {
        self.read(|connection| facts::spawned(connection, id))
    }

    /// The tasks that a task depends on, with what they wrote: a prune leaves them until it has
    /// ended. One that was pruned afterwards is left out.
    ///
    /// # Errors
    /// Those of every reading method, and when a log file cannot be read.
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

    /// The edges from those that wait or waited for a task.
    ///
    /// # Errors
    /// Those of every reading method.
    pub fn dependents(&self, id: TaskId) -> Result<Vec<Edge>> {
        let found = self.read(|connection| edges::dependents(connection, id))?;
        let edge = |(dependent, condition)| Edge {
            dependent,
            on: id,
            condition,
        };
        Ok(found.into_iter().map(edge).collect())
    }

    /// Sets a limit, from the next claim on; what runs already is left running. One without bounds
    /// is removed.
    ///
    /// # Errors
    /// [`Error::Invalid`](queue_core::Error::Invalid) for a name or key that breaks a limit, a rate on a key, a rate finer than
    /// one start in a microsecond.
    pub fn set_limit(&self, limit: &Limit) -> Result<()> {
        limit.validate(|name| self.knows_queue(name))?;
        let limit = limit.clone();
        self.write(move |writing| writing.set_limit(&limit))
    }

    /// Every limit that is set.
    ///
    /// # Errors
    /// Those of every reading method.
    pub fn limits(&self) -> Result<Vec<Limit>> {
        self.read(limits::limits)
    }
}
