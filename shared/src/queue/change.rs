//! Results of changes to tasks.

use crate::claim::WorkerId;
use crate::state::State;

/// Result of a change to one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// The task is in this state now.
    Done(State),
    /// The task was in this state already.
    Already(State),
    /// The task runs. Its worker was asked to end it.
    Requested(WorkerId),
    /// The task runs. Its worker had been asked before.
    AlreadyRequested(WorkerId),
    /// The task is in a state that forbids the change.
    Refused(State),
    /// There is no such task.
    NotFound,
}

impl Change {
    /// Worker that was asked to end the task, now or before.
    pub fn asked(&self) -> Option<WorkerId> {
        match self {
            Self::Requested(worker) | Self::AlreadyRequested(worker) => Some(*worker),
            Self::Done(_) | Self::Already(_) | Self::Refused(_) | Self::NotFound => None,
        }
    }
}
