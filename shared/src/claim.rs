//! Claims: the right to run a task once, and its proof.

use crate::clock::Timestamp;
pub use crate::ids::{Claim, WorkerId};
use crate::names::DEFAULT_QUEUE;
use crate::options::TaskOptions;
use crate::work::Work;

/// Request of a worker for tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The worker that will run the tasks.
    pub worker: WorkerId,
    /// Most tasks to claim: the number of free slots, never more.
    pub limit: usize,
    /// The queue to claim from.
    pub queue: String,
    /// True if the worker runs commands.
    pub commands: bool,
    /// Handlers of the worker.
    pub handlers: Vec<String>,
}

impl ClaimRequest {
    /// A request for up to `limit` commands of the default queue.
    pub fn commands(worker: WorkerId, limit: usize) -> Self {
        Self {
            worker,
            limit,
            queue: DEFAULT_QUEUE.to_owned(),
            commands: true,
            handlers: Vec::new(),
        }
    }
}

/// A task with the claim to run it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedTask {
    /// Claim to run it.
    pub claim: Claim,
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

/// Answer to a [`ClaimRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// Claimed tasks, highest priority first.
    pub tasks: Vec<ClaimedTask>,
    /// Time at which the next scheduled task of the file comes due, if the engine looked and there
    /// is one.
    pub next_due: Option<Timestamp>,
    /// Time of the next firing of a schedule, if the engine looked and there is one.
    pub next_firing: Option<Timestamp>,
}

/// State of a claim, as a heartbeat finds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// The worker still holds it.
    Held,
    /// The worker holds it, and a request asks for its end.
    CancelRequested,
    /// The worker has lost it: it ends the processes and reports nothing.
    Lost,
}
