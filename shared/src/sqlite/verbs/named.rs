//! Named, keyed: the tasks of a name or of a key.

use rusqlite::Connection;

use super::super::{rows, statement};
use crate::error::Result;
use crate::task::TaskId;

const NAMED: &str = statement(include_str!("../../../queries/named.sql"));
const KEYED: &str = statement(include_str!("../../../queries/keyed.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("named", NAMED), ("keyed", KEYED)];

/// At most `limit` tasks of exactly that name, the newest first.
pub fn named(connection: &Connection, name: &str, limit: usize) -> Result<Vec<TaskId>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    rows::all(connection, NAMED, (name, limit), |row| {
        Ok(TaskId(row.get(0)?))
    })
}

/// The task that holds the key.
pub fn keyed(connection: &Connection, key: &[u8]) -> Result<Option<TaskId>> {
    let found = rows::all(connection, KEYED, [key], |row| Ok(TaskId(row.get(0)?)))?;
    Ok(found.into_iter().next())
}
