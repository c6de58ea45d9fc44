//! Schema lines: numbered migrations, and the version of each line that a program knows or a file
//! has.

use std::path::Path;

use super::statement;
use crate::error::Error;

const LOG_BEGAN: &str = statement(include_str!("../../queries/log_began.sql"));

/// Step of a line.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// Version, from 1 without gaps.
    pub version: u32,
    /// Statements. They change the schema, so that programs with the file open notice.
    pub sql: &'static str,
}

/// Schema line, versioned by its row in `queue_schema`.
#[derive(Clone, Copy, Debug)]
pub struct SchemaLine {
    /// Name in `queue_schema.line`.
    pub name: &'static str,
    /// Steps, oldest first.
    pub migrations: &'static [Migration],
    /// True if its first step gives the file to another engine. Opening takes that step only in a
    /// file without a queue; elsewhere it is a promotion, which the user asks for.
    pub promotes: bool,
    /// Statement after its steps, with the time as its parameter. It may run again after later steps.
    pub begin: Option<&'static str>,
}

/// Schema that both engines read and write.
pub const CORE: SchemaLine = SchemaLine {
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
        Migration {
            version: 3,
            sql: include_str!("../../schema/sqlite/core/003_holds.sql"),
        },
        Migration {
            version: 4,
            sql: include_str!("../../schema/sqlite/core/004_settings.sql"),
        },
        Migration {
            version: 5,
            sql: include_str!("../../schema/sqlite/core/005_ageing.sql"),
        },
        Migration {
            version: 6,
            sql: include_str!("../../schema/sqlite/core/006_usage.sql"),
        },
    ],
    promotes: false,
    begin: None,
};

/// Additional schema of workflow-queue.
pub const WORKFLOW: SchemaLine = SchemaLine {
    name: "workflow",
    migrations: &[
        Migration {
            version: 1,
            sql: include_str!("../../schema/sqlite/workflow/001_workflow.sql"),
        },
        Migration {
            version: 2,
            sql: include_str!("../../schema/sqlite/workflow/002_schedules.sql"),
        },
        Migration {
            version: 3,
            sql: include_str!("../../schema/sqlite/workflow/003_events.sql"),
        },
        Migration {
            version: 4,
            sql: include_str!("../../schema/sqlite/workflow/004_rollups.sql"),
        },
        Migration {
            version: 5,
            sql: include_str!("../../schema/sqlite/workflow/005_alerts.sql"),
        },
        Migration {
            version: 6,
            sql: include_str!("../../schema/sqlite/workflow/006_hooks.sql"),
        },
        Migration {
            version: 7,
            sql: include_str!("../../schema/sqlite/workflow/007_dead_letters.sql"),
        },
    ],
    promotes: true,
    begin: Some(LOG_BEGAN),
};

impl SchemaLine {
    /// Newest version this program knows.
    pub fn newest(&self) -> u32 {
        self.migrations.last().map_or(0, |last| last.version)
    }
}

/// Schema line in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedLine {
    /// Name, possibly of a line that this program does not know.
    pub name: String,
    /// Newest step in the file.
    pub version: u32,
}

/// Schema line that is newer than the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Newer {
    line: &'static str,
    version: u32,
    known: u32,
}

impl Newer {
    /// The line, if the file's version of it is newer.
    pub(super) fn of(line: &SchemaLine, version: u32) -> Option<Self> {
        let known = line.newest();
        (version > known).then_some(Self {
            line: line.name,
            version,
            known,
        })
    }

    /// Error of every write, and of opening the file at `path`.
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
