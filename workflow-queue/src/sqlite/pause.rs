//! Pause and resume: stop claims from a queue, and let them go on.

use queue_core::error::Result;
use queue_core::sqlite::verbs;

use crate::queue::WorkflowQueue;

/// How many workers are woken for the tasks of a queue that goes on: nobody counts those.
const MANY: usize = 1024;

/// Pauses the queue, or (`paused` false) lets it go on. Returns whether that changed anything.
pub(crate) fn set_paused(queue: &WorkflowQueue, name: &str, paused: bool) -> Result<bool> {
    let name = name.to_owned();
    let changed = queue.write(move |writing| {
        let now = writing.now().wall;
        let changed = verbs::set_paused(writing.slice.connection, &name, paused, now)?;
        if changed && paused {
            writing.limit_queue(&name)?;
        }
        Ok(changed)
    })?;
    if changed && !paused {
        queue.wake(MANY);
    }
    Ok(changed)
}
