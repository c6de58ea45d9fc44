//! The engine over any store: it checks what is asked for, and wakes workers after the commit.

mod operations;

use std::path::Path;
use std::sync::Arc;

use queue_core::claim::Claim;
use queue_core::error::{Error, Result};
use queue_core::queue::{Change, Enqueued, Queue};
use queue_core::runtime::log::last_outputs;
use queue_core::sidecar::wakeup::Wake;
use queue_core::task::{NewTask, TaskId, check_queue_name};
use queue_core::workflow::Edge;

use crate::graph;
use crate::sqlite::{SqliteOptions, SqliteStore};
use crate::store::{Attempt, Details, Done, Input, Limit, LimitKind, Store, Submission};
use crate::submission::{Dependent, Which, WorkflowTask, check_limit_key};

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
