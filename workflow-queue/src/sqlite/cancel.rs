//! `cancel`, and what follows from it.

use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::{rows, verbs};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::OptionalExtension;

use super::statements::TASK_ROW;
use super::transaction::{SqliteSlice, Writing};
use crate::slice::{Slice as _, TaskRow};

impl SqliteSlice<'_> {
    /// A task's row.
    pub(super) fn row(&self, id: TaskId) -> Result<Option<TaskRow>> {
        let mut query = self.connection.prepare_cached(TASK_ROW)?;
        let found: Option<(i64, Option<Vec<u8>>)> = query
            .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let row = |(state, limit_key)| {
            let state = rows::state(state)?;
            Ok(TaskRow { state, limit_key })
        };
        found.map(row).transpose()
    }
}

impl Writing<'_> {
    /// Cancels tasks.
    pub(super) fn cancel(&mut self, ids: &[TaskId]) -> Result<Vec<Change>> {
        ids.iter().map(|id| self.cancel_one(*id)).collect()
    }

    fn cancel_one(&mut self, id: TaskId) -> Result<Change> {
        let waiting = self.slice.row(id)?.filter(|row| row.state.is_waiting());
        let change = verbs::cancel(self.slice.connection, id, self.now().wall)?;
        if let Some(row) = waiting {
            self.freed.extend(row.limit_key);
            self.slice.wait_no_more(id)?;
            self.ended(&[(id, State::Cancelled)])?;
        }
        Ok(change)
    }
}
