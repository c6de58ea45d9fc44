//! Queued tasks of a handler queue, for reports about a file.

use crate::clock::Timestamp;

/// Handler queue with queued tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backlog {
    /// Name of the queue.
    pub queue: String,
    /// Handler; '' for commands.
    pub handler: String,
    /// Time since which its oldest task could run. Of more than 32 priorities, the 31 highest and the
    /// lowest are compared.
    pub since: Timestamp,
}
