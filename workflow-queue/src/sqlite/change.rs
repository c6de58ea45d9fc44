//! Cancel and retry: what a person or program changes about tasks, and what follows from it.

use std::collections::BTreeSet;

use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::{rows, statement, write};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::OptionalExtension;

use super::edges::{self, Prospect};
use super::writing::Writing;

const STATE_AND_LIMIT: &str = statement(include_str!("../../queries/state_and_limit.sql"));
const REOPEN: &str = statement(include_str!("../../queries/reopen.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("reopen", REOPEN)];

impl Writing<'_> {
    /// Calls tasks off.
    pub(super) fn cancel(&mut self, ids: &[TaskId]) -> Result<Vec<Change>> {
        ids.iter().map(|id| self.cancel_one(*id)).collect()
    }

    fn cancel_one(&mut self, id: TaskId) -> Result<Change> {
        let waited = self.find(id)?.is_some_and(|(state, _)| state.is_waiting());
        let change = write::cancel(self.connection, id, self.now.wall)?;
        if waited {
            self.note_freed(id)?;
            self.waits_no_more(id)?;
            self.ended(id, State::Cancelled)?;
        }
        Ok(change)
    }

    /// Re-opens ended tasks, in the order of their ids, so that one which waits for another of them
    /// finds that one open.
    pub(super) fn retry(&mut self, ids: &[TaskId], downstream: bool) -> Result<Vec<Change>> {
        let mut reopened = BTreeSet::new();
        let mut left = BTreeSet::new();
        for id in ids {
            let found = self.find(*id)?;
            if found.is_some_and(|(state, _)| state.is_terminal()) {
                left.insert(*id);
            }
        }
        loop {
            let mut progress = BTreeSet::new();
            for id in &left {
                if self.reopen(*id)? {
                    progress.insert(*id);
                }
            }
            if progress.is_empty() {
                break;
            }
            left.retain(|id| !progress.contains(id));
            if downstream {
                self.reopen_skipped(&progress)?;
            }
            reopened.append(&mut progress);
        }
        ids.iter()
            .map(|id| {
                let Some((state, _)) = self.find(*id)? else {
                    return Ok(Change::NotFound);
                };
                // What was skipped below another of them was re-opened with that.
                let ended = reopened.contains(id) || left.contains(id);
                Ok(if ended && state.is_waiting() {
                    Change::Done(state)
                } else {
                    Change::Refused(state)
                })
            })
            .collect()
    }

    /// Re-opens what was skipped because of re-opened tasks, and so on down. A task with several
    /// reasons is looked at again with each of them.
    fn reopen_skipped(&mut self, reopened: &BTreeSet<TaskId>) -> Result<()> {
        let mut work: Vec<TaskId> = reopened.iter().copied().collect();
        while let Some(task) = work.pop() {
            for dependent in edges::skipped_dependents(self.connection, task)? {
                if self.reopen(dependent)? {
                    work.push(dependent);
                }
            }
        }
        Ok(())
    }

    /// Re-opens a task that did not succeed, unless its dependencies forbid that.
    fn reopen(&mut self, id: TaskId) -> Result<bool> {
        let Some((state, limit_key)) = self.find(id)? else {
            return Ok(false);
        };
        if !matches!(state, State::Failed | State::Cancelled | State::Skipped) {
            return Ok(false);
        }
        let Prospect::Waits(pending) = edges::prospect(self.connection, id, state)? else {
            return Ok(false);
        };
        let next = if pending > 0 {
            State::Blocked
        } else {
            self.waiting_state(None, limit_key)
        };
        self.connection.prepare_cached(REOPEN)?.execute((
            id.0,
            next.code(),
            pending > 0,
            self.now.wall.0,
        ))?;
        // It may have been given a time to start or end in, for which the next claim must look.
        self.effects.scheduled = true;
        if pending > 0 {
            self.waits(id, pending)?;
        }
        self.unended(id, state)?;
        Ok(true)
    }

    fn find(&self, id: TaskId) -> Result<Option<(State, Option<Vec<u8>>)>> {
        let mut query = self.connection.prepare_cached(STATE_AND_LIMIT)?;
        let found: Option<(i64, Option<Vec<u8>>)> = query
            .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        found
            .map(|(state, key)| Ok((rows::state(state)?, key)))
            .transpose()
    }
}
