//! Snapshots of a file's tasks.

use crate::Result;
use crate::digest::digest;
use crate::process::ScratchFolder;

/// A task: id, name and state.
pub(super) type Row = (i64, String, i64);

/// The tasks of a file, by id; empty if the file or its table is missing.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn rows(scratch: &ScratchFolder) -> Result<Vec<Row>> {
    if !scratch.database().exists() {
        return Ok(Vec::new());
    }
    let reader = scratch.reader()?;
    if !reader.table_exists(None, "queue_tasks")? {
        return Ok(Vec::new());
    }
    let mut statement = reader.prepare(include_str!("../../queries/states.sql"))?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Returns true if a task's command ended by `SIGKILL`.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn has_killed_command(scratch: &ScratchFolder) -> Result<bool> {
    let count = include_str!("../../queries/killed_commands.sql");
    let count: i64 = scratch.reader()?.query_row(count, [], |row| row.get(0))?;
    Ok(count > 0)
}

/// Digest of every row.
///
/// # Errors
/// When the file cannot be read.
pub(super) fn content(scratch: &ScratchFolder) -> Result<u64> {
    Ok(digest(&scratch.reader()?)?)
}
