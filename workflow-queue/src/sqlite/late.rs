//! Late: the statements about waiting tasks past their deadline.

use queue_core::error::Result;
use queue_core::outcome::Reason;
use queue_core::sqlite::rows;
use queue_core::task::TaskId;

use super::statements::{LATE, LATE_FAIL};
use super::transaction::SqliteSlice;
use crate::slice::Late;

impl SqliteSlice<'_> {
    pub(super) fn late_tasks(&self) -> Result<Vec<Late>> {
        rows::all(self.connection, LATE, [self.now.wall.0], |row| {
            Ok(Late {
                task: TaskId(row.get(0)?),
                deadline_at: rows::time(row, 1)?,
                limit_key: row.get(2)?,
            })
        })
    }

    pub(super) fn fail_waiting(&self, task: TaskId, reason: Reason) -> Result<()> {
        let mut update = self.connection.prepare_cached(LATE_FAIL)?;
        update.execute((task.0, reason.code(), self.now.wall.0))?;
        Ok(())
    }
}
