//! Counts of all tasks, by state.

use crate::clock::Timestamp;
use crate::state::State;

/// Number of tasks in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Counts, indexed by a state's code.
    pub by_state: [u64; 8],
    /// Number of held tasks, which are among the blocked ones.
    pub held: u64,
    /// Time at which the next scheduled task comes due.
    pub next_due: Option<Timestamp>,
}

impl Stats {
    /// Number of tasks in `state`.
    pub fn count(&self, state: State) -> u64 {
        self.by_state[state as usize]
    }

    /// Number of tasks in all states.
    pub fn total(&self) -> u64 {
        self.by_state.iter().sum()
    }
}
