//! The dependencies of a task, with their output.

use queue_core::output::Output;
use queue_core::task::Task;
use queue_core::workflow::Condition;

/// A dependency of a task and its output, as the dependent may read them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The task depended on.
    pub task: Task,
    /// Condition on the dependency's end.
    pub condition: Condition,
    /// Output of its last attempt, if any.
    pub output: Option<Output>,
}
