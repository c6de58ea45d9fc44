//! Handlers: user code registered by name and run in the worker's process, on separate threads or,
//! with the feature `tokio`, on the caller's runtime.
//!
//! A handler ends cooperatively: timeout, cancel and shutdown give it a reason to end that it may
//! check, and its result is recorded in any case. A panic fails the attempt, not the worker.

mod json;
#[cfg(feature = "tokio")]
mod on_runtime;

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::end::End;
use super::stop_reason::StopFlag;
pub use super::stop_reason::{StopReason, Stopped};
use crate::claim::Claim;
use crate::clock::{Clock, SystemClock};
use crate::outcome::Outcome;
use crate::output::{MAX_RESULT_BYTES, Output};
use crate::panics::panicked;
use crate::task::TaskId;

/// Largest number of bytes kept of a handler's error message.
pub const MAX_MESSAGE_BYTES: usize = 4096;

/// Result of a handler.
pub type HandlerResult = std::result::Result<Done, HandlerError>;

/// Successful result of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Done {
    /// The task is done.
    Succeeded,
    /// The task is done, and these bytes are its output, at most
    /// [`MAX_RESULT_BYTES`]. They are kept and read like the standard output of a command.
    Output(Vec<u8>),
    /// Run the task again after this time. Counts as neither attempt nor crash.
    SnoozeFor(Duration),
}

impl Done {
    /// Makes a success with these bytes as the task's output.
    pub fn with_output(bytes: impl Into<Vec<u8>>) -> Self {
        Self::Output(bytes.into())
    }
}

/// Error of a handler. Anything that can be displayed converts into it, so `?` works on any error.
/// The first [`MAX_MESSAGE_BYTES`] of the message are kept.
#[derive(Debug)]
pub struct HandlerError {
    message: String,
    kind: ErrorKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ErrorKind {
    Failed,
    Fatal,
    Interrupted,
    Snooze(Duration),
}

impl HandlerError {
    /// Makes the error final: the task fails at once, without another attempt.
    #[must_use]
    pub fn fatal(self) -> Self {
        Self {
            kind: ErrorKind::Fatal,
            ..self
        }
    }

    /// The handler ended before its work was done, because it was asked to. After
    /// [`StopReason::Shutdown`] the task is returned to the queue, and the execution counts as
    /// neither attempt nor crash. After [`StopReason::TimedOut`] the attempt counts as timed out. A
    /// handler that nobody asked to end has failed.
    pub fn interrupted() -> Self {
        Self {
            message: "the handler ended early, although nobody asked it to".to_owned(),
            kind: ErrorKind::Interrupted,
        }
    }

    /// The task is to run again after this time, as with [`Done::SnoozeFor`].
    pub fn snooze_for(time: Duration) -> Self {
        Self {
            message: String::new(),
            kind: ErrorKind::Snooze(time),
        }
    }
}

impl<E: fmt::Display> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self {
            message: error.to_string(),
            kind: ErrorKind::Failed,
        }
    }
}

/// Task that a handler works on.
#[derive(Debug)]
pub struct HandlerTask {
    pub(super) claim: Claim,
    pub(super) name: String,
    pub(super) payload: Vec<u8>,
    pub(super) attempt: u32,
    pub(super) stop: Arc<StopFlag>,
}

impl HandlerTask {
    /// The task's id.
    pub fn id(&self) -> TaskId {
        self.claim.task
    }

    /// The task's name, shown to people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Payload that the task was enqueued with.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// This attempt's number, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Claim on the task. Pass it to [`Queue::settle_in`](crate::Queue::settle_in) to record the
    /// outcome together with rows of your own.
    pub fn claim(&self) -> Claim {
        self.claim
    }

    /// Reason why the attempt should end, or `None` while it may go on. The handler's result counts
    /// all the same, except after [`StopReason::ClaimLost`].
    pub fn stop_reason(&self) -> Option<StopReason> {
        self.stop.reason()
    }

    /// Returns true if the attempt should end: its timeout passed, it was cancelled, its claim was
    /// lost or the worker stops. The handler's result counts all the same.
    pub fn is_cancelled(&self) -> bool {
        self.stop_reason().is_some()
    }

    /// Future that is ready once the attempt should end. It works on every runtime.
    pub fn stopped(&self) -> Stopped {
        Stopped(Arc::clone(&self.stop))
    }
}

/// Registered handler.
#[derive(Clone)]
pub(super) enum Handler {
    /// Runs on a thread until it returns.
    Blocking(Arc<BlockingFn>),
    /// Starts work that runs elsewhere, and returns at once.
    #[cfg_attr(
        not(feature = "tokio"),
        expect(dead_code, reason = "without tokio every handler has a thread")
    )]
    Detached(Arc<DetachedFn>),
}

pub(super) type BlockingFn = dyn Fn(&HandlerTask) -> HandlerResult + Send + Sync;
pub(super) type DetachedFn = dyn Fn(HandlerTask, EndReport) + Send + Sync;

/// Handlers of a process, by name.
#[derive(Clone, Default)]
pub struct Handlers(BTreeMap<String, Handler>);

