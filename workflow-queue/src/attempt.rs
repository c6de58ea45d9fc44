//! An attempt as recorded.

use queue_core::claim::WorkerId;
use queue_core::clock::Timestamp;
use queue_core::outcome::Reason;
use queue_core::state::State;

/// One attempt as recorded when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Its number, from 1; the crash of a worker does not count on.
    pub attempt: u32,
    /// The claim's fencing token.
    pub token: i64,
    /// Who ran it.
    pub worker: WorkerId,
    /// When its claim began.
    pub started_at: Timestamp,
    /// When it was settled or given up.
    pub finished_at: Timestamp,
    /// What the task became.
    pub state: State,
    /// Its exit code.
    pub exit_code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// Why it did not succeed.
    pub reason: Option<Reason>,
    /// What a handler or the spawn reported.
    pub message: Option<String>,
    /// The end of what it wrote; kept of attempts that did not succeed.
    pub tail: Option<Vec<u8>>,
}
