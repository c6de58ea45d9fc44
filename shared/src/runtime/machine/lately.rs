//! Outcomes that were recorded lately. Whoever deletes a database, or moves another one over it, takes
//! along what was recorded before anybody could notice.

use std::collections::VecDeque;

use crate::clock::BootTime;
use crate::error::Error;
use crate::queue::LOOK_INTERVAL;
use crate::runtime::protocol::Unrecorded;

/// Outcomes that were recorded since a look found the database in its place.
#[derive(Debug, Default)]
pub(super) struct Lately {
    recorded: VecDeque<(BootTime, Unrecorded)>,
    /// When the look was asked for whose answer is awaited.
    asked_at: BootTime,
    is_lost: bool,
}

impl Lately {
    /// Takes in an outcome of which the answer came at that time.
    pub(super) fn recorded(&mut self, at: BootTime, task: Unrecorded) {
        self.recorded.push_back((at, task));
    }

    /// Takes in that a look is asked for.
    pub(super) fn asked(&mut self, at: BootTime) {
        self.asked_at = at;
    }

    /// Takes in that the look found the database in its place. The answer may be that of another look a
    /// short time before.
    pub(super) fn found(&mut self) {
        let is_safe = |(at, _): &(BootTime, Unrecorded)| at.after(LOOK_INTERVAL) <= self.asked_at;
        while self.recorded.front().is_some_and(is_safe) {
            self.recorded.pop_front();
        }
    }

    /// Takes in an error, which may be that the database is gone.
    pub(super) fn refused(&mut self, error: &Error) {
        self.is_lost |= matches!(error, Error::Gone { is_lost: true, .. });
    }

    /// Outcomes that are lost with the database.
    pub(super) fn lost(&self) -> impl Iterator<Item = Unrecorded> {
        let lost = self.recorded.iter().filter(|_| self.is_lost);
        lost.map(|(_, task)| task.clone())
    }
}
