//! Stats: counts tasks by state.

use queue_core::error::Result;
use queue_core::queue::Stats;
use queue_core::sqlite::{rows, verbs};

use crate::queue::FastQueue;
use crate::statements::STATS_BLOCKED;

/// Number of tasks in each state, also for a file that belongs to workflow-queue by now.
pub(crate) fn stats(queue: &FastQueue) -> Result<Stats> {
    queue.database().read(|connection| {
        let mut query = connection.prepare_cached(STATS_BLOCKED)?;
        let blocked = query.query_row([], |row| rows::count(row, 0))?;
        verbs::stats(connection, Some(blocked))
    })
}
