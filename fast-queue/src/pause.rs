//! Pause and resume: stop claims from a queue, and let them go on.

use queue_core::error::Result;
use queue_core::sqlite::verbs;
use queue_core::task::check_name;

use crate::guard::Phase;
use crate::queue::FastQueue;

/// How many workers are woken for the tasks of a queue that goes on: nobody counts those.
const MANY: usize = 1024;

/// Pauses the queue, or (`paused` false) lets it go on. Returns whether that changed anything.
pub(crate) fn set_paused(queue: &FastQueue, name: &str, paused: bool) -> Result<bool> {
    check_name("a queue's name", name)?;
    let (name, now) = (name.to_owned(), queue.database().now().wall);
    let changed = queue.change(Phase::Accepting, move |connection| {
        verbs::set_paused(connection, &name, paused, now)
    })?;
    if changed && !paused {
        queue.wake_workers(MANY);
    }
    Ok(changed)
}
