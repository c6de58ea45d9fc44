//! Opening `SQLite` connections, and the pragmas each kind has. Every pragma is read back: an
//! unknown or refused one is silently ignored otherwise.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::claimed;
use super::fault::located;
use super::location::unusable;
use super::options::{Durability, OpenOptions};
use super::statement;
use crate::error::{Error, Result};

/// The oldest `SQLite` without the bug that damages a file when a checkpoint and a log reset meet.
pub(super) const OLDEST_SQLITE: i32 = 3_051_003;

/// How large the log stays once its content is in the file, in bytes.
const WAL_LIMIT: i64 = 16 * 1024 * 1024;

/// Statements kept prepared by each connection.
const STATEMENTS: usize = 64;

const USE_WAL: &str = statement(include_str!("../../queries/use_wal.sql"));

/// Refuses an `SQLite` that damages files.
pub(super) fn check_version(path: &Path, version: i32) -> Result<()> {
    if version >= OLDEST_SQLITE {
        return Ok(());
    }
    Err(unusable(
        path,
        &format!(
            "this program was built with SQLite {}.{}.{}, which can damage files; build it with \
             3.51.3 or newer",
            version / 1_000_000,
            version / 1000 % 1000,
            version % 1000
        ),
    ))
}

/// The connection that writes. The journal mode is left as found.
pub(super) fn open_writer(path: &Path, options: &OpenOptions) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags)?;
    prepare_writer(&connection, options).map_err(|error| located(path, error))??;
    if connection
        .is_readonly("main")
        .map_err(|error| located(path, error))?
    {
        return Err(unusable(
            path,
            "you may not write to the file; check its permissions, or use a command that only \
             reads",
        ));
    }
    Ok(connection)
}

/// A connection that cannot write.
pub(super) fn open_reader(path: &Path, busy_timeout: Duration) -> Result<Connection> {
    let connection = open(path, READER_FLAGS)?;
    prepare_reader(&connection, busy_timeout).map_err(|error| located(path, error))?;
    Ok(connection)
}

pub(super) const READER_FLAGS: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Gives a fresh read-only connection what every reader has.
pub(super) fn prepare_reader(
    connection: &Connection,
    busy_timeout: Duration,
) -> rusqlite::Result<()> {
    connection.busy_timeout(busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "query_only", true)?;
    connection.pragma_update(None, "trusted_schema", false)?;
    connection.pragma_update(None, "cell_size_check", true)
}

/// Makes the file one with a write-ahead log. Nobody else may be doing so at the same time.
///
/// The answer comes before the commit that makes it true, so it is read to its end: a disk that does
/// not confirm that commit is told of only there, and the file keeps its old journal.
pub(super) fn use_wal(connection: &Connection, path: &Path) -> Result<()> {
    let modes = || -> rusqlite::Result<Vec<String>> {
        let mut change = connection.prepare(USE_WAL)?;
        let modes = change.query_map([], |row| row.get(0))?;
        modes.collect()
    };
    let mode = modes().map_err(|error| located(path, error))?.concat();
    if mode.eq_ignore_ascii_case("wal") {
        return Ok(());
    }
    Err(unusable(
        path,
        &format!(
            "its journal mode cannot be changed from {mode} to wal; close whatever else uses the \
             file"
        ),
    ))
}

/// The journal mode in force.
pub(super) fn journal_mode(connection: &Connection) -> rusqlite::Result<String> {
    connection.pragma_query_value(None, "journal_mode", |row| row.get(0))
}

impl Durability {
    /// The value of `PRAGMA synchronous`.
    pub(super) fn synchronous(self) -> i64 {
        match self {
            Self::Fast => 1,
            Self::Full => 2,
        }
    }
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
    Connection::open_with_flags(path, flags).map_err(|error| located(path, error))
}

fn prepare_writer(connection: &Connection, options: &OpenOptions) -> rusqlite::Result<Result<()>> {
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    claimed::add_function(connection)?;
    // The log is checkpointed by us, where every result is looked at.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    for (pragma, value) in [
        ("synchronous", options.durability.synchronous()),
        ("wal_autocheckpoint", 0),
        ("journal_size_limit", WAL_LIMIT),
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("cell_size_check", 1),
        // Sorting never leaves memory: a queue's temporary tables are small.
        ("temp_store", 2),
    ] {
        connection.pragma_update(None, pragma, value)?;
        let set: i64 = connection.pragma_query_value(None, pragma, |row| row.get(0))?;
        if set != value {
            return Ok(Err(Error::Bug {
                what: format!("PRAGMA {pragma} is {set} after it was set to {value}"),
            }));
        }
    }
    Ok(Ok(()))
}
