//! Stats: how many tasks stand where.

use queue_core::error::Result;
use queue_core::queue::Stats;
use queue_core::sqlite::{rows, verbs};
use rusqlite::Connection;

use super::statements::STATS_BLOCKED;

/// How many tasks stand where.
pub(super) fn stats(connection: &Connection) -> Result<Stats> {
    let mut query = connection.prepare_cached(STATS_BLOCKED)?;
    let blocked = query.query_row([], |row| rows::count(row, 0))?;
    verbs::stats(connection, blocked)
}
