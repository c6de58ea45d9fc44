//! `salvage`: copies every readable row of a damaged database to a new one.
//!
//! Reads rows in the order of their key. After an unreadable page it searches for the next readable
//! key, first in steps that double, then by halving the last step. Rows that follow from others and
//! can be computed anew are not read.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Row, Statement, params_from_iter};

use super::database::Database;
use super::fault::{Fault, located};
use super::in_use::WholeLock;
use super::lines::{CORE, SchemaLine, WORKFLOW};
use super::migrate;
use super::options::OpenOptions;
use super::statement;
use crate::error::{Error, Result};
use crate::remedy::Remedy;
use crate::sidecar::Sidecar;

const QUEUES: &str = statement(include_str!("../../queries/salvage/queues.sql"));
const LOST: &str = statement(include_str!("../../queries/salvage/lost.sql"));
const EVENTS_DELETE: &str = statement(include_str!("../../queries/salvage/events_delete.sql"));
const HAS_TABLE: &str = statement(include_str!("../../queries/salvage/has_table.sql"));

/// Tables that are read, each with the first column of its key. A table that the file's version of
/// the line does not have yet is empty. Left out are `queue_schema`, which is created with the new
/// file, workers, none of which lives, counts of open dependencies, which are computed anew, and sums of
/// the log, which are folded anew.
const EVENTS: &str = "queue_events";
const ALERTS: &str = "queue_alerts";
const FILE_TABLE: (&str, &str) = ("queue_file", "id");
const CORE_TABLES: [(&str, &str); 7] = [
    ("queue_queues", "id"),
    ("queue_tasks", "id"),
    ("queue_outputs", "task"),
    ("queue_retried", "task"),
    ("queue_earlier_outputs", "task"),
    ("queue_holds", "task"),
    ("queue_settings", "id"),
];
const WORKFLOW_TABLES: [(&str, &str); 11] = [
    ("queue_limits", "id"),
    ("queue_dependencies", "task"),
    ("queue_upstream", "dependent"),
    ("queue_attempts", "task"),
    (EVENTS, "seq"),
    ("queue_schedules", "id"),
    ("queue_firings", "schedule"),
    ("queue_scheduled", "task"),
    (ALERTS, "id"),
    ("queue_hooks", "id"),
    ("queue_dead_letters", "id"),
];

/// Longest stretch of keys that the search jumps over.
const LONGEST_JUMP: i64 = 1 << 40;

/// Result of salvaging one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// Name of the table.
    pub table: &'static str,
    /// Number of copied rows.
    pub saved: u64,
    /// Number of unreadable stretches.
    pub stretches: u64,
    /// Number of keys within them: no more rows are lost, unless a key has several. `None` if the
    /// end of the last stretch is unknown.
    pub lost: Option<u64>,
    /// Number of rows that were read and that no table takes.
    pub refused: u64,
}

impl Salvaged {
    /// True if every row was copied.
    pub fn is_whole(&self) -> bool {
        self.stretches == 0 && self.refused == 0
    }
}

/// Schema of the old file.
struct OldSchema {
    lines: &'static [SchemaLine],
    is_older: bool,
}

/// Open, damaged database.
#[derive(Debug)]
pub(crate) struct Salvage {
    path: PathBuf,
    reader: Connection,
    _whole: Option<WholeLock>,
}

impl Salvage {
    /// Opens the database at `path`, to salvage it to `new`.
    ///
    /// # Errors
    /// As [`salvage`](crate::maintenance::salvage).
    pub(crate) fn open(path: &Path, new: &Path, options: &OpenOptions) -> Result<Self> {
        if fs::symlink_metadata(new).is_ok() {
            return Err(Error::invalid(format!(
                "{} exists already; name a file that does not",
                new.display()
            )));
        }
        let path = fs::canonicalize(path)
            .map_err(|_| Error::not_found(format!("there is no file {}", path.display())))?;
        let sidecar = Sidecar::of(&path);
        let whole = if sidecar.folder().is_dir() {
            Some(WholeLock::take(&sidecar)?)
        } else {
            None
        };
        let refused = |error| located(&path, error);
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let reader = Connection::open_with_flags(&path, flags).map_err(refused)?;
        reader.busy_timeout(options.busy_timeout)?;
        reader
            .pragma_update(None, "query_only", true)
            .map_err(refused)?;
        reader
            .pragma_update(None, "trusted_schema", false)
            .map_err(refused)?;
        // Otherwise a truncated file, or a damaged schema of one table, would hold everything back.
        reader
            .pragma_update(None, "writable_schema", true)
            .map_err(refused)?;
        Ok(Self {
            path,
            reader,
            _whole: whole,
        })
    }

