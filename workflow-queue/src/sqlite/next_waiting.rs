//! Next waiting: the waiting tasks that start first, blocked ones included.

use queue_core::error::Result;
use queue_core::sqlite::{rows, verbs};
use queue_core::state::State;
use queue_core::task::{Task, TaskId};
use rusqlite::Connection;

use super::statements::{NEXT_WAITING_BLOCKED, NEXT_WAITING_LIMITED};
use crate::queue::WorkflowQueue;

/// At most `limit` tasks in that state; of the blocked ones, first those that wait for dependencies.
pub(crate) fn next_waiting(queue: &WorkflowQueue, state: State, limit: usize) -> Result<Vec<Task>> {
    let is_stored = state == State::Blocked && !queue.is_unpromoted();
    queue.database().read(|connection| {
        if is_stored {
            blocked(connection, limit)
        } else {
            verbs::next_waiting(connection, state, limit)
        }
    })
}

fn blocked(connection: &Connection, limit: usize) -> Result<Vec<Task>> {
    let mut ids = Vec::new();
    for sql in [NEXT_WAITING_BLOCKED, NEXT_WAITING_LIMITED] {
        let most = i64::try_from(limit - ids.len()).unwrap_or(i64::MAX);
        ids.extend(rows::all(connection, sql, [most], |row| {
            Ok(TaskId(row.get(0)?))
        })?);
    }
    verbs::of_ids(connection, ids)
}
