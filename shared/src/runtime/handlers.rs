//! Handlers: user code registered by name and run in the worker's process, on threads of its own.
//!
//! A handler is ended cooperatively: timeout and cancel set a flag it may look at, and what it
//! returns is what is recorded. A panic is a failure of its attempt, not of the worker.

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

/// Bytes kept of what a handler says went wrong.
pub const MAX_MESSAGE_BYTES: usize = 4096;

/// What a handler returns.
pub type HandlerResult = std::result::Result<Done, HandlerError>;

/// How a handler ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Done {
    /// The task is done.
    Succeeded,
    /// Run it again after so long; counts as neither attempt nor crash.
    SnoozeFor(Duration),
}

/// What went wrong in a handler: made of anything that can be displayed, so `?` works on any
/// error. The first [`MAX_MESSAGE_BYTES`] of the message are kept.
#[derive(Debug)]
pub struct HandlerError {
    message: String,
    fatal: bool,
}

impl HandlerError {
    /// Makes another attempt pointless: the task fails at once.
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

/// The task a handler works on.
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

    /// What it was enqueued with.
    pub fn payload(&self) -> &[u8] {
        &self.payload
    }

    /// This attempt's number, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The right to run it: hand it to [`Queue::settle_in`](crate::Queue::settle_in) to record
    /// the outcome together with rows of your own.
    pub fn claim(&self) -> Claim {
        self.claim
    }

    /// Whether the attempt should end: its timeout passed, it was cancelled, its claim was lost or
    /// the worker stops. What the handler returns counts all the same.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}

pub(super) type Handler = Arc<dyn Fn(&HandlerTask) -> HandlerResult + Send + Sync>;

/// The handlers of a process, by name.
#[derive(Clone, Default)]
pub struct Handlers(BTreeMap<String, Handler>);

impl Handlers {
    /// No handlers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a handler; an earlier one of that name is replaced. It runs on several threads at
    /// once where several of its tasks do.
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

    /// Whether there are none.
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

/// Runs a handler to its end, a panic included.
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
