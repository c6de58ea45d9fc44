//! Id of a file.

use rusqlite::Connection;

use super::super::statement;
use crate::error::Result;

const FILE_ID: &str = statement(include_str!("../../../queries/file_id.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("file_id", FILE_ID)];

/// Id of the file, drawn at random when it was made.
pub fn file_id(connection: &Connection) -> Result<i64> {
    let mut query = connection.prepare_cached(FILE_ID)?;
    Ok(query.query_row([], |row| row.get(0))?)
}
