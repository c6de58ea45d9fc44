//! Hold: makes waiting tasks wait until they are released.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::verbs;
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::Connection;

use crate::guard::Phase;
use crate::queue::FastQueue;
use crate::statements::HOLD;

/// Holds waiting tasks.
pub(crate) fn hold(queue: &FastQueue, ids: &[TaskId]) -> Result<Vec<Change>> {
    let (ids, now) = (ids.to_vec(), queue.database().now().wall);
    queue.change(Phase::Accepting, move |connection| {
        let hold = |id: &TaskId| hold_one(connection, *id, now);
        ids.iter().map(hold).collect()
    })
}

fn hold_one(connection: &Connection, id: TaskId, now: Timestamp) -> Result<Change> {
    if connection.prepare_cached(HOLD)?.execute([id.0])? == 1 {
        verbs::add_hold(connection, id, now)?;
        return Ok(Change::Done(State::Blocked));
    }
    Ok(match verbs::state_of(connection, id)? {
        None => Change::NotFound,
        Some((State::Blocked, _)) => Change::Already(State::Blocked),
        Some((state, _)) => Change::Refused(state),
    })
}
