//! Hold: the row of a task that waits until it is released.

use rusqlite::Connection;

use super::super::statement;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::task::TaskId;

const HOLD: &str = statement(include_str!("../../../queries/hold.sql"));
const HOLD_OF: &str = statement(include_str!("../../../queries/hold_of.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("hold", HOLD), ("hold_of", HOLD_OF)];

/// Adds the hold of a task, which the caller blocks; false if the task is held already.
pub fn add_hold(connection: &Connection, id: TaskId, now: Timestamp) -> Result<bool> {
    let mut insert = connection.prepare_cached(HOLD)?;
    Ok(insert.execute((id.0, now.0))? > 0)
}

/// True if the task is held.
pub fn is_held(connection: &Connection, id: TaskId) -> Result<bool> {
    Ok(connection.prepare_cached(HOLD_OF)?.exists([id.0])?)
}
