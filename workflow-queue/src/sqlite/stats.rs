//! Stats: the number of tasks in each state.

use queue_core::error::Result;
use queue_core::queue::Stats;
use queue_core::sqlite::{rows, verbs};
use rusqlite::Connection;

use super::statements::STATS_BLOCKED;
use crate::queue::WorkflowQueue;

/// The number of tasks in each state.
pub(crate) fn stats(queue: &WorkflowQueue) -> Result<Stats> {
    let read = if queue.is_unpromoted() {
        |connection: &Connection| verbs::stats(connection, None)
    } else {
        stats_with_blocked
    };
    queue.database().read(read)
}

fn stats_with_blocked(connection: &Connection) -> Result<Stats> {
    let mut query = connection.prepare_cached(STATS_BLOCKED)?;
    let blocked = query.query_row([], |row| rows::count(row, 0))?;
    verbs::stats(connection, Some(blocked))
}
