//! Outcomes that were recorded recently. If a database is deleted, or another is moved over it,
//! outcomes recorded before the worker notices are lost.

use std::collections::VecDeque;

use crate::clock::BootTime;
use crate::error::Error;
use crate::queue::LOOK_INTERVAL;
use crate::runtime::protocol::Unrecorded;

/// Outcomes that were recorded since the last check that found the database in its place.
#[derive(Debug, Default)]
pub(super) struct RecentOutcomes {
    recorded: VecDeque<(BootTime, Unrecorded)>,
    /// Start time of the check whose answer is awaited.
    asked_at: BootTime,
    is_lost: bool,
}

impl RecentOutcomes {
    /// Adds an outcome whose settle was answered at `at`.
    pub(super) fn recorded(&mut self, at: BootTime, task: Unrecorded) {
        self.recorded.push_back((at, task));
    }

    /// Notes the start of a check.
    pub(super) fn asked(&mut self, at: BootTime) {
        self.asked_at = at;
    }

    /// Notes that the check found the database in its place. Its answer may come from another check
    /// a short time before.
    pub(super) fn found(&mut self) {
        let is_safe = |(at, _): &(BootTime, Unrecorded)| at.after(LOOK_INTERVAL) <= self.asked_at;
        while self.recorded.front().is_some_and(is_safe) {
            self.recorded.pop_front();
        }
    }

    /// Takes in an error. It may mean that the database is gone.
    pub(super) fn refused(&mut self, error: &Error) {
        self.is_lost |= matches!(error, Error::Gone { is_lost: true, .. });
    }

    /// Returns the outcomes that are lost with the database.
    pub(super) fn lost(&self) -> impl Iterator<Item = Unrecorded> {
        let lost = self.recorded.iter().filter(|_| self.is_lost);
        lost.map(|(_, task)| task.clone())
    }
}
