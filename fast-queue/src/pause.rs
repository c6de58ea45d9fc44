//! Pause and resume: stops and resumes claims from a queue.

use queue_core::error::Result;
use queue_core::sqlite::verbs;
use queue_core::task::check_name;

use crate::guard::Phase;
use crate::queue::FastQueue;

/// Number of workers that are woken for a resumed queue, whose tasks are not counted.
const MANY: usize = 1024;

/// Pauses the queue or, if `paused` is false, resumes it. Returns true if that changed anything.
pub(crate) fn set_paused(queue: &FastQueue, name: &str, paused: bool) -> Result<bool> {
    check_name("a queue's name", name)?;
    let (name, now) = (name.to_owned(), queue.database().now().wall);
    let changed = queue.change(Phase::Accepting, move |connection| {
        verbs::set_paused(connection, &name, paused, now)
    })?;
    if changed && !paused {
        queue.wake_any(MANY);
    }
    Ok(changed)
}
