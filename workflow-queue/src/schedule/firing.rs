//! Firings: the slots of a schedule that fired, and those that did not, with the reason.

use queue_core::clock::Timestamp;
use queue_core::task::TaskId;

/// Codes of outcomes in `queue_firings`.
pub(crate) const FIRED: i64 = 0;
pub(crate) const SKIPPED: i64 = 1;

/// Record of a slot that fired, or of a range of slots that did not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Firing {
    /// The slot, or the first of the range.
    pub slot: Timestamp,
    /// The last slot of the range; `slot` for a slot that fired.
    pub until: Timestamp,
    /// Time of the record.
    pub at: Timestamp,
    /// Result.
    pub result: FiringResult,
}

/// Result of a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FiringResult {
    /// Its task was enqueued.
    Fired(TaskId),
    /// It did not fire.
    Skipped(SkipReason),
}

/// Reason for which slots did not fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// No worker ran, and the schedule does not catch up with so many or so old slots.
    Missed,
    /// This earlier task of the schedule had not ended.
    Overlap(TaskId),
    /// The key of the schedule's task was taken by this task.
    KeyTaken(TaskId),
    /// The file was restored from a backup, which does not know what fired since.
    Restored,
    /// The task could not be enqueued.
    Refused,
}

impl SkipReason {
    /// Word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Missed => "missed",
            Self::Overlap(_) => "overlap",
            Self::KeyTaken(_) => "key_taken",
            Self::Restored => "restored",
            Self::Refused => "refused",
        }
    }

    /// The task because of which the slots did not fire.
    pub fn task(self) -> Option<TaskId> {
        match self {
            Self::Overlap(task) | Self::KeyTaken(task) => Some(task),
            Self::Missed | Self::Restored | Self::Refused => None,
        }
    }
}

impl FiringResult {
    /// Codes in `queue_firings`: outcome, reason and task.
    pub(crate) fn to_row(self) -> (i64, Option<i64>, Option<i64>) {
        match self {
            Self::Fired(task) => (FIRED, None, Some(task.0)),
            Self::Skipped(SkipReason::Missed) => (SKIPPED, Some(1), None),
            Self::Skipped(SkipReason::Overlap(task)) => (SKIPPED, Some(2), Some(task.0)),
            Self::Skipped(SkipReason::KeyTaken(task)) => (SKIPPED, Some(3), Some(task.0)),
            Self::Skipped(SkipReason::Restored) => (SKIPPED, Some(4), None),
            Self::Skipped(SkipReason::Refused) => (SKIPPED, Some(5), None),
        }
    }

    /// Result of a stored row; a reason that only a newer version knows counts as missed.
    pub(crate) fn from_row(outcome: i64, reason: Option<i64>, task: Option<i64>) -> Self {
        match (outcome, reason, task.map(TaskId)) {
            (FIRED, _, Some(task)) => Self::Fired(task),
            (_, Some(2), Some(task)) => Self::Skipped(SkipReason::Overlap(task)),
            (_, Some(3), Some(task)) => Self::Skipped(SkipReason::KeyTaken(task)),
            (_, Some(4), _) => Self::Skipped(SkipReason::Restored),
            (_, Some(5), _) => Self::Skipped(SkipReason::Refused),
            _ => Self::Skipped(SkipReason::Missed),
        }
    }
}
