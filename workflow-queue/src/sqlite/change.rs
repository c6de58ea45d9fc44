//! Cancel and retry: what a person or program changes about tasks, and what follows from it.

use std::collections::BTreeSet;

use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::{rows, statement, write};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::OptionalExtension;

use super::edges::{self, Prospect};
use super::link;
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

    /// Re-opens ended tasks. One that waits for another of them can be only after that: it is tried
    /// again when that is re-opened.
    pub(super) fn retry(&mut self, ids: &[TaskId], downstream: bool) -> Result<Vec<Change>> {
        let mut ended = BTreeSet::new();
        for id in ids {
            let found = self.find(*id)?;
            if found.is_some_and(|(state, _)| state.is_terminal()) {
                ended.insert(*id);
            }
        }
        let mut reopened = Vec::new();
        for id in &ended {
            let mut work = vec![*id];
            while let Some(task) = work.pop() {
                if self.reopen(task)? {
                    work.extend(self.to_follow(task, &ended, downstream)?);
                    reopened.push(task);
                }
            }
        }
        if reopened.len() > 1 {
            for id in reopened {
                self.hold_back(id)?;
            }
        }
        ids.iter()
            .map(|id| {
                let Some((state, _)) = self.find(*id)? else {
                    return Ok(Change::NotFound);
                };
                // What was skipped below another of them was re-opened with that.
                Ok(if ended.contains(id) && state.is_waiting() {
                    Change::Done(state)
                } else {
                    Change::Refused(state)
                })
            })
            .collect()
    }

    /// A re-opened task waits for all that is open now, also for what was re-opened after it: in
    /// whatever order they are, none starts before what it depends on has ended again.
    fn hold_back(&mut self, id: TaskId) -> Result<()> {
        let Some((state, _)) = self.find(id)? else {
            return Ok(());
        };
        match edges::prospect(self.connection, id, state)? {
            Prospect::Waits(0) | Prospect::Never(_) => Ok(()),
            Prospect::Waits(pending) => link::block(self, id, pending),
        }
    }

    /// The dependents of a re-opened task that are to be re-opened now: those that were asked for,
    /// and, `downstream`, what was skipped. One with several reasons is tried with each of them.
    fn to_follow(
        &self,
        task: TaskId,
        asked: &BTreeSet<TaskId>,
        downstream: bool,
    ) -> Result<Vec<TaskId>> {
        if downstream {
            let mut follow = edges::skipped_dependents(self.connection, task)?;
            follow.extend(self.dependents_among(task, asked)?);
            return Ok(follow);
        }
        self.dependents_among(task, asked)
    }

    fn dependents_among(&self, task: TaskId, asked: &BTreeSet<TaskId>) -> Result<Vec<TaskId>> {
        // A single task has no other to wait for.
        if asked.len() < 2 {
            return Ok(Vec::new());
        }
        let dependents = edges::dependents(self.connection, task)?.into_iter();
        let ids = dependents.map(|(dependent, _)| dependent);
        Ok(ids.filter(|dependent| asked.contains(dependent)).collect())
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
        write::retried(self.connection, id)?;
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
