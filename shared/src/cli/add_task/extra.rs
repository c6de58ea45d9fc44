//! Options of tasks that only one program has.

use super::super::extra::Plain;
use super::super::program::Access;
use super::field::Fields;
use crate::error::Result;
use crate::queue::{Enqueued, Queue};
use crate::task::NewTask;

/// The program's own options for tasks, as given by the arguments.
pub trait Extra<Q> {
    /// A task with these options.
    type Task;

    /// Names of the JSON fields that correspond to these options.
    const FIELDS: &'static [&'static str];

    /// Adds the options to a task: those of the `fields` of its line, else those of the arguments.
    /// `line` is the number of the line, from 1, if the task was read from one.
    ///
    /// # Errors
    /// A sentence about the field that is wrong.
    fn extend(
        &self,
        task: NewTask,
        fields: Fields,
        line: Option<usize>,
    ) -> Result<Self::Task, String>;

    /// Enqueues the tasks, all or none.
    ///
    /// # Errors
    /// As the engine.
    fn enqueue(&self, queue: &Q, tasks: Vec<Self::Task>) -> Result<Vec<Enqueued>>;

    /// Access to the file that enqueueing needs.
    fn access(&self) -> Access {
        Access::Create
    }
}

impl<Q: Queue> Extra<Q> for Plain {
    type Task = NewTask;

    const FIELDS: &'static [&'static str] = &[];

    fn extend(&self, task: NewTask, _: Fields, _: Option<usize>) -> Result<NewTask, String> {
        Ok(task)
    }

    fn enqueue(&self, queue: &Q, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>> {
        queue.enqueue(tasks)
    }
}
