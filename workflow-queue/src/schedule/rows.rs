//! The rows of schedules that one write transaction works on.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::task::TaskId;

use super::firing::Firing;
use super::overlap::Unfinished;
use super::spec::Spec;

/// A schedule whose next slot has come.
#[derive(Clone, Debug)]
pub(crate) struct DueSchedule {
    /// Its id.
    pub(crate) id: i64,
    /// Its name.
    pub(crate) name: String,
    /// Its specification and its task, as stored.
    pub(crate) spec: String,
    pub(crate) action: String,
    /// The next slot.
    pub(crate) next: Timestamp,
    /// Time up to which nothing fires any more.
    pub(crate) floor: Timestamp,
    /// Number of firings so far.
    pub(crate) fired: u64,
    /// Lowest id of its tasks that may not have ended.
    pub(crate) open_from: TaskId,
}

/// Position of a schedule after a look at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Advance {
    /// The next slot, and its time with the jitter.
    pub(crate) next: Option<(Timestamp, Timestamp)>,
    /// The newest slot that was fired or recorded, if there was one.
    pub(crate) last_slot: Option<Timestamp>,
    /// Number of firings.
    pub(crate) fired: u64,
    /// Lowest id of its tasks that may not have ended.
    pub(crate) open_from: TaskId,
}

/// The rows of schedules: loads first, then writes.
pub(crate) trait ScheduleRows {
    /// Schedules whose next slot has come; of very many, the first.
    fn due_schedules(&mut self) -> Result<Vec<DueSchedule>>;
    /// The tasks of a schedule from that id on that have not ended.
    fn unfinished(&mut self, schedule: i64, from: TaskId) -> Result<Vec<Unfinished>>;
    /// True if the slot fired before.
    fn has_fired(&mut self, schedule: i64, slot: Timestamp) -> Result<bool>;
    /// The slots between both that fired before, in their order.
    fn fired_between(
        &mut self,
        schedule: i64,
        first: Timestamp,
        last: Timestamp,
    ) -> Result<Vec<Timestamp>>;

    /// Takes slots out of the recorded ranges of those that did not fire.
    fn clear_skipped(
        &mut self,
        schedule: i64,
        spec: &Spec,
        slots: (Timestamp, Timestamp),
    ) -> Result<()>;
    /// Records slots that are in no record.
    fn record_firing(&mut self, schedule: i64, firing: &Firing) -> Result<()>;
    /// Remembers the schedule of a task.
    fn put_scheduled(&mut self, task: TaskId, schedule: i64, slot: Option<Timestamp>)
    -> Result<()>;
    /// Moves a schedule on.
    fn advance(&mut self, schedule: i64, to: &Advance) -> Result<()>;
    /// Sets a schedule aside, with the reason.
    fn set_schedule_aside(&mut self, schedule: i64, why: &str) -> Result<()>;
    /// Forgets firings beyond the newest `most`, and those before `before`. Nothing fires any more up
    /// to the last of them.
    fn prune_firings(&mut self, schedule: i64, most: u32, before: Timestamp) -> Result<()>;
}