impl Handlers {
    /// Creates an empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler, or replaces the one of that name. It runs on several threads at once if
    /// several of its tasks run.
    #[must_use]
    pub fn register(
        self,
        name: impl Into<String>,
        handler: impl Fn(&HandlerTask) -> HandlerResult + Send + Sync + 'static,
    ) -> Self {
        self.with(name.into(), Handler::Blocking(Arc::new(handler)))
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Returns true if there are no handlers.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn get(&self, name: &str) -> Option<Handler> {
        self.0.get(name).cloned()
    }

    fn with(mut self, name: String, handler: Handler) -> Self {
        self.0.insert(name, handler);
        self
    }
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// End of a handler.
#[derive(Debug)]
pub(super) struct HandlerEnd {
    pub(super) claim: Claim,
    pub(super) end: End,
    /// Its result, to be stored as the task's output.
    pub(super) output: Option<Output>,
}

impl HandlerEnd {
    /// End of a handler that was asked to end before it began.
    pub(super) fn unstarted(claim: Claim) -> Self {
        Self {
            claim,
            end: End::Unstarted,
            output: None,
        }
    }

    /// End of a handler that returned this or panicked, asked to end for that reason or not at all.
    pub(super) fn of(
        claim: Claim,
        result: std::thread::Result<HandlerResult>,
        reason: Option<StopReason>,
    ) -> Self {
        let (outcome, output) = match result {
            Ok(Ok(done)) => concluded(done),
            Ok(Err(error)) => (refused(error, reason), None),
            Err(panic) => {
                let message = shortened(panicked(&*panic));
                (Outcome::Panicked { message }, None)
            }
        };
        Self {
            claim,
            end: End::Handler(outcome),
            output,
        }
    }
}

/// Report of the end of a handler that runs elsewhere. If it is dropped, the handler was dropped.
pub(super) struct EndReport {
    claim: Claim,
    report: Option<Box<dyn FnOnce(HandlerEnd) + Send>>,
}

impl EndReport {
    pub(super) fn new(claim: Claim, report: impl FnOnce(HandlerEnd) + Send + 'static) -> Self {
        Self {
            claim,
            report: Some(Box::new(report)),
        }
    }

    /// Reports that the handler was asked to end before it began.
    #[cfg(feature = "tokio")]
    pub(super) fn unstarted(mut self) {
        if let Some(report) = self.report.take() {
            report(HandlerEnd::unstarted(self.claim));
        }
    }

    /// Reports that the handler returned this or panicked.
    #[cfg(feature = "tokio")]
    pub(super) fn ended(
        mut self,
        result: std::thread::Result<HandlerResult>,
        reason: Option<StopReason>,
    ) {
        if let Some(report) = self.report.take() {
            report(HandlerEnd::of(self.claim, result, reason));
        }
    }
}

impl Drop for EndReport {
    fn drop(&mut self) {
        if let Some(report) = self.report.take() {
            report(HandlerEnd {
                claim: self.claim,
                end: End::Dropped,
                output: None,
            });
        }
    }
}

/// Runs a handler on this thread to its end. Catches panics.
pub(super) fn run(handler: &BlockingFn, task: &HandlerTask) -> HandlerEnd {
    let result = catch_unwind(AssertUnwindSafe(|| handler(task)));
    HandlerEnd::of(task.claim, result, task.stop_reason())
}

fn concluded(done: Done) -> (Outcome, Option<Output>) {
    match done {
        Done::Succeeded => (Outcome::Succeeded, None),
        Done::Output(bytes) if bytes.len() > MAX_RESULT_BYTES => {
            let message = format!(
                "its result has {} bytes, more than the {MAX_RESULT_BYTES} that are kept; write it to \
                 a file and return the file's name",
                bytes.len()
            );
            let outcome = Outcome::HandlerFailed {
                message,
                fatal: true,
            };
            (outcome, None)
        }
        Done::Output(bytes) => {
            let output = Output::of_stdout(&bytes);
            (
                Outcome::Succeeded,
                Some(output).filter(|own| !own.is_empty()),
            )
        }
        Done::SnoozeFor(time) => (snoozed(time), None),
    }
}

/// Outcome of a handler that returned an error.
fn refused(HandlerError { message, kind }: HandlerError, reason: Option<StopReason>) -> Outcome {
    let failed = |fatal| Outcome::HandlerFailed {
        message: shortened(message),
        fatal,
    };
    match (kind, reason) {
        (ErrorKind::Snooze(time), _) => snoozed(time),
        (ErrorKind::Interrupted, Some(StopReason::Shutdown)) => Outcome::Returned,
        (ErrorKind::Interrupted, Some(StopReason::TimedOut)) => Outcome::TimedOut,
        // The task of the one is cancelled, and nothing is recorded for the other.
        (ErrorKind::Interrupted, Some(StopReason::Cancelled | StopReason::ClaimLost)) => {
            Outcome::HandlerFailed {
                message: "the handler ended early, as it was asked to".to_owned(),
                fatal: false,
            }
        }
        (ErrorKind::Interrupted, None) | (ErrorKind::Failed, _) => failed(false),
        (ErrorKind::Fatal, _) => failed(true),
    }
}

fn snoozed(time: Duration) -> Outcome {
    Outcome::Snoozed {
        until: SystemClock.now().wall.after(time),
    }
}

fn shortened(mut message: String) -> String {
    let end = (0..=message.len().min(MAX_MESSAGE_BYTES)).rev();
    let end = end.into_iter().find(|end| message.is_char_boundary(*end));
    message.truncate(end.unwrap_or(0));
    message
}
