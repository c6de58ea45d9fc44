//! Results of a change of several tasks.

use super::action::TaskAction;
use super::filter::Filter;
use crate::queue::Change;
use crate::task::TaskId;

/// Result of a change of several tasks.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) action: TaskAction,
    pub(super) changed: u64,
    pub(super) asked: u64,
    pub(super) already: u64,
    pub(super) refused: u64,
    pub(super) missing: u64,
    /// The rest, if the change took long.
    pub(super) left: Option<(Filter, TaskId)>,
    /// The error that ended it early.
    pub(super) failed: Option<String>,
}

impl Done {
    pub(super) fn new(action: TaskAction) -> Self {
        Self {
            action,
            changed: 0,
            asked: 0,
            already: 0,
            refused: 0,
            missing: 0,
            left: None,
            failed: None,
        }
    }

    pub(super) fn add(&mut self, changes: &[Change]) {
        for change in changes {
            let count = match change {
                Change::Done(_) => &mut self.changed,
                Change::Requested(_) => &mut self.asked,
                Change::Already(_) | Change::AlreadyRequested(_) => &mut self.already,
                Change::Refused(_) => &mut self.refused,
                Change::NotFound => &mut self.missing,
            };
            *count += 1;
        }
    }

    /// True if nothing was changed or refused yet.
    pub(super) fn is_empty(&self) -> bool {
        self.changed + self.asked + self.already + self.refused + self.missing == 0
    }

    /// True if every task was changed.
    pub(super) fn is_clean(&self) -> bool {
        self.refused + self.missing == 0 && self.failed.is_none() && self.left.is_none()
    }
}
