//! Results of reruns.

use crate::state::State;
use crate::task::TaskId;

/// Result of a rerun of one task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskCopy {
    /// The id of the copy.
    Copied(TaskId),
    /// The task is in this state: it has not ended.
    Refused(State),
    /// There is no such task.
    NotFound,
}

impl TaskCopy {
    /// Id of the copy, if there is one.
    pub fn id(self) -> Option<TaskId> {
        match self {
            Self::Copied(id) => Some(id),
            Self::Refused(_) | Self::NotFound => None,
        }
    }
}
