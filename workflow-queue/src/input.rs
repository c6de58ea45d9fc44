//! The dependencies of a task, with their output.

use queue_core::error::{Error, Result};
use queue_core::output::Output;
use queue_core::task::Task;
use queue_core::workflow::Condition;
use serde::de::DeserializeOwned;

/// A dependency of a task and its output, as the dependent may read them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Input {
    /// The task depended on.
    pub task: Task,
    /// Condition on the dependency's end.
    pub condition: Condition,
    /// Output of its last attempt, if any.
    pub output: Option<Output>,
}

impl Input {
    /// Value that the dependency wrote to its standard output as JSON: the result of a typed
    /// handler, or the output of a command. No output reads as `null`.
    ///
    /// # Errors
    /// [`Error::Invalid`], which names the dependency, if its output is not the JSON of such a value
    /// or was not kept whole.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        let output = self.output.as_ref();
        let value = output.map_or_else(|| Output::default().json(), Output::json);
        value.map_err(|error| {
            let (id, name) = (self.task.id, &self.task.name);
            Error::invalid(format!("task {id} ({name}): {error}"))
        })
    }
}
