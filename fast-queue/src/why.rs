//! Why: reasons for a task to wait.

use queue_core::error::Result;
use queue_core::queue::{ClaimOrder, Waits};
use queue_core::sqlite::verbs;
use queue_core::task::TaskId;

use crate::queue::FastQueue;

/// Reasons for a task to wait. For many tasks, `order` keeps what was read of their queues.
pub(crate) fn waits(
    queue: &FastQueue,
    id: TaskId,
    order: Option<&mut ClaimOrder>,
) -> Result<Vec<Waits>> {
    let read = |connection: &_| verbs::waits(connection, id, order);
    queue.database().read(read)
}
