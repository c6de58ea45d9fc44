//! Release: ends the hold of tasks.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::verbs;
use queue_core::task::TaskId;
use rusqlite::Connection;

use crate::guard::Phase;
use crate::queue::FastQueue;
use crate::statements::RELEASE;

/// Releases held tasks, and wakes workers for those that can be claimed.
pub(crate) fn release(queue: &FastQueue, ids: &[TaskId]) -> Result<Vec<Change>> {
    let (ids, now) = (ids.to_vec(), queue.database().now().wall);
    let changes = queue.change(Phase::Accepting, move |connection| {
        let release = |id: &TaskId| release_one(connection, *id, now);
        ids.iter().map(release).collect::<Result<Vec<_>>>()
    })?;
    queue.released(&changes);
    Ok(changes)
}

fn release_one(connection: &Connection, id: TaskId, now: Timestamp) -> Result<Change> {
    let is_held = verbs::end_hold(connection, id)?;
    if is_held {
        let mut update = connection.prepare_cached(RELEASE)?;
        update.execute((id.0, now.0))?;
    }
    Ok(match verbs::state_of(connection, id)? {
        None => Change::NotFound,
        Some((state, _)) if is_held => Change::Done(state),
        Some((state, _)) if state.is_waiting() => Change::Already(state),
        Some((state, _)) => Change::Refused(state),
    })
}
