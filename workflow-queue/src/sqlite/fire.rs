//! Fire: the schedules whose time has come, in transactions of a hundred.

use queue_core::clock::Timestamp;
use queue_core::error::Result;

use super::schedules;
use crate::queue::WorkflowQueue;

/// Most transactions of one call; what is left is due at once.
const MOST_STEPS: usize = 20;

/// Enqueues the tasks of due schedules. Returns the time of the next firing.
pub(crate) fn fire(queue: &WorkflowQueue) -> Result<Option<Timestamp>> {
    let now = queue.database().now().wall;
    if queue.read(|connection| schedules::are_ahead(connection, now))? {
        queue.write(|writing| writing.slice.set_schedules_back())?;
    }
    let mut next = queue.read(schedules::next_at)?;
    for _ in 0..MOST_STEPS {
        if next.is_none_or(|next| next > queue.database().now().wall) {
            break;
        }
        queue.write_ends(|writing| writing.fire().map(drop))?;
        next = queue.read(schedules::next_at)?;
    }
    Ok(next)
}