    /// Creates a new database in the empty file at `to`, with the row of `queue_file` and nothing
    /// else.
    ///
    /// # Errors
    /// [`Error::Unusable`] if the old file holds no queue, or one of a newer program.
    pub(crate) fn begin_copy(&self, to: &Path, options: &OpenOptions) -> Result<Salvaged> {
        if !self.has("queue_tasks")? {
            return Err(Error::Unusable {
                path: self.path.clone(),
                what: "there is no table of tasks in it".to_owned(),
                remedy: Some(Remedy::Restore),
                source: None,
            });
        }
        let lines = self.old_schema()?.lines;
        let options = OpenOptions {
            create: true,
            read_only: false,
            one_shot: true,
            ..options.clone()
        };
        drop(Database::open(to, options.clone(), lines)?);
        let mut writer = super::connection::open_writer(to, &options)?;
        let (table, key) = FILE_TABLE;
        self.copy_table(&mut writer, table, key)
    }

    /// Copies all readable rows to the database that was begun with `first`.
    ///
    /// # Errors
    /// If the new file cannot be written.
    pub(crate) fn copy_to(
        &self,
        to: &Path,
        options: &OpenOptions,
        first: Salvaged,
    ) -> Result<Vec<Salvaged>> {
        let OldSchema { lines, is_older } = self.old_schema()?;
        let mut writer = super::connection::open_writer(to, options)?;
        let mut salvaged = vec![first];
        let workflow: &[_] = if lines.len() > 1 {
            &WORKFLOW_TABLES
        } else {
            &[]
        };
        for (table, key) in CORE_TABLES.iter().chain(workflow) {
            let is_there = !is_older || self.has(table)?;
            if *table == EVENTS && is_there {
                // The old log takes the place of the one that began with the new file.
                writer.execute(EVENTS_DELETE, [])?;
            }
            salvaged.push(if is_there {
                self.copy_table(&mut writer, table, key)?
            } else {
                Salvaged::none(table)
            });
        }
        writer.execute(QUEUES, [])?;
        if lines.len() > 1 && !salvaged.iter().all(Salvaged::is_whole) {
            writer.execute(LOST, [])?;
        }
        Ok(salvaged)
    }

    /// Tables of the old file. If its versions are lost, those of this program.
    fn old_schema(&self) -> Result<OldSchema> {
        let lines: &'static [SchemaLine] = if self.has("queue_attempts")? {
            &[CORE, WORKFLOW]
        } else {
            &[CORE]
        };
        let is_older = match migrate::lines(&self.reader, &self.path) {
            Ok(applied) => migrate::is_behind(&self.path, &applied, lines)?,
            Err(_) => false,
        };
        Ok(OldSchema { lines, is_older })
    }

    fn has(&self, table: &str) -> Result<bool> {
        let found = self.reader.query_row(HAS_TABLE, [table], |row| row.get(0));
        found.map_err(|error| located(&self.path, error))
    }

    /// Columns to copy: those of the new file's table that the old file's has too, since an older program
    /// knew fewer. Alerts get new ids: the new file has default alerts, which only those of the same name
    /// replace.
    fn columns(&self, writer: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
        let all = format!("SELECT * FROM {table}");
        let (old, new) = (self.reader.prepare(&all)?, writer.prepare(&all)?);
        let old = old.column_names();
        let is_new = |name: &str| table == ALERTS && name == "id";
        let both = new
            .column_names()
            .into_iter()
            .filter(|name| old.contains(name) && !is_new(name));
        Ok(both.map(str::to_owned).collect())
    }

    fn copy_table(
        &self,
        writer: &mut Connection,
        table: &'static str,
        key: &str,
    ) -> Result<Salvaged> {
        let mut salvaged = Salvaged::none(table);
        let Ok(columns) = self.columns(writer, table) else {
            return Ok(salvaged.all_lost());
        };
        let names = columns.join(", ");
        // The names are those above and of the new file's columns. No text of a damaged file
        // becomes part of a statement.
        let read = format!(
            "SELECT {key}, {names} FROM {table} NOT INDEXED WHERE {key} >= ?1 ORDER BY {key}"
        );
        let Ok(mut read) = self.reader.prepare(&read) else {
            return Ok(salvaged.all_lost());
        };
        let marks = vec!["?"; columns.len()].join(", ");
        let tx = writer.transaction()?;
        let mut insert = tx.prepare(&format!(
            "INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})"
        ))?;
        let mut from = i64::MIN;
        while let Some(last) = copy_from(&mut read, &mut insert, from, &mut salvaged)? {
            salvaged.stretches += 1;
            let Some(next) = next_readable(&mut read, last) else {
                salvaged.lost = None;
                break;
            };
            let lost = u64::try_from(next - last - 1).unwrap_or(0);
            salvaged.lost = salvaged.lost.map(|so_far| so_far + lost);
            from = next;
        }
        drop(insert);
        tx.commit()?;
        Ok(salvaged)
    }
}

