//! Release: ends the hold of tasks.

use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::verbs;
use queue_core::task::TaskId;

use crate::queue::FastQueue;
use crate::statements::RELEASE;

/// Releases held tasks, and wakes workers for those that can be claimed.
pub(crate) fn release(queue: &FastQueue, ids: &[TaskId]) -> Result<Vec<Change>> {
    queue.free(ids, |connection, id, now| {
        let is_held = verbs::end_hold(connection, id)?;
        if is_held {
            let mut update = connection.prepare_cached(RELEASE)?;
            update.execute((id.0, now.0))?;
        }
        Ok(is_held)
    })
}
