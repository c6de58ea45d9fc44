//! Pause and resume: stop claims from a queue, and allow them again.

use queue_core::ReadyTasks;
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::sqlite::verbs;

use crate::queue::WorkflowQueue;
use crate::slice::Slice as _;

/// Number of workers woken when a queue resumes: its tasks are not counted.
const MANY: usize = 1024;

/// Pauses the queue, or resumes it if `paused` is false. Returns true if that changed anything.
pub(crate) fn set_paused(queue: &WorkflowQueue, name: &str, paused: bool) -> Result<bool> {
    let name = name.to_owned();
    let changed = queue.write(move |writing| {
        let now = writing.now().wall;
        let changed = verbs::set_paused(writing.slice.connection, &name, paused, now)?;
        if changed {
            let kind = if paused {
                EventKind::QueuePaused
            } else {
                EventKind::QueueResumed
            };
            let data = serde_json::json!({ "queue": name });
            writing.slice.note(kind, &data)?;
        }
        if changed && paused {
            writing.limit_queue(&name)?;
        }
        Ok(changed)
    })?;
    if changed && !paused {
        queue.wake(&ReadyTasks::anywhere(MANY));
    }
    Ok(changed)
}
