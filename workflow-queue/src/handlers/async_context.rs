//! Task of an asynchronous handler.

use std::ops::Deref;

use queue_core::error::Result;
use queue_core::queue::Enqueued;
use queue_core::runtime::AsyncQueue;
use queue_core::runtime::handlers::HandlerTask;

use crate::input::Input;
use crate::queue::WorkflowQueue;
use crate::workflow_task::WorkflowTask;

/// A running task as its asynchronous handler sees it: the task itself, and its operations on the
/// workflow, which do not block the runtime.
#[derive(Debug)]
pub struct AsyncContext {
    task: HandlerTask,
    queue: AsyncQueue<WorkflowQueue>,
}

impl AsyncContext {
    pub(super) fn new(task: HandlerTask, queue: AsyncQueue<WorkflowQueue>) -> Self {
        Self { task, queue }
    }

    /// The queue the task was claimed from.
    pub fn queue(&self) -> &AsyncQueue<WorkflowQueue> {
        &self.queue
    }

    /// The dependencies of this task, with their output.
    ///
    /// # Errors
    /// As [`WorkflowQueue::inputs`].
    pub async fn inputs(&self) -> Result<Vec<Input>> {
        let task = self.task.id();
        self.queue.call(move |queue| queue.inputs(task)).await
    }

    /// Adds tasks to the workflow of this one; see [`Context::spawn`](crate::Context::spawn).
    ///
    /// # Errors
    /// As [`WorkflowQueue::spawn`].
    pub async fn spawn(&self, tasks: Vec<WorkflowTask>) -> Result<Vec<Enqueued>> {
        let claim = self.task.claim();
        self.queue
            .call(move |queue| queue.spawn(claim, tasks, Vec::new()))
            .await
    }
}

impl Deref for AsyncContext {
    type Target = HandlerTask;

    fn deref(&self) -> &HandlerTask {
        &self.task
    }
}
