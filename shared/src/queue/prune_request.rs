//! Selections of tasks to prune.

use crate::clock::Timestamp;
use crate::state::State;

/// Selection of tasks to prune.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PruneRequest {
    /// Time before which the tasks ended.
    pub finished_before: Timestamp,
    /// Terminal states; all if empty.
    pub states: Vec<State>,
    /// Number of the newest ended tasks that are kept at any age.
    pub keep: u64,
    /// True if tasks are counted and not deleted.
    pub dry_run: bool,
}

impl PruneRequest {
    /// Selects every task that ended before that time.
    pub fn new(finished_before: Timestamp) -> Self {
        Self {
            finished_before,
            states: Vec::new(),
            keep: 0,
            dry_run: false,
        }
    }

    /// Sets the terminal states; all if empty.
    #[must_use]
    pub fn states(mut self, states: impl Into<Vec<State>>) -> Self {
        self.states = states.into();
        self
    }

    /// Sets the number of the newest ended tasks that are kept at any age.
    #[must_use]
    pub fn keep(mut self, keep: u64) -> Self {
        self.keep = keep;
        self
    }

    /// Sets if tasks are counted and not deleted.
    #[must_use]
    pub fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }
}
