//! Claim: reads besides the tasks that it takes.

pub(super) mod heads;
pub(super) mod one;
pub(super) mod ready;

use rusqlite::Connection;

use super::super::statement;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::options::TaskOptions;
use crate::task::TaskId;

/// Statement for the next time at which a scheduled task comes due.
pub const NEXT_DUE: &str = statement(include_str!("../../../queries/claim_next_due.sql"));
const CLAIM_PEEK: &str = statement(include_str!("../../../queries/claim_peek.sql"));
const REBASE_RETRIES: &str = statement(include_str!("../../../queries/claim_rebase_retries.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("claim_next_due", NEXT_DUE),
    ("claim_peek", CLAIM_PEEK),
    ("claim_rebase_retries", REBASE_RETRIES),
];

/// Time at which the next scheduled task comes due.
pub fn next_due(connection: &Connection) -> Result<Option<Timestamp>> {
    let mut query = connection.prepare_cached(NEXT_DUE)?;
    let next: Option<i64> = query.query_row([], |row| row.get(0))?;
    Ok(next.map(Timestamp))
}

/// The next `limit` tasks that a claim from a handler queue would take, with their priorities.
pub fn claim_peek(
    connection: &Connection,
    queue_id: i64,
    limit: usize,
) -> Result<Vec<(i32, TaskId)>> {
    let mut query = connection.prepare_cached(CLAIM_PEEK)?;
    let next = query.query_map([queue_id], |row| Ok((row.get(1)?, TaskId(row.get(0)?))))?;
    Ok(next.take(limit).collect::<rusqlite::Result<_>>()?)
}

/// Sets a new time for retries that were scheduled by a wall clock that has been set back since.
pub fn rebase_retries(connection: &Connection, now: Timestamp) -> Result<()> {
    let TaskOptions {
        backoff_ms,
        max_backoff_ms,
        ..
    } = TaskOptions::default();
    connection.prepare_cached(REBASE_RETRIES)?.execute((
        now.0,
        max_backoff_ms.cast_signed(),
        backoff_ms.cast_signed(),
    ))?;
    Ok(())
}
