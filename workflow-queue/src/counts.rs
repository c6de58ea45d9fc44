//! Number of tasks by state, at an earlier time.

use queue_core::state::State;

/// Number of tasks in each state at some time. The log does not tell in which way a task waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Waiting: scheduled, blocked or queued.
    pub waiting: i64,
    /// Running.
    pub running: i64,
    /// Succeeded.
    pub succeeded: i64,
    /// Failed.
    pub failed: i64,
    /// Cancelled.
    pub cancelled: i64,
    /// Skipped.
    pub skipped: i64,
}

impl Counts {
    /// Adds tasks to the number of a state.
    pub(crate) fn add(&mut self, state: Option<State>, tasks: i64) {
        let count = match state {
            Some(State::Scheduled | State::Blocked | State::Queued) => &mut self.waiting,
            Some(State::Running) => &mut self.running,
            Some(State::Succeeded) => &mut self.succeeded,
            Some(State::Failed) => &mut self.failed,
            Some(State::Cancelled) => &mut self.cancelled,
            Some(State::Skipped) => &mut self.skipped,
            None | Some(_) => return,
        };
        *count += tasks;
    }
}
