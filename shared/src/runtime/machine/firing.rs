//! Time of the next firing of a schedule, as far as the worker knows.

use crate::clock::{BootTime, Now, Timestamp};

use super::DUE_PAUSE;

/// Time of the next firing. A worker that drains never fires.
#[derive(Debug)]
pub(super) struct NextFiring {
    at: Option<Timestamp>,
    /// True if the file may hold an earlier time.
    ask: bool,
    /// Earliest time of the next call.
    from: BootTime,
    drains: bool,
}

impl NextFiring {
    pub(super) fn new(drains: bool, now: Now) -> Self {
        Self {
            at: None,
            ask: true,
            from: now.boot,
            drains,
        }
    }

    /// Takes in a time that another call has read by the way.
    pub(super) fn heard(&mut self, at: Option<Timestamp>) {
        self.at = self.at.into_iter().chain(at).min();
    }

    /// Has the file asked again.
    pub(super) fn ask(&mut self) {
        self.ask = true;
    }

    /// Takes in the answer to a call.
    pub(super) fn fired(&mut self, now: Now, next: Option<Timestamp>) {
        self.at = next;
        self.from = now.boot.after(DUE_PAUSE);
    }

    /// Takes in a refusal: the call is repeated once that time has come.
    pub(super) fn refused(&mut self, until: BootTime) {
        self.ask = true;
        self.from = until;
    }

    /// True if the schedules are to be fired now.
    pub(super) fn is_due(&mut self, now: Now) -> bool {
        let is_due = !self.drains
            && self.from <= now.boot
            && (self.ask || self.at.is_some_and(|at| at <= now.wall));
        self.ask &= !is_due;
        is_due
    }

    /// Time at which the next call is due.
    pub(super) fn wake_at(&self, now: Now) -> Option<BootTime> {
        if self.drains {
            return None;
        }
        if self.ask {
            return Some(self.from);
        }
        self.at.map(|at| now.until(at).max(self.from))
    }
}
