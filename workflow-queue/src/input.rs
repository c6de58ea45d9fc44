//! What a task depends on.

use queue_core::output::Output;
use queue_core::task::Task;
use queue_core::workflow::Condition;

/// What a task depends on, as its dependent may read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The task depended on.
    pub task: Task,
    /// How it had to end.
    pub condition: Condition,
    /// What its last attempt wrote, if anything.
    pub output: Option<Output>,
}
