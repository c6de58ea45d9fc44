//! What a look at a file of either engine sees.

use queue_core::error::Result;
use queue_core::queue::Stats;
use queue_core::sqlite::{read, rows, statement};
use rusqlite::Connection;

pub(crate) const BLOCKED: &str = statement(include_str!("../queries/blocked.sql"));

/// How many tasks stand where, also in a file that is workflow-queue's by now.
pub(crate) fn stats(connection: &Connection) -> Result<Stats> {
    let mut query = connection.prepare_cached(BLOCKED)?;
    let blocked = query.query_row([], |row| rows::count(row, 0))?;
    read::stats(connection, blocked)
}
