//! Fields of lines that only one program has.

use super::super::add_task::Fields;
use super::super::extra::Plain;
use crate::error::Result;
use crate::queue::{Enqueued, Queue};
use crate::task::NewTask;

/// The program's own fields of a line of `run`.
pub trait Extra<Q> {
    /// A task with these fields.
    type Task;

    /// Names of the fields.
    const FIELDS: &'static [&'static str];

    /// Adds the `fields` of the line of that number, from 1, to its task.
    ///
    /// # Errors
    /// A sentence about the field that is wrong.
    fn extend(&self, task: NewTask, fields: Fields, line: usize) -> Result<Self::Task, String>;

    /// Resolves the names by which lines wait for each other. Returns for each line the indices of
    /// those it waits for.
    ///
    /// # Errors
    /// [`Error::Invalid`](crate::Error::Invalid) about a name that no line or several have.
    fn link(&self, lines: &mut [Self::Task]) -> Result<Vec<Vec<usize>>>;

    /// The part of a task that every program has.
    fn common<'a>(&self, task: &'a mut Self::Task) -> &'a mut NewTask;

    /// Enqueues the tasks, all or none.
    ///
    /// # Errors
    /// As the engine.
    fn enqueue(&self, queue: &Q, tasks: Vec<Self::Task>) -> Result<Vec<Enqueued>>;
}

impl<Q: Queue> Extra<Q> for Plain {
    type Task = NewTask;

    const FIELDS: &'static [&'static str] = &[];

    fn extend(&self, task: NewTask, _: Fields, _: usize) -> Result<NewTask, String> {
        Ok(task)
    }

    fn link(&self, lines: &mut [NewTask]) -> Result<Vec<Vec<usize>>> {
        Ok(vec![Vec::new(); lines.len()])
    }

    fn common<'a>(&self, task: &'a mut NewTask) -> &'a mut NewTask {
        task
    }

    fn enqueue(&self, queue: &Q, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>> {
        queue.enqueue(tasks)
    }
}
