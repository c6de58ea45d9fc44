//! Start: lets waiting tasks start before their time.

use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::task::TaskId;

use crate::queue::FastQueue;
use crate::statements::START;

/// Clears the times of waiting tasks that lie ahead, and wakes workers.
pub(crate) fn start(queue: &FastQueue, ids: &[TaskId]) -> Result<Vec<Change>> {
    queue.free(ids, |connection, id, now| {
        let mut update = connection.prepare_cached(START)?;
        Ok(update.execute((id.0, now.0))? == 1)
    })
}
