//! Gauges: the numbers of the moment of a file without limits.

use queue_core::error::Result;
use queue_core::queue::Gauges;
use queue_core::sqlite::verbs;

use crate::queue::FastQueue;

/// Numbers of every queue.
pub(crate) fn gauges(queue: &FastQueue) -> Result<Gauges> {
    let read = |connection: &_| verbs::gauges(connection, None);
    queue.database().read(read)
}
