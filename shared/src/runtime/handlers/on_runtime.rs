//! Handlers on a tokio runtime: they take no thread of their own, so thousands may wait at once.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;

use super::{Done, EndReport, Handler, HandlerError, HandlerResult, HandlerTask, Handlers};

impl Handlers {
    /// Adds a handler that runs on `runtime`, or replaces the one of that name. It must not block:
    /// a blocked handler holds up everything else on that runtime thread. It is asked to end like
    /// any other, and waits for that with [`HandlerTask::stopped`].
    ///
    /// Keep the runtime until [`Worker::run`](crate::runtime::Worker::run) has returned. The task of
    /// a handler that the runtime drops is returned, as if it had never begun, and the worker stops
    /// with an error.
    #[must_use]
    pub fn register_async<F, Running>(
        self,
        name: impl Into<String>,
        runtime: &Handle,
        handler: F,
    ) -> Self
    where
        F: Fn(HandlerTask) -> Running + Send + Sync + 'static,
        Running: Future<Output = HandlerResult> + Send + 'static,
    {
        let (runtime, handler) = (runtime.clone(), Arc::new(handler));
        let start = move |task: HandlerTask, report: EndReport| {
            let handler = Arc::clone(&handler);
            drop(runtime.spawn(follow(handler, task, report)));
        };
        self.with(name.into(), Handler::Detached(Arc::new(start)))
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
        F: Fn(HandlerTask, Args) -> Running + Send + Sync + 'static,
        Running: Future<Output = Result<Out, HandlerError>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        self.register_async(name, runtime, move |task| {
            let handler = Arc::clone(&handler);
            async move {
                let arguments = task.arguments()?;
                Done::json(&handler(task, arguments).await?)
            }
        })
    }
}

/// Runs a handler to its end and reports it. Catches panics, also of the call that makes the future.
async fn follow<F, Running>(handler: Arc<F>, task: HandlerTask, report: EndReport)
where
    F: Fn(HandlerTask) -> Running,
    Running: Future<Output = HandlerResult>,
{
    let stopped = task.stopped();
    if stopped.reason().is_some() {
        return report.unstarted();
    }
    let result = {
        let mut running = pin!(async { handler(task).await });
        poll_fn(|context| {
            let poll = || running.as_mut().poll(context);
            match catch_unwind(AssertUnwindSafe(poll)) {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
                Err(panic) => Poll::Ready(Err(panic)),
            }
        })
        .await
    };
    report.ended(result, stopped.reason());
}
