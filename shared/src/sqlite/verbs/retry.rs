//! Retry: the rows that both engines write for a task that is queued again.

use rusqlite::Connection;

use super::super::statement;
use crate::error::Result;
use crate::task::TaskId;

const RETRIED_PUT: &str = statement(include_str!("../../../queries/retry_attempts.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("retry_attempts", RETRIED_PUT)];

/// Stores the number of attempts of a task that has just been queued again, so that its numbers
/// continue.
pub fn retried(connection: &Connection, id: TaskId) -> Result<()> {
    connection.prepare_cached(RETRIED_PUT)?.execute([id.0])?;
    Ok(())
}
