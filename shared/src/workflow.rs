//! What a dependency demands of the task it names, and when that holds. Pure.

use std::fmt;

use crate::ids::TaskId;
use crate::state::State;

/// What the end of a task must be like for its dependent to start. The discriminant is the code in
/// `queue_dependencies.condition`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Condition {
    /// It succeeded.
    #[default]
    Success = 0,
    /// It failed.
    Failure = 1,
    /// It ended, however.
    Any = 2,
}

/// An edge as stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// The task that waits.
    pub dependent: TaskId,
    /// What it waits for.
    pub on: TaskId,
    /// How that has to end.
    pub condition: Condition,
}

/// How an edge stands, given the state of the task depended on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The task has not ended.
    Open,
    /// The condition holds.
    Met,
    /// The condition can no longer hold: the dependent is skipped.
    Impossible,
}

impl Condition {
    /// Every condition.
    pub const ALL: [Self; 3] = [Self::Success, Self::Failure, Self::Any];

    /// The code stored in the database.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// The condition of a stored code; `None` for a code this program does not know.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|condition| condition.code() == code)
    }

    /// The word shown and accepted everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Any => "any",
        }
    }

    /// The condition of a word, as [`as_str`](Self::as_str) gives it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|condition| condition.as_str() == word)
    }

    /// How an edge with this condition stands while the task depended on is in `state`. A failure
    /// is nothing but `failed`: what was cancelled or skipped did not fail.
    pub const fn standing(self, state: State) -> Standing {
        if !state.is_terminal() {
            return Standing::Open;
        }
        let met = match self {
            Self::Success => matches!(state, State::Succeeded),
            Self::Failure => matches!(state, State::Failed),
            Self::Any => true,
        };
        if met {
            Standing::Met
        } else {
            Standing::Impossible
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::{Condition, Standing};
    use crate::state::State;

    #[test]
    fn codes_and_words_lead_back_to_their_condition() {
        for condition in Condition::ALL {
            assert_eq!(Condition::from_code(condition.code()), Some(condition));
            assert_eq!(Condition::parse(condition.as_str()), Some(condition));
        }
        assert_eq!(format!("{:>8}|", Condition::Any), "     any|");
        assert_eq!(Condition::from_code(3), None);
        assert_eq!(Condition::parse("succeeded"), None);
    }

    #[test]
    fn an_edge_is_open_exactly_until_its_task_ends() {
        for condition in Condition::ALL {
            for state in State::ALL {
                let open = condition.standing(state) == Standing::Open;
                assert_eq!(open, !state.is_terminal(), "{condition} {state}");
            }
        }
    }

    #[test]
    fn each_end_meets_its_own_conditions() {
        use Standing::{Impossible, Met};
        let standings = |state| Condition::ALL.map(|condition| condition.standing(state));
        assert_eq!(standings(State::Succeeded), [Met, Impossible, Met]);
        assert_eq!(standings(State::Failed), [Impossible, Met, Met]);
        assert_eq!(standings(State::Cancelled), [Impossible, Impossible, Met]);
        assert_eq!(standings(State::Skipped), [Impossible, Impossible, Met]);
    }
}
