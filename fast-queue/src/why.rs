//! Why: what keeps a task waiting.

use queue_core::error::Result;
use queue_core::queue::{ClaimOrder, Waits};
use queue_core::sqlite::verbs;
use queue_core::task::TaskId;

use crate::queue::FastQueue;

/// What keeps a task waiting; of many, with what was learned of their queues.
pub(crate) fn waits(
    queue: &FastQueue,
    id: TaskId,
    order: Option<&mut ClaimOrder>,
) -> Result<Vec<Waits>> {
    let read = |connection: &_| verbs::waits(connection, id, order);
    queue.database().read(read)
}
