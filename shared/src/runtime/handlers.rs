//! Handlers: user code registered by name and run in the worker's process, on separate threads.
//!
//! A handler ends cooperatively: timeout and cancel set a flag that it may check, and its result is
//! recorded in any case. A panic fails the attempt, not the worker.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::claim::Claim;
use crate::clock::{Clock, SystemClock};
use crate::outcome::Outcome;
use crate::panics::panicked;
use crate::task::TaskId;

/// Largest number of bytes kept of a handler's error message.
pub const MAX_MESSAGE_BYTES: usize = 4096;

/// Result of a handler.
pub type HandlerResult = std::result::Result<Done, HandlerError>;

/// Successful result of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Done {
    /// The task is done.
    Succeeded,
    /// Run the task again after this time. Counts as neither attempt nor crash.
    SnoozeFor(Duration),
}

/// Error of a handler. Anything that can be displayed converts into it, so `?` works on any error.
/// The first [`MAX_MESSAGE_BYTES`] of the message are kept.
#[derive(Debug)]
pub struct HandlerError {
    message: String,
    fatal: bool,
}

impl HandlerError {
    /// Makes the error final: the task fails at once, without another attempt.
    #[must_use]
    pub fn fatal(self) -> Self {
        Self {
            fatal: true,
            ..self
        }
    }
}

impl<E: fmt::Display> From<E> for HandlerError {
    fn from(error: E) -> Self {
        Self {
            message: error.to_string(),
            fatal: false,
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
    pub(super) cancelled: Arc<AtomicBool>,
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

    /// Returns true if the attempt should end: its timeout passed, it was cancelled, its claim was
    /// lost or the worker stops. The handler's result counts all the same.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

pub(super) type Handler = Arc<dyn Fn(&HandlerTask) -> HandlerResult + Send + Sync>;

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
        mut self,
        name: impl Into<String>,
        handler: impl Fn(&HandlerTask) -> HandlerResult + Send + Sync + 'static,
    ) -> Self {
        self.0.insert(name.into(), Arc::new(handler));
        self
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
}

impl fmt::Debug for Handlers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Runs a handler to its end. Catches panics.
pub(super) fn run(handler: &Handler, task: &HandlerTask) -> Outcome {
    match catch_unwind(AssertUnwindSafe(|| handler(task))) {
        Ok(Ok(Done::Succeeded)) => Outcome::Succeeded,
        Ok(Ok(Done::SnoozeFor(time))) => Outcome::Snoozed {
            until: SystemClock.now().wall.after(time),
        },
        Ok(Err(HandlerError { message, fatal })) => Outcome::HandlerFailed {
            message: shortened(message),
            fatal,
        },
        Err(panic) => Outcome::Panicked {
            message: shortened(panicked(&*panic)),
        },
    }
}

fn shortened(mut message: String) -> String {
    let end = (0..=message.len().min(MAX_MESSAGE_BYTES)).rev();
    let end = end.into_iter().find(|end| message.is_char_boundary(*end));
    message.truncate(end.unwrap_or(0));
    message
}
