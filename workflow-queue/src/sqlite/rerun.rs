//! Rerun: the rows of copies.

use queue_core::error::Result;
use queue_core::sqlite::verbs;
use queue_core::task::TaskId;

use super::statements::RERUN;
use super::transaction::SqliteSlice;
use crate::slice::{NewCopy, Slice as _};

impl SqliteSlice<'_> {
    /// Inserts a copy of a stored task.
    pub(super) fn insert_copy(&mut self, copy: &NewCopy) -> Result<TaskId> {
        let now = self.now.wall;
        self.connection.prepare_cached(RERUN)?.execute((
            copy.task.0,
            copy.state.code(),
            now.0,
            copy.pending > 0,
            copy.depends,
        ))?;
        let id = TaskId(self.connection.last_insert_rowid());
        if copy.pending > 0 {
            self.wait(id, copy.pending)?;
        }
        if copy.held {
            verbs::add_hold(self.connection, id, now)?;
        }
        Ok(id)
    }
}
