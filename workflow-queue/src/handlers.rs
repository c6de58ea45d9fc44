//! Handlers that receive the engine with their task: they read the output of their dependencies and
//! add tasks to their own workflow.

#[cfg(feature = "tokio")]
mod async_context;
#[cfg(feature = "tokio")]
mod on_runtime;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use queue_core::error::Result;
use queue_core::queue::Enqueued;
use queue_core::runtime::handlers::{self, Done, HandlerError, HandlerResult, HandlerTask};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::input::Input;
use crate::queue::WorkflowQueue;
use crate::workflow_task::WorkflowTask;

/// The handlers of a process, by name, for a worker on one queue. Pass them to
/// [`WorkerOptions::handlers`](queue_core::runtime::WorkerOptions::handlers).
pub struct Handlers {
    queue: Arc<WorkflowQueue>,
    handlers: handlers::Handlers,
}

impl Handlers {
    /// An empty set of handlers for workers on that queue.
    pub fn of(queue: &Arc<WorkflowQueue>) -> Self {
        Self {
            queue: Arc::clone(queue),
            handlers: handlers::Handlers::new(),
        }
    }

    /// Adds a handler, replacing an earlier one of the same name. It runs on several threads at
    /// once when several of its tasks run.
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

    /// Adds a handler that takes its payload as JSON and whose result is stored as JSON, as the
    /// task's output, which dependents read with [`Input::json`]; or replaces the one of that name.
    /// A task whose payload is not the JSON of `Args` fails at once, without another attempt. `()`
    /// and `None` are stored as no output.
    #[must_use]
    pub fn register_json<Args, Out>(
        self,
        name: impl Into<String>,
        handler: impl Fn(&Context<'_>, Args) -> Result<Out, HandlerError> + Send + Sync + 'static,
    ) -> Self
    where
        Args: DeserializeOwned,
        Out: Serialize,
    {
        self.register(name, move |context| {
            let arguments = context.arguments()?;
            Done::json(&handler(context, arguments)?)
        })
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

/// A running task as its handler sees it: the task itself, and its operations on the workflow.
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

    /// The dependencies of this task, with their output.
    ///
    /// # Errors
    /// As [`WorkflowQueue::inputs`].
    pub fn inputs(&self) -> Result<Vec<Input>> {
        self.queue.inputs(self.task.id())
    }

    /// Adds tasks to the workflow of this one, all or none, under its claim. They may start at
    /// once, even while this task runs. The dependents of this task wait for them too if they are
    /// put [in front of them](WorkflowTask::before).
    ///
    /// A later attempt adds them again. Give each a [key](queue_core::NewTask::key), so that only
    /// missing ones are added.
    ///
    /// # Errors
    /// As [`WorkflowQueue::spawn`].
    pub fn spawn(&self, tasks: Vec<WorkflowTask>) -> Result<Vec<Enqueued>> {
        self.queue.spawn(self.task.claim(), tasks, Vec::new())
    }
}

#[cfg(feature = "tokio")]
pub use async_context::AsyncContext;

impl Deref for Context<'_> {
    type Target = HandlerTask;

    fn deref(&self) -> &HandlerTask {
        self.task
    }
}
