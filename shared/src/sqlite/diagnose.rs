//! What can be told about a file and the connection to it, for `doctor`.

use rusqlite::Connection;

use super::connection::OLDEST_SQLITE;
use super::database::{Database, log_size};
use super::fault::located;
use super::location::network_file_system;
use super::{migrate, statement};
use crate::error::Result;
use crate::queue::Finding;

const QUICK_CHECK: &str = statement(include_str!("../../queries/quick_check.sql"));
const INTEGRITY_CHECK: &str = statement(include_str!("../../queries/integrity_check.sql"));

/// A write-ahead log longer than this, in bytes, is kept by a reader that does not end, or by
/// nobody checkpointing.
const LONG_LOG: u64 = 64 * 1024 * 1024;

fn fine(what: &str, value: impl Into<String>) -> Finding {
    Finding {
        what: what.to_owned(),
        value: value.into(),
        problem: None,
    }
}

fn wrong(what: &str, value: impl Into<String>, problem: &str) -> Finding {
    Finding {
        problem: Some(problem.to_owned()),
        ..fine(what, value)
    }
}

impl Database {
    /// Looks at the file and at the connection that writes to it. `deep` also compares every index with its
    /// table, which reads the whole file.
    ///
    /// # Errors
    /// Where the file cannot be read at all.
    pub fn diagnose(&self, deep: bool) -> Result<Vec<Finding>> {
        let mut findings = vec![sqlite_version(), self.file_system(), self.log()];
        if let Some(trouble) = self.trouble() {
            findings.push(wrong(
                "checkpoints",
                trouble,
                "stop its workers and check the disk",
            ));
        }
        self.on_the_connection(|connection| {
            pragmas(connection, &mut findings).map_err(|error| located(self.path(), error))
        })?;
        self.read(|connection| {
            for line in migrate::lines(connection, self.path())? {
                let value = format!("{} {}", line.name, line.version);
                findings.push(fine("schema", value));
            }
            findings.push(check(connection, deep)?);
            Ok(())
        })?;
        Ok(findings)
    }

    fn file_system(&self) -> Finding {
        match network_file_system(self.path()) {
            None => fine("file system", "local"),
            Some(name) => wrong(
                "file system",
                format!("network ({name})"),
                "locks cannot be relied on there; move the file to a local disk",
            ),
        }
    }

    fn log(&self) -> Finding {
        let size = log_size(self.path());
        if size <= LONG_LOG {
            return fine("WAL bytes", size.to_string());
        }
        wrong(
            "WAL bytes",
            size.to_string(),
            "a reader keeps it from starting over; end long transactions, then restart a worker",
        )
    }
}

fn pragmas(connection: &Connection, findings: &mut Vec<Finding>) -> rusqlite::Result<()> {
    let mode = super::connection::journal_mode(connection)?;
    findings.push(if mode.eq_ignore_ascii_case("wal") {
        fine("journal_mode", mode)
    } else {
        wrong(
            "journal_mode",
            mode,
            "something changed it; a command that writes sets it back to wal",
        )
    });
    for (name, pragma) in [
        ("synchronous", "synchronous"),
        ("wal_autocheckpoint", "wal_autocheckpoint"),
        ("busy_timeout ms", "busy_timeout"),
        ("foreign_keys", "foreign_keys"),
        ("trusted_schema", "trusted_schema"),
        ("cell_size_check", "cell_size_check"),
        ("page bytes", "page_size"),
        ("pages", "page_count"),
        ("free pages", "freelist_count"),
    ] {
        let value: i64 = connection.pragma_query_value(None, pragma, |row| row.get(0))?;
        findings.push(fine(name, value.to_string()));
    }
    Ok(())
}

fn sqlite_version() -> Finding {
    if rusqlite::version_number() >= OLDEST_SQLITE {
        return fine("SQLite", rusqlite::version());
    }
    wrong(
        "SQLite",
        rusqlite::version(),
        "it can damage files; use a program built with 3.51.3 or newer",
    )
}

fn check(connection: &Connection, deep: bool) -> Result<Finding> {
    let sql = if deep { INTEGRITY_CHECK } else { QUICK_CHECK };
    let complaints: Vec<String> = connection
        .prepare(sql)?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let name = if deep {
        "integrity_check"
    } else {
        "quick_check"
    };
    if complaints == ["ok"] {
        return Ok(fine(name, "ok"));
    }
    Ok(wrong(
        name,
        complaints.join(", "),
        "stop its workers, copy the file with its -wal, and restore a backup or run `sqlite3 FILE \
         .recover` on the copy",
    ))
}
