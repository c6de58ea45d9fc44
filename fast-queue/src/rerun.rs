//! Rerun: enqueues copies of ended tasks.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::TaskCopy;
use queue_core::sqlite::verbs;
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::Connection;

use crate::guard::Phase;
use crate::queue::FastQueue;
use crate::statements::RERUN;

/// Enqueues a copy of each ended task, and wakes workers.
pub(crate) fn rerun(queue: &FastQueue, ids: &[TaskId], held: bool) -> Result<Vec<TaskCopy>> {
    let (ids, now) = (ids.to_vec(), queue.database().now().wall);
    let copies = queue.change(Phase::Accepting, move |connection| {
        let rerun = |id: &TaskId| rerun_one(connection, *id, held, now);
        ids.iter().map(rerun).collect::<Result<Vec<_>>>()
    })?;
    if !held {
        queue.wake_any(copies.iter().copied().filter_map(TaskCopy::id).count());
    }
    Ok(copies)
}

fn rerun_one(connection: &Connection, id: TaskId, held: bool, now: Timestamp) -> Result<TaskCopy> {
    let state = if held { State::Blocked } else { State::Queued };
    let mut insert = connection.prepare_cached(RERUN)?;
    if insert.execute((id.0, state.code(), now.0))? == 0 {
        let found = verbs::state_of(connection, id)?;
        return Ok(found.map_or(TaskCopy::NotFound, |(state, _)| TaskCopy::Refused(state)));
    }
    let copy = TaskId(connection.last_insert_rowid());
    if held {
        verbs::add_hold(connection, copy, now)?;
    }
    Ok(TaskCopy::Copied(copy))
}
