//! Release: deletes the row of a hold.

use rusqlite::Connection;

use super::super::statement;
use crate::error::Result;
use crate::task::TaskId;

const RELEASE: &str = statement(include_str!("../../../queries/release.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("release", RELEASE)];

/// Deletes the hold of a task, because it is released or ends; false if it is not held.
pub fn end_hold(connection: &Connection, id: TaskId) -> Result<bool> {
    Ok(connection.prepare_cached(RELEASE)?.execute([id.0])? > 0)
}
