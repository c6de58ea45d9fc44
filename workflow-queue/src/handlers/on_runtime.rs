//! Handlers on a tokio runtime.

use std::future::Future;
use std::sync::Arc;

use queue_core::runtime::AsyncQueue;
use queue_core::runtime::handlers::{HandlerError, HandlerResult};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use super::Handlers;
use super::async_context::AsyncContext;

impl Handlers {
    /// Adds a handler that runs on `runtime`, or replaces the one of that name; see
    /// [`register_async`](queue_core::runtime::handlers::Handlers::register_async).
    #[must_use]
    pub fn register_async<F, Running>(
        self,
        name: impl Into<String>,
        runtime: &Handle,
        handler: F,
    ) -> Self
    where
        F: Fn(AsyncContext) -> Running + Send + Sync + 'static,
        Running: Future<Output = HandlerResult> + Send + 'static,
    {
        let queue = AsyncQueue::new(Arc::clone(&self.queue));
        let handlers = self.handlers.register_async(name, runtime, move |task| {
            handler(AsyncContext::new(task, queue.clone()))
        });
        Self { handlers, ..self }
    }

    /// As [`register_async`](Self::register_async), with payload and result as JSON like those of
    /// [`register_json`](Self::register_json).
    #[must_use]
    pub fn register_json_async<Args, Out, F, Running>(
        self,
        name: impl Into<String>,
        runtime: &Handle,
        handler: F,
    ) -> Self
    where
        Args: DeserializeOwned + Send + 'static,
        Out: Serialize,
        F: Fn(AsyncContext, Args) -> Running + Send + Sync + 'static,
        Running: Future<Output = Result<Out, HandlerError>> + Send + 'static,
    {
        let queue = AsyncQueue::new(Arc::clone(&self.queue));
        let handlers = self
            .handlers
            .register_json_async(name, runtime, move |task, arguments| {
                handler(AsyncContext::new(task, queue.clone()), arguments)
            });
        Self { handlers, ..self }
    }
}
