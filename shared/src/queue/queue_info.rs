//! Handler queues as `queues` lists them.

use crate::ageing::Ageing;
use crate::clock::Timestamp;

/// Handler queue: a queue's part for commands, or for one handler.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct QueueInfo {
    /// Name of the queue.
    pub name: String,
    /// Handler; '' for commands.
    pub handler: String,
    /// Time at which it was paused, if it is.
    pub paused_at: Option<Timestamp>,
    /// Number of queued tasks.
    pub queued: u64,
    /// Ageing, by which low priorities come to run, if it is set.
    pub ageing: Option<Ageing>,
}
