//! What a program's tasks have beyond those of every program.

use super::super::extra::Plain;
use super::super::program::Access;
use super::field::Fields;
use crate::error::Result;
use crate::queue::{Enqueued, Queue};
use crate::task::NewTask;

/// A program's own options of a task, as the arguments gave them.
pub trait Extra<Q> {
    /// A task with them.
    type Task;

    /// The names of the fields that say the same in a line of JSON.
    const FIELDS: &'static [&'static str];

    /// The task with what the `fields` of its line say, and otherwise what the arguments do; `line`
    /// is the number of the line, from 1, if it was read from one.
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

    /// How the file is opened.
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
