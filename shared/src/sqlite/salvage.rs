//! `salvage`: every row that can be read of a damaged database, in a new one.
//!
//! Rows are read in the order of their key. Where a page cannot be read, the next key that can be
//! is looked for, first in steps that double, then by halving the last of them. What hangs on other
//! rows and can be computed anew is not read at all.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, OpenFlags, Row, Statement, params_from_iter};

use super::database::Database;
use super::fault::{Fault, located};
use super::in_use::Whole;
use super::lines::{CORE, Line, WORKFLOW};
use super::migrate;
use super::options::OpenOptions;
use super::statement;
use crate::error::{Error, Result};
use crate::remedy::Remedy;
use crate::sidecar::Sidecar;

const QUEUES: &str = statement(include_str!("../../queries/salvage/queues.sql"));
const HAS_TABLE: &str = statement(include_str!("../../queries/salvage/has_table.sql"));

/// The tables that are read, each with the first column of its key. One that the file's version of
/// the line has not yet is empty. `queue_schema` is made with the
/// new file, no worker lives, and what waits for dependencies is counted anew.
const FILE_TABLE: (&str, &str) = ("queue_file", "id");
const CORE_TABLES: [(&str, &str); 5] = [
    ("queue_queues", "id"),
    ("queue_tasks", "id"),
    ("queue_outputs", "task"),
    ("queue_retried", "task"),
    ("queue_earlier_outputs", "task"),
];
const WORKFLOW_TABLES: [(&str, &str); 4] = [
    ("queue_limits", "id"),
    ("queue_dependencies", "task"),
    ("queue_upstream", "dependent"),
    ("queue_attempts", "task"),
];

/// The longest stretch of keys that is jumped over.
const LONGEST_JUMP: i64 = 1 << 40;

/// What was saved of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Salvaged {
    /// The table.
    pub table: &'static str,
    /// Rows that were copied.
    pub saved: u64,
    /// Stretches that could not be read.
    pub places: u64,
    /// Keys within them: no more rows are lost, unless a key has several. `None` where the last
    /// stretch has no end that can be seen.
    pub lost: Option<u64>,
    /// Rows that were read and that no table takes.
    pub refused: u64,
}

impl Salvaged {
    /// Whether every row was copied.
    pub fn is_whole(&self) -> bool {
        self.places == 0 && self.refused == 0
    }
}

/// The schema of the old file.
struct Form {
    lines: &'static [Line],
    is_older: bool,
}

/// A damaged database, open.
#[derive(Debug)]
pub(crate) struct Salvage {
    path: PathBuf,
    reader: Connection,
    _whole: Option<Whole>,
}

impl Salvage {
    /// Opens the database at `path`, of which a new one is to be made at `new`.
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
            Some(Whole::take(&sidecar)?)
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
        // Else a file that was cut off, or one table's damaged schema, would keep all of it back.
        reader
            .pragma_update(None, "writable_schema", true)
            .map_err(refused)?;
        Ok(Self {
            path,
            reader,
            _whole: whole,
        })
    }

    /// Makes a new database in the empty file at `to`, which says whose it is and holds nothing yet.
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
        let lines = self.form()?.lines;
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

    /// Copies what can be read to the database that was begun with `first`.
    ///
    /// # Errors
    /// When the new file cannot be written.
    pub(crate) fn copy_to(
        &self,
        to: &Path,
        options: &OpenOptions,
        first: Salvaged,
    ) -> Result<Vec<Salvaged>> {
        let Form { lines, is_older } = self.form()?;
        let mut writer = super::connection::open_writer(to, options)?;
        let mut salvaged = vec![first];
        let workflow: &[_] = if lines.len() > 1 {
            &WORKFLOW_TABLES
        } else {
            &[]
        };
        for (table, key) in CORE_TABLES.iter().chain(workflow) {
            if is_older && !self.has(table)? {
                salvaged.push(Salvaged::none(table));
            } else {
                salvaged.push(self.copy_table(&mut writer, table, key)?);
            }
        }
        writer.execute(QUEUES, [])?;
        Ok(salvaged)
    }

    /// Which tables the old file has. Where the versions are lost, they are this program's.
    fn form(&self) -> Result<Form> {
        let lines: &'static [Line] = if self.has("queue_attempts")? {
            &[CORE, WORKFLOW]
        } else {
            &[CORE]
        };
        let is_older = match migrate::lines(&self.reader, &self.path) {
            Ok(applied) => migrate::is_behind(&self.path, &applied, lines)?,
            Err(_) => false,
        };
        Ok(Form { lines, is_older })
    }

    fn has(&self, table: &str) -> Result<bool> {
        let found = self.reader.query_row(HAS_TABLE, [table], |row| row.get(0));
        found.map_err(|error| located(&self.path, error))
    }

    /// The columns of the new file's table that the old file's has too: an older program knew fewer.
    fn columns(&self, writer: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
        let all = format!("SELECT * FROM {table}");
        let (old, new) = (self.reader.prepare(&all)?, writer.prepare(&all)?);
        let old = old.column_names();
        let both = new
            .column_names()
            .into_iter()
            .filter(|name| old.contains(name));
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
        // The names are those above and of the new file's columns; what a damaged file says is never
        // made part of a statement.
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
            salvaged.places += 1;
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
            places: 0,
            lost: Some(0),
            refused: 0,
        }
    }

    fn all_lost(self) -> Self {
        Self {
            places: 1,
            lost: None,
            ..self
        }
    }
}

/// Copies rows from a key on. Returns the last key before one that cannot be read; `None` at the
/// end.
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
                // Half a page may hold anything, keys that stand where they do not belong too.
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

/// Copies a row, but for the key in front of it; false if it makes no sense.
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

/// Whether that can be the text of a column: a page that lost its end may go on with zeros.
fn makes_sense(column: &str, text: &[u8]) -> bool {
    match column {
        "options" => serde_json::from_slice::<serde::de::IgnoredAny>(text).is_ok(),
        "name" => std::str::from_utf8(text).is_ok() && !text.contains(&0),
        _ => std::str::from_utf8(text).is_ok(),
    }
}

/// The first key after `last`, and after what cannot be read there, that can be.
fn next_readable(read: &mut Statement<'_>, last: i64) -> Option<i64> {
    let mut step = 1;
    let mut found = loop {
        match key_from(read, last.saturating_add(step)) {
            Ok(found) => break found?,
            Err(_) if step >= LONGEST_JUMP => return None,
            Err(_) => step *= 2,
        }
    };
    // From `low` on nothing can be read, from `high` on something can.
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

/// The first key from `from` on. One before that, which a damaged page may give, is none that could
/// be read: the search has to go forward.
fn key_from(read: &mut Statement<'_>, from: i64) -> rusqlite::Result<Option<i64>> {
    let mut rows = read.query([from])?;
    let found: Option<i64> = rows.next()?.map(|row| row.get(0)).transpose()?;
    if found.is_some_and(|key| key < from) {
        return Err(rusqlite::Error::IntegralValueOutOfRange(0, from));
    }
    Ok(found)
}
