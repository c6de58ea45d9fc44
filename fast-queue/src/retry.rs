//! Retry: queues ended tasks again.

use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::verbs;
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::Connection;

use crate::guard::Phase;
use crate::queue::FastQueue;
use crate::statements::RETRY;

/// Queues ended tasks again, with fresh budgets.
pub(crate) fn retry(queue: &FastQueue, ids: &[TaskId]) -> Result<Vec<Change>> {
    let ids = ids.to_vec();
    let changes = queue.change(Phase::Accepting, move |connection| {
        let retry = |id: &TaskId| retry_one(connection, *id);
        ids.iter().map(retry).collect::<Result<Vec<_>>>()
    })?;
    let done = |change: &&Change| matches!(change, Change::Done(_));
    queue.wake_any(changes.iter().filter(done).count());
    Ok(changes)
}

fn retry_one(connection: &Connection, id: TaskId) -> Result<Change> {
    if connection.prepare_cached(RETRY)?.execute([id.0])? == 1 {
        verbs::retried(connection, id)?;
        return Ok(Change::Done(State::Queued));
    }
    let found = verbs::state_of(connection, id)?;
    Ok(found.map_or(Change::NotFound, |(state, _)| Change::Refused(state)))
}
