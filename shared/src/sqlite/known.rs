//! The schema that a program knows. It is compared inside every write transaction, since a file may
//! be migrated by a newer program after it was opened, and `SQLite` prepares statements anew without
//! a word after a change of the schema.

use std::path::Path;

use rusqlite::Connection;
use rusqlite::functions::FunctionFlags;

use super::migrate::Line;
use super::statement;
use crate::error::Error;

pub(super) const NEWER: &str = statement(include_str!("../../queries/newer.sql"));

/// The lines a program knows; of none, nothing is checked.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    lines: Vec<Line>,
    oldest: Option<u32>,
}

/// A line that is newer than the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Newer {
    line: &'static str,
    version: u32,
    known: u32,
}

impl Known {
    pub(super) fn new(lines: &[Line]) -> Self {
        Self {
            lines: lines.to_vec(),
            oldest: lines.iter().map(Line::newest).min(),
        }
    }

    /// Gives the connection `queue_knows(line, version)`, by which a statement that is a transaction of
    /// its own looks for itself. A line of another program is as good as known.
    pub(super) fn add_function(&self, connection: &Connection) -> rusqlite::Result<()> {
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
        let lines = self.lines.clone();
        connection.create_scalar_function("queue_knows", 2, flags, move |context| {
            let (name, version) = (context.get_raw(0).as_str()?, context.get(1)?);
            let line = lines.iter().find(|line| line.name == name);
            Ok(line.is_none_or(|line| Newer::of(line, version).is_none()))
        })
    }

    /// Looks, within the caller's transaction, for a line that is newer than the program.
    pub(super) fn check(&self, connection: &Connection) -> rusqlite::Result<Option<Newer>> {
        let Some(oldest) = self.oldest else {
            return Ok(None);
        };
        let mut newer = connection.prepare_cached(NEWER)?;
        let mut rows = newer.query([oldest])?;
        let mut found = None;
        while let Some(row) = rows.next()? {
            let name = row.get_ref(0)?;
            let version = row.get(1)?;
            let line = self
                .lines
                .iter()
                .find(|line| name.as_str() == Ok(line.name));
            found = found.or(line.and_then(|line| Newer::of(line, version)));
        }
        Ok(found)
    }
}

impl Newer {
    /// `line` in a file that has it in that version; `None` unless that is newer.
    pub(super) fn of(line: &Line, version: u32) -> Option<Self> {
        let known = line.newest();
        (version > known).then_some(Self {
            line: line.name,
            version,
            known,
        })
    }

    /// The error of every write, and of opening the file at `path`.
    pub(super) fn error(self, path: &Path) -> Error {
        let Self {
            line,
            version,
            known,
        } = self;
        Error::Unusable {
            path: path.to_owned(),
            what: format!(
                "the file was written by a newer version of this program (schema {line} {version}, \
                 this program knows {known}); upgrade it"
            ),
            source: None,
        }
    }
}
