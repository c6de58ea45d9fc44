//! The record of an attempt.

use queue_core::Usage;
use queue_core::claim::WorkerId;
use queue_core::clock::Timestamp;
use queue_core::journal::{Event, EventKind};
use queue_core::outcome::Reason;
use queue_core::state::State;
use queue_core::task::TaskId;

/// One attempt, recorded when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attempt {
    /// The attempt's number, from 1. An attempt that ended with its worker does not raise it.
    pub attempt: u32,
    /// The fencing token of the claim.
    pub token: i64,
    /// The worker that ran it.
    pub worker: WorkerId,
    /// Start of the claim.
    pub started_at: Timestamp,
    /// Time at which the worker settled it, or another worker gave it up.
    pub finished_at: Timestamp,
    /// State of the task after the attempt.
    pub state: State,
    /// Exit code of the command.
    pub exit_code: Option<i32>,
    /// Signal that ended the command.
    pub signal: Option<i32>,
    /// Reason it did not succeed.
    pub reason: Option<Reason>,
    /// Message of the handler, or of the failed start of the command.
    pub message: Option<String>,
    /// The end of its output; kept only if the attempt did not succeed.
    pub tail: Option<Vec<u8>>,
    /// Resources that its command used. A worker that died has not told them.
    pub usage: Usage,
}

impl Attempt {
    /// The attempt as an event, of a task whose attempts are older than the log.
    pub(crate) fn into_event(self, task: TaskId) -> Event {
        let kind = match self.state {
            State::Succeeded => EventKind::Succeeded,
            State::Failed => EventKind::Failed,
            State::Cancelled => EventKind::Cancelled,
            State::Skipped => EventKind::Skipped,
            State::Scheduled | State::Blocked | State::Queued | State::Running | _ => {
                if self.reason == Some(Reason::Crash) {
                    EventKind::Crashed
                } else {
                    EventKind::Retrying
                }
            }
        };
        let mut event = Event::new(kind, self.finished_at);
        event.task = Some(task);
        event.token = Some(self.token);
        event.attempt = Some(self.attempt);
        event.worker = Some(self.worker);
        event.was = Some(State::Running);
        event.state = Some(self.state);
        event.since = Some(self.started_at);
        event.exit_code = self.exit_code;
        event.signal = self.signal;
        event.reason = self.reason;
        event.message = self.message;
        event.tail = self.tail;
        (event.cpu_us, event.rss_kb) = (self.usage.cpu_us, self.usage.rss_kb);
        event
    }
}
