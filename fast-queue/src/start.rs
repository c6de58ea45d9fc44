//! Start: lets waiting tasks start before their time.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::verbs;
use queue_core::task::TaskId;
use rusqlite::Connection;

use crate::guard::Phase;
use crate::queue::FastQueue;
use crate::statements::START;

/// Clears the times of waiting tasks that lie ahead, and wakes workers.
pub(crate) fn start(queue: &FastQueue, ids: &[TaskId]) -> Result<Vec<Change>> {
    let (ids, now) = (ids.to_vec(), queue.database().now().wall);
    let changes = queue.change(Phase::Accepting, move |connection| {
        let start = |id: &TaskId| start_one(connection, *id, now);
        ids.iter().map(start).collect::<Result<Vec<_>>>()
    })?;
    queue.released(&changes);
    Ok(changes)
}

fn start_one(connection: &Connection, id: TaskId, now: Timestamp) -> Result<Change> {
    let mut update = connection.prepare_cached(START)?;
    let is_cleared = update.execute((id.0, now.0))? == 1;
    Ok(match verbs::state_of(connection, id)? {
        None => Change::NotFound,
        Some((state, _)) if is_cleared => Change::Done(state),
        Some((state, _)) if state.is_waiting() => Change::Already(state),
        Some((state, _)) => Change::Refused(state),
    })
}
