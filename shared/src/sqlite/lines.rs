//! Schema lines: numbered steps, and the version of each that a program knows or a file has.

use std::path::Path;

use crate::error::Error;

/// One step of a line.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// From 1, without gaps.
    pub version: u32,
    /// The statements. They change the schema, by which programs notice that have the file open.
    pub sql: &'static str,
}

/// A schema line, versioned by its row in `queue_schema`.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Its name in `queue_schema.line`.
    pub name: &'static str,
    /// Its steps, oldest first.
    pub migrations: &'static [Migration],
    /// Whether its first step makes a file another engine's. Opening takes that step only in a
    /// file without a queue; elsewhere it is a promotion, which is asked for.
    pub promotes: bool,
}

/// What both engines read and write.
pub const CORE: Line = Line {
    name: "core",
    migrations: &[
        Migration {
            version: 1,
            sql: include_str!("../../schema/sqlite/core/001_core.sql"),
        },
        Migration {
            version: 2,
            sql: include_str!("../../schema/sqlite/core/002_retried.sql"),
        },
    ],
    promotes: false,
};

/// What workflow-queue has beyond that.
pub const WORKFLOW: Line = Line {
    name: "workflow",
    migrations: &[Migration {
        version: 1,
        sql: include_str!("../../schema/sqlite/workflow/001_workflow.sql"),
    }],
    promotes: true,
};

impl Line {
    /// The newest version this program knows.
    pub fn newest(&self) -> u32 {
        self.migrations.last().map_or(0, |last| last.version)
    }
}

/// A line as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedLine {
    /// Its name; possibly one this program does not know.
    pub name: String,
    /// Its newest step in the file.
    pub version: u32,
}

/// A line that is newer than the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Newer {
    line: &'static str,
    version: u32,
    known: u32,
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
            remedy: None,
            source: None,
        }
    }
}
