//! Whether the file is still fast-queue's.

use std::path::Path;
use std::sync::Arc;

use queue_core::error::{Error, Result};
use rusqlite::{Connection, OptionalExtension};

use crate::statements::ENGINE;

/// How far a promotion to workflow-queue may have come for a write to be allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Not begun: new work is taken on.
    Accepting = 0,
    /// Begun: workers finish or hand back what they have.
    Finishing = 1,
}

/// Refuses writes to a file that was promoted. It looks inside the write's own transaction:
/// `SQLite` re-prepares statements silently after a schema change, so nothing else would stop a
/// program that opened the file before.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    path: Arc<Path>,
}

impl Guard {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// Refuses when the promotion has passed `phase`.
    pub(crate) fn check(&self, connection: &Connection, phase: Phase) -> Result<()> {
        let mut query = connection.prepare_cached(ENGINE)?;
        let engine: Option<i64> = query.query_row([], |row| row.get(0)).optional()?;
        if engine.unwrap_or(0) > phase as i64 {
            return Err(self.promoted());
        }
        Ok(())
    }

    pub(crate) fn promoted(&self) -> Error {
        Error::Promoted {
            path: self.path.to_path_buf(),
        }
    }
}
