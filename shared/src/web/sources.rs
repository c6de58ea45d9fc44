//! Parts of the pages that only one engine can fill.

use super::hook_source::{HookSource, SetPaused};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::WorkerId;
use crate::journal::{Cursor, EventFilter, OlderEvents};
use crate::state::State;
use crate::task::TaskId;
use crate::usage::Usage;

/// Function that reads all rows of a kind.
pub type Read<Q, Row> = fn(&Q) -> Result<Vec<Row>>;

/// Function that reads the rows of a task.
pub type ReadOf<Q, Row> = fn(&Q, TaskId) -> Result<Vec<Row>>;

/// Function that reads so many events of a filter at or before a position, or the last ones.
pub type ReadEvents<Q> = fn(&Q, &EventFilter, Option<Cursor>, usize) -> Result<OlderEvents>;

/// Function that reads the schedule of a name with its history, if there is one.
pub type ReadSchedule<Q> = fn(&Q, &str) -> Result<Option<ScheduleHistory>>;

/// Functions that read and change schedules.
#[derive(Debug)]
#[non_exhaustive]
pub struct ScheduleSource<Q> {
    /// All schedules, by name.
    pub all: Read<Q, ScheduleRow>,
    /// The schedule of that name with its history, if there is one.
    pub one: ReadSchedule<Q>,
    /// Enqueues the task of a schedule now, and returns its id.
    pub run: fn(&Q, &str) -> Result<TaskId>,
    /// Stops (`true`) or resumes (`false`) a schedule.
    pub set_paused: SetPaused<Q>,
}

impl<Q> ScheduleSource<Q> {
    /// Schedules that are read so, the second function by name. They are run and paused by the last ones.
    pub fn new(
        (all, one): (Read<Q, ScheduleRow>, ReadSchedule<Q>),
        run: fn(&Q, &str) -> Result<TaskId>,
        set_paused: SetPaused<Q>,
    ) -> Self {
        Self {
            all,
            one,
            run,
            set_paused,
        }
    }
}

/// Functions that read parts of the pages that only one engine knows. A page without a source is
/// left out, except that of the events, which says that there are none.
#[non_exhaustive]
pub struct Sources<Q> {
    /// Ended attempts of a task, the oldest first.
    pub attempts: Option<ReadOf<Q, AttemptRow>>,
    /// All limits.
    pub limits: Option<Read<Q, LimitRow>>,
    /// The schedules.
    pub schedules: Option<ScheduleSource<Q>>,
    /// The event log.
    pub events: Option<ReadEvents<Q>>,
    /// The hooks.
    pub hooks: Option<HookSource<Q>>,
}

impl<Q> Sources<Q> {
    /// No sources: the pages show what every engine has.
    pub fn new() -> Self {
        Self {
            attempts: None,
            limits: None,
            schedules: None,
            events: None,
            hooks: None,
        }
    }

    /// Sets the source of attempts.
    #[must_use]
    pub fn attempts(mut self, read: ReadOf<Q, AttemptRow>) -> Self {
        self.attempts = Some(read);
        self
    }

    /// Sets the source of limits.
    #[must_use]
    pub fn limits(mut self, read: Read<Q, LimitRow>) -> Self {
        self.limits = Some(read);
        self
    }

    /// Sets the source of schedules.
    #[must_use]
    pub fn schedules(mut self, schedules: ScheduleSource<Q>) -> Self {
        self.schedules = Some(schedules);
        self
    }

    /// Sets the source of events.
    #[must_use]
    pub fn events(mut self, read: ReadEvents<Q>) -> Self {
        self.events = Some(read);
        self
    }

    /// Sets the source of hooks.
    #[must_use]
    pub fn hooks(mut self, hooks: HookSource<Q>) -> Self {
        self.hooks = Some(hooks);
        self
    }
}

impl<Q> Default for Sources<Q> {
    fn default() -> Self {
        Self::new()
    }
}

impl<Q> std::fmt::Debug for Sources<Q> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sources")
            .field("attempts", &self.attempts.is_some())
            .field("limits", &self.limits.is_some())
            .field("schedules", &self.schedules.is_some())
            .field("events", &self.events.is_some())
            .field("hooks", &self.hooks.is_some())
            .finish()
    }
}

/// Ended attempt of a task.
#[derive(Clone, Debug)]
pub struct AttemptRow {
    /// Number, from 1.
    pub attempt: u32,
    /// State of the task after it.
    pub state: State,
    /// Time of its start.
    pub started_at: Timestamp,
    /// Time of its end.
    pub finished_at: Timestamp,
    /// Worker that ran it.
    pub worker: WorkerId,
    /// Reason it did not succeed, in a few words.
    pub ending: String,
    /// Resources that its command used.
    pub usage: Usage,
}

/// Limit of a queue or a key.
#[derive(Clone, Debug)]
pub struct LimitRow {
    /// True if it is that of a queue, false if that of a key.
    pub is_queue: bool,
    /// Name of the queue, or the key as text.
    pub name: String,
    /// Number of tasks that may run at once, if there is a bound.
    pub concurrency: Option<u32>,
    /// Starts per period, if there is a bound: `100/1m`.
    pub rate: Option<String>,
    /// Number of tasks that run under it.
    pub running: u64,
    /// Number of tasks that wait under it.
    pub waiting: u64,
    /// True if there may be more that wait.
    pub is_capped: bool,
}

/// Schedule.
#[derive(Clone, Debug)]
pub struct ScheduleRow {
    /// Name.
    pub name: String,
    /// Times at which it fires, as a person writes them.
    pub times: String,
    /// Time zone of the times.
    pub zone: String,
    /// Next firing; `None` if there is none.
    pub next_at: Option<Timestamp>,
    /// Reason why there is no next firing: paused, set aside or ended.
    pub standing: Option<&'static str>,
    /// True if it is paused.
    pub is_paused: bool,
    /// Newest time that fired, and its task.
    pub last: Option<(Timestamp, Option<TaskId>)>,
    /// Command or handler of its tasks.
    pub command: String,
}

/// Schedule with its next times and its history.
#[derive(Clone, Debug)]
pub struct ScheduleHistory {
    /// The schedule.
    pub row: ScheduleRow,
    /// Its rules, each with its name: what happens to missed and to overlapping slots, and the like.
    pub rules: Vec<(&'static str, String)>,
    /// Reason for which it was set aside.
    pub trouble: Option<String>,
    /// The next slots; none while it is paused or set aside.
    pub next: Vec<Timestamp>,
    /// Slots that fired and ranges that did not, the newest first.
    pub firings: Vec<FiringRow>,
    /// Its newest tasks, also those that somebody ran by hand, the newest first.
    pub tasks: Vec<TaskId>,
}

/// Slot that fired, or a range of slots that did not.
#[derive(Clone, Debug)]
pub struct FiringRow {
    /// The slot, or the first of the range.
    pub slot: Timestamp,
    /// Last slot of a range.
    pub until: Option<Timestamp>,
    /// Its task, if it fired.
    pub task: Option<TaskId>,
    /// Reason for which it did not fire, in a few words, and the task that caused it.
    pub skipped: Option<(&'static str, Option<TaskId>)>,
}
