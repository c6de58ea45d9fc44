//! Transactions of the caller's own, on a connection of its own to the same file.

use std::fs;

use rusqlite::Connection;

use super::database::Database;
use super::fault::located;
use super::statement;
use crate::error::{Error, Result};

const ATTACHED: &str = statement(include_str!("../../queries/attached.sql"));

impl Database {
    /// Checks that what is written on `connection` is as good as what this database writes: its
    /// main file is this file, no other is attached (a commit across files is not atomic with a
    /// write-ahead log), its `synchronous` is at least what this database promises, and a
    /// transaction is open. Begin it as IMMEDIATE: one that reads first and writes later fails as
    /// busy at once if anybody else wrote between the two.
    ///
    /// Such a transaction does not take part in the order of writers between processes; it waits
    /// as its own busy timeout says.
    ///
    /// # Errors
    /// [`Error::Invalid`] with what to change; [`Error::Unusable`] if a newer program has migrated the
    /// file since.
    pub fn check_caller_connection(&self, connection: &Connection) -> Result<()> {
        // The path as SQLite has it is absolute; a link on the way to it is followed.
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
        self.check_known(connection)
    }
}
