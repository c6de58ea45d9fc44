//! Running and scheduled tasks of a handler queue, for reports about a file.

/// Handler queue with running or scheduled tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Occupancy {
    /// Name of the queue.
    pub queue: String,
    /// Handler; '' for commands.
    pub handler: String,
    /// Number of its running tasks.
    pub running: u64,
    /// Number of its scheduled tasks; `None` if the file has more than 20,000 of all queues, which takes
    /// too long to tell apart.
    pub scheduled: Option<u64>,
}
