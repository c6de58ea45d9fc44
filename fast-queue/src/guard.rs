//! Check that the file still belongs to fast-queue.

use std::path::Path;
use std::sync::Arc;

use queue_core::error::{Error, Result};
use rusqlite::{Connection, OptionalExtension};

use crate::statements::ENGINE;

/// Latest phase of a promotion to workflow-queue that allows a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// The promotion has not begun: new tasks are accepted.
    Accepting = 0,
    /// The promotion has begun: workers finish or hand back their tasks.
    Finishing = 1,
}

/// Refuses writes to a file that was promoted. It checks inside the write's own transaction.
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

    /// Refuses if the promotion has passed `phase`.
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
