//! Parts of the pages that only one engine can fill.

use crate::clock::Timestamp;
use crate::error::Result;
use crate::ids::WorkerId;
use crate::state::State;
use crate::task::TaskId;

/// Function that reads all rows of a kind.
pub type Read<Q, Row> = fn(&Q) -> Result<Vec<Row>>;

/// Function that reads the rows of a task.
pub type ReadOf<Q, Row> = fn(&Q, TaskId) -> Result<Vec<Row>>;

/// Functions that read parts of the pages that only one engine knows. A page without a source is
/// left out.
#[non_exhaustive]
pub struct Sources<Q> {
    /// Ended attempts of a task, the oldest first.
    pub attempts: Option<ReadOf<Q, AttemptRow>>,
    /// All limits.
    pub limits: Option<Read<Q, LimitRow>>,
    /// All schedules, by name.
    pub schedules: Option<Read<Q, ScheduleRow>>,
}

impl<Q> Sources<Q> {
    /// No sources: the pages show what every engine has.
    pub fn new() -> Self {
        Self {
            attempts: None,
            limits: None,
            schedules: None,
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
    pub fn schedules(mut self, read: Read<Q, ScheduleRow>) -> Self {
        self.schedules = Some(read);
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
    /// Newest time that fired, and its task.
    pub last: Option<(Timestamp, Option<TaskId>)>,
    /// Command or handler of its tasks.
    pub command: String,
}
