//! Claims: the right to run a task once, and its proof.

use std::sync::Arc;

use crate::clock::Timestamp;
pub use crate::ids::{Claim, WorkerId};
use crate::names::DEFAULT_QUEUE;
use crate::options::TaskOptions;
use crate::served::ServedQueues;
use crate::work::Work;

/// Request of a worker for tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimRequest {
    /// The worker that will run the tasks.
    pub worker: WorkerId,
    /// Most tasks to claim: the number of free slots, never more.
    pub limit: usize,
    /// Queues to claim from. Of several, each has so many free slots of its own; at the others they
    /// take turns. A request for one queue takes any slot.
    pub queues: ServedQueues,
    /// Number of free slots, of which this claim may fill `limit`.
    pub free: usize,
    /// Queue that had the last turn.
    pub after: Option<Arc<str>>,
    /// True if the worker runs commands.
    pub commands: bool,
    /// Handlers of the worker.
    pub handlers: Vec<String>,
}

impl ClaimRequest {
    /// A request for up to `limit` tasks of the default queue. It finds none unless the worker runs
    /// [`commands`](Self::commands) or has [`handlers`](Self::handlers).
    pub fn new(worker: WorkerId, limit: usize) -> Self {
        Self {
            worker,
            limit,
            queues: ServedQueues::default(),
            free: limit,
            after: None,
            commands: false,
            handlers: Vec::new(),
        }
    }

    /// Sets the queues to claim from.
    #[must_use]
    pub fn queues(mut self, queues: impl Into<ServedQueues>) -> Self {
        self.queues = queues.into();
        self
    }

    /// Sets the number of free slots, of which this claim may fill `limit`.
    #[must_use]
    pub fn free(mut self, free: usize) -> Self {
        self.free = free;
        self
    }

    /// Sets the queue that had the last turn.
    #[must_use]
    pub fn after(mut self, after: impl Into<Arc<str>>) -> Self {
        self.after = Some(after.into());
        self
    }

    /// Sets if the worker runs commands.
    #[must_use]
    pub fn commands(mut self, commands: bool) -> Self {
        self.commands = commands;
        self
    }

    /// Sets the handlers of the worker.
    #[must_use]
    pub fn handlers(mut self, handlers: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.handlers = handlers.into_iter().map(Into::into).collect();
        self
    }

    /// Handler of the request if it is for one handler alone, '' if it is for commands alone.
    pub(crate) fn only_handler(&self) -> Option<&str> {
        match self.handlers.as_slice() {
            [] if self.commands => Some(""),
            [handler] if !self.commands => Some(handler),
            _ => None,
        }
    }
}

/// A task with the claim to run it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClaimedTask {
    /// Claim to run it.
    pub claim: Claim,
    /// Name of its queue.
    pub queue: Arc<str>,
    /// Name, shown to people.
    pub name: String,
    /// Command or handler call to run.
    pub work: Work,
    /// Priority.
    pub priority: i32,
    /// Number of this attempt, from 1.
    pub attempt: u32,
    /// Budgets, timeout, directory, environment.
    pub options: TaskOptions,
    /// True if it depends or depended on other tasks, whose outputs its command is given.
    pub depends: bool,
}

impl ClaimedTask {
    /// Makes the first attempt at a task of the default queue, with every other setting at its
    /// default.
    pub fn new(claim: Claim, name: impl Into<String>, work: Work) -> Self {
        Self {
            claim,
            queue: DEFAULT_QUEUE.into(),
            name: name.into(),
            work,
            priority: 0,
            attempt: 1,
            options: TaskOptions::default(),
            depends: false,
        }
    }
}

/// Answer to a [`ClaimRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// Claimed tasks: of each queue the highest priority first.
    pub tasks: Vec<ClaimedTask>,
    /// Time at which the next scheduled task of the file comes due, if the engine looked and there
    /// is one.
    pub next_due: Option<Timestamp>,
    /// Time of the next firing of a schedule, if the engine looked and there is one.
    pub next_firing: Option<Timestamp>,
    /// Queue that had the last turn, for the next request, if several queues took turns.
    pub after: Option<Arc<str>>,
    /// True if fewer tasks than allowed were claimed, and more are left: the other free slots are
    /// kept for other queues.
    pub left: bool,
}

impl Claims {
    /// Result of a claim that took one task and looked at nothing else.
    pub fn of_one(task: ClaimedTask) -> Self {
        Self {
            tasks: vec![task],
            ..Self::default()
        }
    }
}

/// State of a claim, as a heartbeat finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Held {
    /// The worker still holds it.
    Held,
    /// The worker holds it, and a request asks for its end.
    CancelRequested,
    /// The worker has lost it: it ends the processes and reports nothing.
    Lost,
}
