//! How the tasks of a file stand.

use crate::Result;
use crate::digest::digest;
use crate::process::Arena;

/// A task: id, name and state.
pub(super) type Row = (i64, String, i64);

/// The tasks of a file, by id; none as long as there is no file, or no table in it.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn rows(arena: &Arena) -> Result<Vec<Row>> {
    if !arena.database().exists() {
        return Ok(Vec::new());
    }
    let reader = arena.reader()?;
    if !reader.table_exists(None, "queue_tasks")? {
        return Ok(Vec::new());
    }
    let mut statement = reader.prepare(include_str!("../../queries/states.sql"))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Every row of the file, as one number.
///
/// # Errors
/// If the file cannot be read.
pub(super) fn content(arena: &Arena) -> Result<u64> {
    Ok(digest(&arena.reader()?)?)
}
