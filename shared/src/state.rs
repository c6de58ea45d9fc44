//! States of a task, and the transitions that tests hold every engine's verbs to.

use std::fmt;

/// State of a task. The discriminant is the code in `queue_tasks.state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
#[non_exhaustive]
pub enum State {
    /// Its `run_at` is in the future.
    Scheduled = 0,
    /// It waits for dependencies or for a limit, or it is held.
    Blocked = 1,
    /// It can be claimed.
    Queued = 2,
    /// A worker holds a claim on it.
    Running = 3,
    /// It ended well.
    Succeeded = 4,
    /// It is out of attempts or crashes; it is kept until it is retried or pruned.
    Failed = 5,
    /// A person or program cancelled it.
    Cancelled = 6,
    /// An edge condition can no longer hold.
    Skipped = 7,
}

impl State {
    /// Every state, in the order of a task's life.
    pub const ALL: [Self; 8] = [
        Self::Scheduled,
        Self::Blocked,
        Self::Queued,
        Self::Running,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Skipped,
    ];

    /// States of a task that waits.
    pub const WAITING: [Self; 3] = [Self::Scheduled, Self::Blocked, Self::Queued];

    /// States of a task that has not ended, in which it can be cancelled.
    pub const LIVE: [Self; 4] = [Self::Scheduled, Self::Blocked, Self::Queued, Self::Running];

    /// States of a task that has ended.
    pub const TERMINAL: [Self; 4] = [
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
        Self::Skipped,
    ];

    /// States of an ended task that can be retried.
    pub const RETRIABLE: [Self; 3] = [Self::Failed, Self::Cancelled, Self::Skipped];

    /// Code in the database.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// State of a stored code; `None` for a code this program does not know.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.code() == code)
    }

    /// Word shown and accepted everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Blocked => "blocked",
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Skipped => "skipped",
        }
    }

    /// Verb and state, to follow a task's name: `has succeeded`, `is running`.
    pub fn standing(self) -> String {
        let verb = match self {
            Self::Succeeded | Self::Failed => "has",
            Self::Cancelled | Self::Skipped => "was",
            Self::Scheduled | Self::Blocked | Self::Queued | Self::Running => "is",
        };
        format!("{verb} {self}")
    }

    /// State of a word, as [`as_str`](Self::as_str) gives it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// True if the task has ended; only `retry` leads out of such a state.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::Skipped
        )
    }

    /// True if the task waits to be claimed, now or later.
    pub const fn is_waiting(self) -> bool {
        matches!(self, Self::Scheduled | Self::Blocked | Self::Queued)
    }

    /// True if a task may go from this state to `next`. A running task may return to every waiting
    /// state (retry, snooze, hand-back). Only `retry` re-opens a terminal one, and nothing re-opens
    /// a success.
    pub const fn can_become(self, next: Self) -> bool {
        use State::{Blocked, Cancelled, Failed, Queued, Running, Scheduled, Skipped, Succeeded};
        match self {
            Scheduled => matches!(next, Queued | Blocked | Cancelled | Skipped | Failed),
            Blocked => matches!(next, Queued | Scheduled | Cancelled | Skipped | Failed),
            Queued => matches!(
                next,
                Running | Blocked | Scheduled | Cancelled | Skipped | Failed
            ),
            Running => !matches!(next, Running | Skipped),
            Failed | Cancelled | Skipped => matches!(next, Queued | Scheduled | Blocked),
            Succeeded => false,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::State;

    #[test]
    fn codes_and_words_lead_back_to_their_state() {
        for state in State::ALL {
            assert_eq!(State::from_code(state.code()), Some(state));
            assert_eq!(State::parse(state.as_str()), Some(state));
        }
        assert_eq!(format!("{:>10}|", State::Running), "   running|");
        assert_eq!(State::from_code(8), None);
        assert_eq!(State::parse("done"), None);
    }

    #[test]
    fn only_retry_leads_out_of_a_terminal_state() {
        for from in State::ALL.into_iter().filter(|state| state.is_terminal()) {
            for to in State::ALL {
                assert!(
                    !from.can_become(to) || to.is_waiting(),
                    "{from} must not become {to}"
                );
            }
        }
        assert!(
            State::ALL
                .iter()
                .all(|to| !State::Succeeded.can_become(*to))
        );
    }

    #[test]
    fn the_named_sets_agree_with_the_transitions() {
        for state in State::ALL {
            assert_eq!(State::WAITING.contains(&state), state.is_waiting());
            assert_eq!(State::LIVE.contains(&state), !state.is_terminal());
            assert_eq!(State::TERMINAL.contains(&state), state.is_terminal());
            let can_be_retried = state.is_terminal() && state.can_become(State::Queued);
            assert_eq!(State::RETRIABLE.contains(&state), can_be_retried);
        }
    }

    #[test]
    fn running_is_entered_from_queued_alone() {
        for from in State::ALL {
            assert_eq!(from.can_become(State::Running), from == State::Queued);
        }
    }
}