impl Salvaged {
    fn none(table: &'static str) -> Self {
        Self {
            table,
            saved: 0,
            stretches: 0,
            lost: Some(0),
            refused: 0,
        }
    }

    fn all_lost(self) -> Self {
        Self {
            stretches: 1,
            lost: None,
            ..self
        }
    }
}

/// Copies rows from a key on. Returns the last key before an unreadable one; `None` at the end.
fn copy_from(
    read: &mut Statement<'_>,
    insert: &mut Statement<'_>,
    from: i64,
    salvaged: &mut Salvaged,
) -> Result<Option<i64>> {
    let mut last = from.max(0).saturating_sub(1);
    let Ok(mut rows) = read.query([from]) else {
        return Ok(Some(last));
    };
    loop {
        match rows.next() {
            Ok(None) => return Ok(None),
            Ok(Some(row)) => {
                // Half a page may hold anything, also keys that do not belong there.
                let key = row.get(0).ok().filter(|key| *key >= last);
                if key.is_some() && copy_row(row, insert)? {
                    salvaged.saved += 1;
                } else {
                    salvaged.refused += 1;
                }
                last = key.unwrap_or(last);
            }
            Err(error) if Fault::of(&error) == Fault::Busy => return Err(error.into()),
            Err(_) => return Ok(Some(last)),
        }
    }
}

/// Copies a row, except for the key in front of it; false if it makes no sense.
fn copy_row(row: &Row<'_>, insert: &mut Statement<'_>) -> Result<bool> {
    let mut values = Vec::new();
    for column in 1..row.as_ref().column_count() {
        let value = row.get_ref(column)?;
        if let ValueRef::Text(text) = value
            && !makes_sense(row.as_ref().column_name(column)?, text)
        {
            return Ok(false);
        }
        values.push(ToSqlOutput::Borrowed(value));
    }
    match insert.execute(params_from_iter(values)) {
        Ok(_) => Ok(true),
        Err(error) if Fault::of(&error) == Fault::Statement => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// True if that can be the text of a column: a page that lost its end may go on with zeros.
fn makes_sense(column: &str, text: &[u8]) -> bool {
    match column {
        "options" | "data" => serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok(),
        "name" => std::str::from_utf8(text).is_ok() && !text.contains(&0),
        _ => std::str::from_utf8(text).is_ok(),
    }
}

/// First readable key after `last` and after the unreadable ones that follow.
fn next_readable(read: &mut Statement<'_>, last: i64) -> Option<i64> {
    let mut step = 1;
    let mut found = loop {
        match key_from(read, last.saturating_add(step)) {
            Ok(found) => break found?,
            Err(_) if step >= LONGEST_JUMP => return None,
            Err(_) => step *= 2,
        }
    };
    // From `low` on no key is readable, from `high` on some key is.
    let (mut low, mut high) = (last.saturating_add(step / 2), last.saturating_add(step));
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        match key_from(read, middle) {
            Ok(Some(earlier)) => (found, high) = (earlier, middle),
            Ok(None) | Err(_) => low = middle,
        }
    }
    Some(found)
}

/// First key from `from` on. A damaged page may return one before it, which does not count as read:
/// the search has to go forward.
fn key_from(read: &mut Statement<'_>, from: i64) -> rusqlite::Result<Option<i64>> {
    let mut rows = read.query([from])?;
    let found: Option<i64> = rows.next()?.map(|row| row.get(0)).transpose()?;
    if found.is_some_and(|key| key < from) {
        return Err(rusqlite::Error::IntegralValueOutOfRange(0, from));
    }
    Ok(found)
}
