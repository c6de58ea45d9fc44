//! Edit: changes waiting tasks.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::{Change, Edit};
use queue_core::sqlite::verbs;
use queue_core::task::TaskId;
use rusqlite::Connection;

use crate::guard::Phase;
use crate::queue::FastQueue;
use crate::statements::EDIT_TIME;

/// Gives waiting tasks new values, all or none.
pub(crate) fn edit(queue: &FastQueue, ids: &[TaskId], edit: &Edit) -> Result<Vec<Change>> {
    let (ids, edit, now) = (ids.to_vec(), edit.clone(), queue.database().now().wall);
    let changes = queue.change(Phase::Accepting, move |connection| {
        let edit_one = |id: &TaskId| edit_one(connection, *id, &edit, now);
        ids.iter().map(edit_one).collect::<Result<Vec<_>>>()
    })?;
    queue.released(&changes);
    Ok(changes)
}

fn edit_one(connection: &Connection, id: TaskId, edit: &Edit, now: Timestamp) -> Result<Change> {
    let change = verbs::edit(connection, id, edit)?;
    let (Change::Done(_), Some(run_at)) = (change, edit.run_at) else {
        return Ok(change);
    };
    let mut update = connection.prepare_cached(EDIT_TIME)?;
    update.execute((id.0, run_at.map(|at| at.0), now.0))?;
    let state = verbs::state_of(connection, id)?;
    Ok(state.map_or(Change::NotFound, |(state, _)| Change::Done(state)))
}
