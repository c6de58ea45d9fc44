//! Transactions of the caller, on its own connection to the same file.

use std::fs;

use rusqlite::Connection;

use super::database::Database;
use super::fault::located;
use super::statement;
use crate::error::{Error, Result};

const ATTACHED: &str = statement(include_str!("../../queries/attached.sql"));

impl Database {
    /// Checks that a transaction on `connection` is as good as one of this database: its main file
    /// is this file, no other is attached (with a write-ahead log, a commit across files is not
    /// atomic), its `synchronous` is at least this database's, its automatic checkpoints are
    /// off, and a transaction is open. Begin it as IMMEDIATE: a transaction that reads first and writes later fails as busy if another
    /// wrote between the two.
    ///
    /// Such a transaction takes no part in the order of writers between processes. It waits as its
    /// own busy timeout says.
    ///
    /// # Errors
    /// [`Error::Invalid`] with the setting to change; [`Error::Unusable`] if a newer program has
    /// migrated the file since.
    pub fn check_caller_connection(&self, connection: &Connection) -> Result<()> {
        // SQLite's path is absolute; links on the way to it are followed.
        let same = connection
            .path()
            .and_then(|path| fs::canonicalize(path).ok())
            .is_some_and(|path| path == self.path());
        if !same {
            return Err(Error::invalid(format!(
                "the transaction is not on {}; open the connection on that file",
                self.path().display()
            )));
        }
        if connection.is_autocommit() {
            return Err(Error::invalid(
                "the connection has no open transaction; begin one (BEGIN IMMEDIATE)",
            ));
        }
        let ask = |sql: &str| {
            connection
                .prepare_cached(sql)
                .and_then(|mut statement| statement.query_row([], |row| row.get::<_, i64>(0)))
                .map_err(|error| located(self.path(), error))
        };
        if ask(ATTACHED)? > 0 {
            return Err(Error::invalid(
                "another database is attached to the connection, and a commit across files is not \
                 atomic; use a connection without ATTACH",
            ));
        }
        if ask("PRAGMA synchronous")? < self.options().durability.synchronous() {
            return Err(Error::invalid(
                "the connection promises less than this database (PRAGMA synchronous); set it to \
                 NORMAL for `fast` or FULL for `full`",
            ));
        }
        if ask("PRAGMA wal_autocheckpoint")? > 0 {
            return Err(Error::invalid(
                "the connection checkpoints by itself, which would hide a failed sync from the queue \
                 (PRAGMA wal_autocheckpoint); set it to 0: the queue moves the log itself",
            ));
        }
        self.check_known(connection)
    }
}
