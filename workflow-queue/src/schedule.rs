//! Schedules: tasks enqueued at given times, each exactly once.
//!
//! Any worker of the file fires them, in the transaction that enqueues the task. [`spec`] has their
//! times, [`cron`] the expressions; `policy` decides about missed slots and `overlap` about those
//! whose predecessor has not ended.

use std::num::NonZeroU32;

use queue_core::clock::Timestamp;

use crate::sqlite::schedules::StoredSchedule;
use crate::workflow_task::WorkflowTask;

pub(crate) mod action;
pub mod cron;
pub mod crontab;
pub mod firing;
mod hash;
pub(crate) mod overlap;
pub mod policy;
pub(crate) mod rows;
mod rules;
pub mod spec;

use spec::Spec;

/// A schedule to add.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NewSchedule {
    /// Its name; 1 to 200 bytes without control characters.
    pub name: String,
    /// Its times and rules.
    pub spec: Spec,
    /// The task that each of its slots enqueues: a command or a handler call, with any setting but
    /// dependencies and a start time.
    pub task: WorkflowTask,
}

impl NewSchedule {
    /// Makes a schedule of that name.
    pub fn new(name: impl Into<String>, spec: Spec, task: impl Into<WorkflowTask>) -> Self {
        Self {
            name: name.into(),
            spec,
            task: task.into(),
        }
    }
}

/// A stored schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Schedule {
    /// Its name.
    pub name: String,
    /// Its times and rules; the reason if this version or this host cannot read them.
    pub spec: std::result::Result<Spec, String>,
    /// Its task; the reason if this version cannot read it.
    pub task: std::result::Result<WorkflowTask, String>,
    /// Number of its edits, from 1.
    pub revision: i64,
    /// Time at which it was added.
    pub added_at: Timestamp,
    /// The next slot; `None` once it has ended.
    pub next_slot: Option<Timestamp>,
    /// Time at which the next slot fires; `None` while nothing is to fire.
    pub next_at: Option<Timestamp>,
    /// The newest slot that fired or was recorded as skipped.
    pub last_slot: Option<Timestamp>,
    /// Time up to which nothing fires any more.
    pub floor: Timestamp,
    /// Time of its pause, if it is paused.
    pub paused_at: Option<Timestamp>,
    /// Reason for which a worker set it aside, if one did.
    pub trouble: Option<String>,
    /// Number of its firings.
    pub fired: u64,
}

impl Schedule {
    pub(crate) fn read(row: StoredSchedule) -> Self {
        Self {
            spec: Spec::from_row(&row.name, &row.spec).map_err(|error| error.to_string()),
            task: action::from_row(&row.action).map_err(|error| error.to_string()),
            name: row.name,
            revision: row.revision,
            added_at: row.added_at,
            next_slot: row.next_slot,
            next_at: row.next_at,
            last_slot: row.last_slot,
            floor: row.floor,
            paused_at: row.paused_at,
            trouble: row.trouble,
            fired: row.fired,
        }
    }
}

/// A schedule with its newest records.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overview {
    /// The schedule.
    pub schedule: Schedule,
    /// Its newest slot that fired.
    pub fired: Option<firing::Firing>,
    /// Its newest range of slots that did not fire.
    pub skipped: Option<firing::Firing>,
}

/// A range of past slots to fire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backfill {
    /// The first time.
    pub from: Timestamp,
    /// The last time.
    pub until: Timestamp,
    /// Number of its tasks that may run at once.
    pub concurrency: NonZeroU32,
    /// True if slots that fired before fire again.
    pub again: bool,
}

impl Backfill {
    /// Fires the slots between these times that have not fired, one after the other.
    pub fn new(from: Timestamp, until: Timestamp) -> Self {
        Self {
            from,
            until,
            concurrency: NonZeroU32::MIN,
            again: false,
        }
    }

    /// Sets the number of its tasks that may run at once.
    #[must_use]
    pub fn concurrency(mut self, concurrency: NonZeroU32) -> Self {
        self.concurrency = concurrency;
        self
    }

    /// Sets if slots that fired before fire again.
    #[must_use]
    pub fn again(mut self, again: bool) -> Self {
        self.again = again;
        self
    }
}
