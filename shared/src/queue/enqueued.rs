//! Answers of an enqueue.

use crate::task::TaskId;

/// Result for one task of an enqueue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Enqueued {
    /// Id of the task: a new one, or that of the earlier task with the same key.
    pub id: TaskId,
    /// True if an earlier task has the same key.
    pub existed: bool,
}
