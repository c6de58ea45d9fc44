//! Hooks as the pages read and change them.

use std::time::Duration;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::hook::HookStanding;
use crate::task::TaskId;

/// Function that reads all hooks, by name.
pub type ReadHooks<Q> = fn(&Q) -> Result<Vec<HookRow>>;

/// Function that reads so many dead letters of the hook of a name, the oldest first.
pub type ReadLetters<Q> = fn(&Q, &str, u32) -> Result<Vec<LetterRow>>;

/// Function that lets dead letters of the hook of a name be delivered again: the one of that number, or
/// all. It returns their number.
pub type RetryLetters<Q> = fn(&Q, &str, Option<i64>) -> Result<usize>;

/// Function that pauses (`true`) or resumes (`false`) what has that name. It returns true if that changed
/// anything.
pub type SetPaused<Q> = fn(&Q, &str, bool) -> Result<bool>;

/// Functions that read and change hooks.
#[derive(Debug)]
#[non_exhaustive]
pub struct HookSource<Q> {
    /// All hooks, by name.
    pub all: ReadHooks<Q>,
    /// Dead letters of a hook.
    pub letters: ReadLetters<Q>,
    /// Delivers dead letters of a hook again.
    pub retry: RetryLetters<Q>,
    /// Stops (`true`) or resumes (`false`) the deliveries of a hook.
    pub set_paused: SetPaused<Q>,
}

impl<Q> HookSource<Q> {
    /// Hooks that are read so, the second function by name. They are changed by the last ones.
    pub fn new(
        (all, letters): (ReadHooks<Q>, ReadLetters<Q>),
        retry: RetryLetters<Q>,
        set_paused: SetPaused<Q>,
    ) -> Self {
        Self {
            all,
            letters,
            retry,
            set_paused,
        }
    }
}

/// Hook.
#[derive(Clone, Debug)]
pub struct HookRow {
    /// Its name and state.
    pub standing: HookStanding,
    /// Names of the kinds of its events.
    pub events: Vec<&'static str>,
    /// Queues of its events; all if there are none.
    pub queues: Vec<String>,
    /// Its URL without secrets, or its command, as a person reads it.
    pub target: String,
    /// True if deliveries are signed.
    pub is_signed: bool,
    /// Longest time of a delivery.
    pub limit: Duration,
    /// Time at which it was added.
    pub added_at: Timestamp,
    /// Position in the log, as `events --since` takes it.
    pub position: String,
    /// Time of the next try.
    pub next_try_at: Option<Timestamp>,
    /// Time of the last try.
    pub last_at: Option<Timestamp>,
    /// Reason why the last try failed.
    pub last_error: Option<String>,
}

/// Event that a hook gave up.
#[derive(Clone, Debug)]
pub struct LetterRow {
    /// Number.
    pub id: i64,
    /// Time of its last try.
    pub at: Timestamp,
    /// Name of the kind of the event.
    pub kind: String,
    /// Task of the event, if it is about one.
    pub task: Option<TaskId>,
    /// The event as `CloudEvents` 1.0 JSON.
    pub body: String,
    /// Reason why it was not taken.
    pub error: String,
    /// True if it is to be delivered again.
    pub is_wanted: bool,
}
