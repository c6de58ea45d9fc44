//! `cancel`, and what follows from it.

use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::{rows, statement, write};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::OptionalExtension;

use super::slice::Writing;
use crate::slice::Slice as _;

const STATE_AND_LIMIT: &str = statement(include_str!("../../queries/state_and_limit.sql"));

impl Writing<'_> {
    /// Cancels tasks.
    pub(super) fn cancel(&mut self, ids: &[TaskId]) -> Result<Vec<Change>> {
        ids.iter().map(|id| self.cancel_one(*id)).collect()
    }

    fn cancel_one(&mut self, id: TaskId) -> Result<Change> {
        let waited = self.find(id)?.is_some_and(|(state, _)| state.is_waiting());
        let change = write::cancel(self.slice.connection, id, self.now().wall)?;
        if waited {
            self.note_freed(id)?;
            self.slice.wait_no_more(id)?;
            self.ended(&[(id, State::Cancelled)])?;
        }
        Ok(change)
    }

    /// A task's state, and the key whose limit it falls under.
    pub(super) fn find(&self, id: TaskId) -> Result<Option<(State, Option<Vec<u8>>)>> {
        let mut query = self.slice.connection.prepare_cached(STATE_AND_LIMIT)?;
        let found: Option<(i64, Option<Vec<u8>>)> = query
            .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        found
            .map(|(state, key)| Ok((rows::state(state)?, key)))
            .transpose()
    }
}
