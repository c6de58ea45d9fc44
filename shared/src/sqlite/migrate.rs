//! Migration lines: numbered SQL files, applied in order. `queue_schema` records the steps of a
//! file; `user_version` and `application_id` belong to the caller.

use std::path::Path;

use rusqlite::{Connection, TransactionBehavior, params};

use super::fault::located;
use super::lines::{AppliedLine, CORE, Newer, SchemaLine};
use super::statement;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::remedy::Remedy;

const LINES: &str = statement(include_str!("../../queries/lines.sql"));
const OWN_OBJECTS: &str = statement(include_str!("../../queries/own_objects.sql"));
const CREATE_SCHEMA: &str = statement(include_str!("../../queries/create_schema.sql"));
const PUT_LINE: &str = statement(include_str!("../../queries/put_line.sql"));
const PUT_FILE: &str = statement(include_str!("../../queries/put_file.sql"));

/// New values for a file's row in `queue_file`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Creation {
    pub(super) file_id: i64,
    pub(super) at: Timestamp,
}

/// Lines of the file, by name; none if it holds no queue.
pub(super) fn lines(connection: &Connection, path: &Path) -> Result<Vec<AppliedLine>> {
    let (schema, others): (i64, i64) = connection
        .query_row(OWN_OBJECTS, [], |row| Ok((row.get(0)?, row.get(1)?)))
        .map_err(|error| located(path, error))?;
    match (schema, others) {
        (0, 0) => Ok(Vec::new()),
        (0, _) => Err(partly(path, None)),
        _ => read_lines(connection).map_err(|error| located(path, error)),
    }
}

/// True if a step of `wanted` is missing in `applied`. Refuses a file newer than the program.
pub(super) fn is_behind(
    path: &Path,
    applied: &[AppliedLine],
    wanted: &[SchemaLine],
) -> Result<bool> {
    let mut behind = false;
    for line in wanted {
        let version = version_of(applied, line);
        if let Some(newer) = Newer::of(line, version) {
            return Err(newer.error(path));
        }
        let promotion = line.promotes && version == 0 && !applied.is_empty();
        behind |= version < line.newest() && !promotion;
    }
    Ok(behind)
}

/// Applies all missing steps in one transaction. Waits for another process that migrates at the
/// same time, and then finds the work done.
pub(super) fn migrate(
    connection: &mut Connection,
    path: &Path,
    wanted: &[SchemaLine],
    creation: Creation,
) -> Result<()> {
    let tx = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(|error| located(path, error))?;
    let applied = lines(&tx, path)?;
    if applied.is_empty() {
        tx.execute(CREATE_SCHEMA, [])
            .map_err(|error| located(path, error))?;
    }
    for line in wanted {
        if is_behind(path, &applied, std::slice::from_ref(line))? {
            advance(&tx, line, &applied, creation).map_err(|error| {
                if error.to_string().contains("already exists") {
                    partly(path, Some(error))
                } else {
                    located(path, error)
                }
            })?;
        }
    }
    tx.commit().map_err(|error| located(path, error))
}

fn advance(
    tx: &Connection,
    line: &SchemaLine,
    applied: &[AppliedLine],
    creation: Creation,
) -> rusqlite::Result<()> {
    take_steps(tx, line, version_of(applied, line), creation.at)?;
    if line.name == CORE.name && version_of(applied, line) == 0 {
        tx.execute(PUT_FILE, params![creation.file_id, creation.at.0])?;
    }
    Ok(())
}

fn take_steps(
    tx: &Connection,
    line: &SchemaLine,
    from: u32,
    at: Timestamp,
) -> rusqlite::Result<()> {
    for migration in line.migrations {
        if migration.version > from {
            tx.execute_batch(migration.sql)?;
        }
    }
    tx.execute(PUT_LINE, params![line.name, line.newest(), at.0])?;
    if let Some(begin) = line.begin {
        tx.execute(begin, [at.0])?;
    }
    Ok(())
}

/// Takes every step of a line that promotes, within a transaction of the caller's. Leaves a file
/// alone that has the line already. Returns true if it took the steps.
///
/// # Errors
/// The errors of `SQLite`.
pub fn promote(tx: &Connection, line: &SchemaLine, at: Timestamp) -> Result<bool> {
    let is_missing = version_of(&read_lines(tx)?, line) == 0;
    if is_missing {
        take_steps(tx, line, 0, at)?;
    }
    Ok(is_missing)
}

fn version_of(applied: &[AppliedLine], line: &SchemaLine) -> u32 {
    applied
        .iter()
        .find(|applied| applied.name == line.name)
        .map_or(0, |applied| applied.version)
}

fn read_lines(connection: &Connection) -> rusqlite::Result<Vec<AppliedLine>> {
    connection
        .prepare(LINES)?
        .query_map([], |row| {
            Ok(AppliedLine {
                name: row.get(0)?,
                version: row.get(1)?,
            })
        })?
        .collect()
}

fn partly(path: &Path, source: Option<rusqlite::Error>) -> Error {
    Error::Unusable {
        path: path.to_owned(),
        what: "the file holds only a part of the queue's tables, or others with the prefix queue_"
            .to_owned(),
        remedy: Some(Remedy::UseAnotherOrRestore),
        source: source.map(|source| Box::new(source) as Box<_>),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use crate::sqlite::{CORE, WORKFLOW};

    #[test]
    fn every_step_changes_the_schema() {
        let connection = Connection::open_in_memory().unwrap();
        let cookie = || -> i64 {
            let read = |row: &rusqlite::Row<'_>| row.get(0);
            let cookie = connection.pragma_query_value(None, "schema_version", read);
            cookie.unwrap()
        };
        for step in [CORE, WORKFLOW].iter().flat_map(|line| line.migrations) {
            let before = cookie();
            connection.execute_batch(step.sql).unwrap();
            assert_ne!(cookie(), before, "{}", step.version);
        }
    }
}
