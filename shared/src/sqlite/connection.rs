//! Opens `SQLite` connections with the pragmas of each kind. Every pragma is read back, because
//! `SQLite` ignores an unknown or refused one silently.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::fault::located;
use super::locate::unusable;
use super::log_limit::LogLimit;
use super::options::{Durability, OpenOptions};
use super::statement;
use super::verbs;
use crate::error::{Error, Result};

const USE_WAL: &str = statement(include_str!("../../queries/use_wal.sql"));

/// Oldest `SQLite` without the bug that damages a file when a checkpoint and a log reset meet.
pub(super) const OLDEST_SQLITE: i32 = 3_051_003;

/// Number of prepared statements kept by each connection.
const STATEMENTS: usize = 64;

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

/// Opens the connection that writes. Leaves the journal mode as found.
pub(super) fn open_writer(path: &Path, options: &OpenOptions) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = open(path, flags, options)?;
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

/// Opens a connection that cannot write.
pub(super) fn open_reader(path: &Path, options: &OpenOptions) -> Result<Connection> {
    let connection = open(path, READER_FLAGS, options)?;
    prepare_reader(&connection, options.busy_timeout).map_err(|error| located(path, error))?;
    Ok(connection)
}

pub(super) const READER_FLAGS: OpenFlags =
    OpenFlags::SQLITE_OPEN_READ_ONLY.union(OpenFlags::SQLITE_OPEN_NO_MUTEX);

/// Sets the pragmas of a reader on a fresh read-only connection.
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

/// Gives the file a write-ahead log. No other process may do so at the same time.
pub(super) fn use_wal(connection: &Connection, path: &Path) -> Result<()> {
    let mode = switch(connection).map_err(|error| located(path, error))?;
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

/// Switches the journal mode and returns the result. Steps the statement to its end, because it
/// commits only after its row, and an error of that commit leaves the file as it was.
fn switch(connection: &Connection) -> rusqlite::Result<String> {
    let mut statement = connection.prepare(USE_WAL)?;
    let mut rows = statement.query([])?;
    let mut mode = String::new();
    while let Some(row) = rows.next()? {
        mode = row.get(0)?;
    }
    Ok(mode)
}

/// Current journal mode.
pub(super) fn journal_mode(connection: &Connection) -> rusqlite::Result<String> {
    connection.pragma_query_value(None, "journal_mode", |row| row.get(0))
}

impl Durability {
    /// Value of `PRAGMA synchronous`.
    pub(super) fn synchronous(self) -> i64 {
        match self {
            Self::Fast => 1,
            Self::Full => 2,
        }
    }
}

fn open(path: &Path, flags: OpenFlags, options: &OpenOptions) -> Result<Connection> {
    let (file, flags) = located_on(path, flags, options);
    Connection::open_with_flags(file, flags).map_err(|error| located(path, error))
}

/// Path and flags that open the file on the VFS of `options`. A VFS other than the system's is
/// named in a URI, which is the only way that the pool of readers supports.
pub(super) fn located_on(
    path: &Path,
    flags: OpenFlags,
    options: &OpenOptions,
) -> (PathBuf, OpenFlags) {
    let Some(vfs) = &options.vfs else {
        return (path.to_owned(), flags);
    };
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(*byte)),
            byte => {
                let _ = write!(uri, "%{byte:02x}");
            }
        }
    }
    let _ = write!(uri, "?vfs={vfs}");
    (uri.into(), flags | OpenFlags::SQLITE_OPEN_URI)
}

fn prepare_writer(connection: &Connection, options: &OpenOptions) -> rusqlite::Result<Result<()>> {
    connection.busy_timeout(options.busy_timeout)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    verbs::add_function(connection)?;
    // This package makes the checkpoints itself, and checks every result.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    for (pragma, value) in [
        ("synchronous", options.durability.synchronous()),
        ("wal_autocheckpoint", 0),
        ("journal_size_limit", LogLimit::new().bytes()),
        ("foreign_keys", 1),
        ("trusted_schema", 0),
        ("cell_size_check", 1),
        // Sorting stays in memory: a queue's temporary tables are small.
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
