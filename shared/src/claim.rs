//! Claims: the right to run a task once, and what proves it.

use crate::clock::Timestamp;
pub use crate::ids::{Claim, WorkerId};
use crate::names::DEFAULT_QUEUE;
use crate::options::TaskOptions;
use crate::work::Work;

/// What a worker asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    /// The worker that will run the tasks.
    pub worker: WorkerId,
    /// How many to claim at most: free slots, nothing ahead.
    pub limit: usize,
    /// The queue to claim from.
    pub queue: String,
    /// Whether the worker runs commands.
    pub commands: bool,
    /// The handlers the worker has.
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
    /// The right to run it.
    pub claim: Claim,
    /// Shown to people.
    pub name: String,
    /// What to do.
    pub work: Work,
    /// Its priority.
    pub priority: i32,
    /// This attempt's number, from 1.
    pub attempt: u32,
    /// Budgets, timeout, directory, environment.
    pub options: TaskOptions,
    /// Whether it depends or depended on others, whose outputs its command is given.
    pub depends: bool,
}

/// The answer to a [`ClaimRequest`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claims {
    /// What was claimed, highest priority first.
    pub tasks: Vec<ClaimedTask>,
    /// When the next scheduled task of the file comes due, if the engine looked and there is one.
    pub next_due: Option<Timestamp>,
}

/// What a heartbeat learns of one claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// It is still the worker's.
    Held,
    /// It is the worker's, and somebody wants it ended.
    CancelRequested,
    /// It is not the worker's any more: end its processes, report nothing.
    Lost,
}
