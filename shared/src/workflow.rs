//! Conditions of dependencies. Pure functions.

use std::fmt;

use crate::ids::TaskId;
use crate::state::State;

/// Condition on the end of a task for its dependent to start. The discriminant is the code in
/// `queue_dependencies.condition`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Condition {
    /// The task succeeded.
    #[default]
    Success = 0,
    /// The task failed.
    Failure = 1,
    /// The task ended, in any state.
    Any = 2,
}

/// Stored edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edge {
    /// Task that waits.
    pub dependent: TaskId,
    /// Task it waits for.
    pub on: TaskId,
    /// Condition on the end of that task.
    pub condition: Condition,
}

/// State of an edge, given the state of the task depended on.
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

    /// Code in the database.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// Condition of a stored code; `None` for a code this program does not know.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|condition| condition.code() == code)
    }

    /// Word shown and accepted everywhere.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Any => "any",
        }
    }

    /// Condition of a word, as [`as_str`](Self::as_str) gives it.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|condition| condition.as_str() == word)
    }

    /// State of an edge with this condition while the task depended on is in `state`. Only `failed`
    /// is a failure: a cancelled or skipped task did not fail.
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
