//! Migration lines: numbered SQL files, applied in order, each in one transaction.

/// One step of a line.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// From 1, without gaps.
    pub version: u32,
    /// The statements.
    pub sql: &'static str,
}

/// A schema line, versioned by its row in `queue_schema`.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Its name in `queue_schema.line`.
    pub name: &'static str,
    /// Its steps, oldest first.
    pub migrations: &'static [Migration],
}

/// What both engines read and write.
pub const CORE: Line = Line {
    name: "core",
    migrations: &[Migration {
        version: 1,
        sql: include_str!("../../schema/sqlite/core/001_core.sql"),
    }],
};
