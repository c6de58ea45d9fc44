//! `cancel`, and what follows from it.

use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::{rows, statement, write};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::OptionalExtension;

use super::slice::{SqliteSlice, Writing};
use crate::slice::{Slice as _, TaskRow};

pub(super) const STATE_AND_LIMIT: &str =
    statement(include_str!("../../queries/state_and_limit.sql"));

impl SqliteSlice<'_> {
    /// A task's row.
    pub(super) fn row(&self, id: TaskId) -> Result<Option<TaskRow>> {
        let mut query = self.connection.prepare_cached(STATE_AND_LIMIT)?;
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
        let change = write::cancel(self.slice.connection, id, self.now().wall)?;
        if let Some(row) = waiting {
            self.freed.extend(row.limit_key);
            self.slice.wait_no_more(id)?;
            self.ended(&[(id, State::Cancelled)])?;
        }
        Ok(change)
    }
}
