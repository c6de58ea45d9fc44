//! What became of tasks that were to be changed.

use crate::claim::WorkerId;
use crate::state::State;

/// What became of one task of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is in this state now.
    Done(State),
    /// It was in this state already.
    Already(State),
    /// It runs; the worker that holds it was asked to end it.
    Requested(WorkerId),
    /// It runs; the worker that holds it had been asked before.
    AlreadyRequested(WorkerId),
    /// It is in a state in which this cannot be done.
    Refused(State),
    /// There is no such task.
    NotFound,
}

impl Change {
    /// The worker that was asked to end the task, now or before.
    pub fn asked(&self) -> Option<WorkerId> {
        match self {
            Self::Requested(worker) | Self::AlreadyRequested(worker) => Some(*worker),
            Self::Done(_) | Self::Already(_) | Self::Refused(_) | Self::NotFound => None,
        }
    }
}
