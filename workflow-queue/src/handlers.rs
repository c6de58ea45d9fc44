//! Handlers that are handed the engine with their task: they read what their dependencies wrote, and
//! add tasks to their own workflow.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use queue_core::error::Result;
use queue_core::queue::Enqueued;
use queue_core::runtime::handlers::{self, HandlerResult, HandlerTask};

use crate::input::Input;
use crate::queue::WorkflowQueue;
use crate::submission::WorkflowTask;

/// The handlers of a process, by name, for a worker on one queue. Hand them to
/// [`WorkerOptions::handlers`](queue_core::runtime::WorkerOptions::handlers).
pub struct Handlers {
    queue: Arc<WorkflowQueue>,
    handlers: handlers::Handlers,
}

impl Handlers {
    /// No handlers yet, for workers on that queue.
    pub fn of(queue: &Arc<WorkflowQueue>) -> Self {
        Self {
            queue: Arc::clone(queue),
            handlers: handlers::Handlers::new(),
        }
    }

    /// Adds a handler; an earlier one of that name is replaced. It runs on several threads at
    /// once where several of its tasks do.
    #[must_use]
    pub fn register(
        self,
        name: impl Into<String>,
        handler: impl Fn(&Context<'_>) -> HandlerResult + Send + Sync + 'static,
    ) -> Self {
        let queue = Arc::clone(&self.queue);
        let handlers = self.handlers.register(name, move |task: &HandlerTask| {
            handler(&Context {
                task,
                queue: &queue,
            })
        });
        Self { handlers, ..self }
    }
}

impl From<Handlers> for handlers::Handlers {
    fn from(handlers: Handlers) -> Self {
        handlers.handlers
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handlers.fmt(f)
    }
}

/// A running task in the hands of its handler: the task itself, and what it may do in its workflow.
#[derive(Debug)]
pub struct Context<'a> {
    task: &'a HandlerTask,
    queue: &'a WorkflowQueue,
}

impl Context<'_> {
    /// The queue the task was claimed from.
    pub fn queue(&self) -> &WorkflowQueue {
        self.queue
    }

    /// The tasks that this one depends on, with what they wrote.
    ///
    /// # Errors
    /// As [`WorkflowQueue::inputs`].
    pub fn inputs(&self) -> Result<Vec<Input>> {
        self.queue.inputs(self.task.id())
    }

    /// Adds tasks to the workflow of this one, all or none, under its claim. They may start at
    /// once, also while this one still runs; what waits for this one waits for them too if they
    /// are put [in front of it](WorkflowTask::before).
    ///
    /// Another attempt adds them again. Give each a [key](queue_core::NewTask::key), and it adds
    /// those that are missing.
    ///
    /// # Errors
    /// As [`WorkflowQueue::spawn`].
    pub fn spawn(&self, tasks: Vec<WorkflowTask>) -> Result<Vec<Enqueued>> {
        self.queue.spawn(self.task.claim(), tasks, Vec::new())
    }
}

impl Deref for Context<'_> {
    type Target = HandlerTask;

    fn deref(&self) -> &HandlerTask {
        self.task
    }
}
