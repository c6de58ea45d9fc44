//! Fold: adds new tasks and events to the sums of their queues, in steps.

use queue_core::error::Result;

use super::sums::{add, next};
use crate::queue::WorkflowQueue;

/// Folds at most `steps` times some thousands of tasks and events. Returns true if nothing was left.
pub(crate) fn fold(queue: &WorkflowQueue, steps: usize) -> Result<bool> {
    if queue.is_unpromoted() {
        return Ok(true);
    }
    for _ in 0..steps {
        let now = queue.database().now().wall;
        let batch = queue.database().read(|connection| next(connection, now))?;
        if batch.before == batch.after {
            return Ok(true);
        }
        // Whoever was faster has added these, so that the next step reads what follows.
        queue.write(move |writing| {
            let now = writing.now().wall;
            add(writing.slice.connection, &batch, now)
        })?;
    }
    Ok(false)
}
