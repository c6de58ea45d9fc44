//! Findings about a file and its connection, for `doctor`.

use std::time::Duration;

use rusqlite::Connection;

use super::checkpointer::truncate;
use super::connection::{OLDEST_SQLITE, open_writer};
use super::database::{Database, log_size};
use super::fault::{Fault, located};
use super::locate::network_file_system;
use super::lock::LockFile;
use super::options::OpenOptions;
use super::owners::Owners;
use super::processes::{locking_alone, named, reading, writing};
use super::{migrate, statement};
use crate::error::Result;
use crate::queue::Finding;
use crate::remedy::Remedy;

const BEGIN: &str = statement(include_str!("../../queries/begin.sql"));
const QUICK_CHECK: &str = statement(include_str!("../../queries/quick_check.sql"));
const INTEGRITY_CHECK: &str = statement(include_str!("../../queries/integrity_check.sql"));

/// Bytes above which a write-ahead log is too long: a reader does not end, or no process makes
/// checkpoints.
const LONG_LOG: u64 = 64 * 1024 * 1024;

/// Time after which a writer counts as stuck.
const STUCK: Duration = Duration::from_secs(1);

fn fine(what: &str, value: impl Into<String>) -> Finding {
    Finding {
        what: what.to_owned(),
        value: value.into(),
        problem: None,
        remedy: None,
    }
}

fn wrong(what: &str, value: impl Into<String>, problem: &str) -> Finding {
    Finding {
        problem: Some(problem.to_owned()),
        ..fine(what, value)
    }
}

/// Makes a finding with commands that help.
fn curable(what: &str, value: impl Into<String>, problem: &str, remedy: Remedy) -> Finding {
    Finding {
        remedy: Some(remedy),
        ..wrong(what, value, problem)
    }
}

impl Database {
    /// Checks the file and the connection that writes to it. `deep` also compares every index with
    /// its table, which reads the whole file.
    ///
    /// # Errors
    /// If the file cannot be read at all.
    pub fn diagnose(&self, deep: bool) -> Result<Vec<Finding>> {
        let mut findings = vec![sqlite_version(), self.file_system(), self.log()];
        findings.push(self.side_files());
        findings.push(self.stuck());
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
        match network_file_system(self.path(), self.options()) {
            None => fine("file system", "local"),
            Some(name) => wrong(
                "file system",
                format!("network ({name})"),
                "locks cannot be relied on there; move the file to a local disk",
            ),
        }
    }

    fn side_files(&self) -> Finding {
        let owners = Owners::of(self.path(), self.sidecar());
        Finding {
            problem: owners.problem(),
            ..fine("files beside it", owners.seen.to_string())
        }
    }

    fn log(&self) -> Finding {
        let size = log_size(self.path());
        if size <= LONG_LOG {
            return fine("WAL bytes", size.to_string());
        }
        let own = std::process::id();
        let readers = reading(self.path()).into_iter().filter(|pid| *pid != own);
        let readers: Vec<String> = readers.map(named).collect();
        let (problem, remedy) = if readers.is_empty() {
            ("nobody reads now".to_owned(), Remedy::EmptyLog)
        } else {
            let problem = format!(
                "it cannot start over while somebody reads: {}",
                readers.join(", ")
            );
            (problem, Remedy::EndReadersAndEmptyLog)
        };
        curable("WAL bytes", size.to_string(), &problem, remedy)
    }

    /// Finding about a process that writes and does not finish. Writes nothing to find out.
    fn stuck(&self) -> Finding {
        match self.stuck_writer() {
            None => fine("writer", "none stuck"),
            Some(who) => wrong(
                "writer",
                who,
                "it has been writing for more than a second, and others wait; if it is stopped, let \
                 it go on with `kill -CONT`, or end it",
            ),
        }
    }

    fn stuck_writer(&self) -> Option<String> {
        let path = self.sidecar().writer_lock();
        if path.exists() {
            let lock = LockFile::open(&path).ok()?;
            if lock.exclusive_within(&path, STUCK).is_err() {
                return locking_alone(&path).map(named);
            }
        }
        // A program that does not know the lock may hold SQLite's own.
        let options = OpenOptions {
            busy_timeout: STUCK,
            ..self.options().clone()
        };
        let connection = open_writer(self.path(), &options).ok()?;
        match connection.execute(BEGIN, []) {
            Err(error) if Fault::of(&error) == Fault::Busy => writing(self.path()).map(named),
            Ok(_) | Err(_) => None,
        }
    }

    /// Moves the whole write-ahead log into the file and empties it; false if another connection
    /// reads or writes.
    ///
    /// # Errors
    /// [`Error::Unusable`](crate::Error::Unusable) for a full or failing disk.
    pub fn empty_log(&self) -> Result<bool> {
        self.on_the_connection(|connection| {
            truncate(connection).map_err(|error| located(self.path(), error))
        })
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
    Ok(curable(
        name,
        complaints.join(", "),
        "the database is damaged",
        Remedy::RestoreOrSalvage,
    ))
}
