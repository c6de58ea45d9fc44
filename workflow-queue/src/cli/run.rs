//! `run`: lines that may wait for each other.

use queue_core::cli::add_task::Fields;
use queue_core::cli::run::{self, Arguments};
use queue_core::cli::{Context, Failure};
use queue_core::error::Result;
use queue_core::queue::Enqueued;
use queue_core::task::NewTask;
use workflow_queue::{Dependency, On, Settings, WorkflowQueue};

use super::enqueue::{Submitted, of_lines, resolve, submit};

/// The fields that lines have in this program.
struct Flow;

impl run::Extra<WorkflowQueue> for Flow {
    type Task = Submitted;

    const FIELDS: &'static [&'static str] =
        &["after", "limit_key", "start_within", "finish_within"];

    fn extend(&self, task: NewTask, fields: Fields, line: usize) -> Result<Submitted, String> {
        Submitted::read(task, Settings::default(), fields, Some(line))
    }

    fn link(&self, lines: &mut [Submitted]) -> Result<Vec<Vec<usize>>> {
        resolve(lines)?;
        let line = |dependency: &Dependency| match dependency.on {
            On::Index(index) => Some(index),
            On::Name(_) | On::Task(_) | _ => None,
        };
        let above = |one: &Submitted| one.task.after.iter().filter_map(line).collect();
        Ok(lines.iter().map(above).collect())
    }

    fn common<'a>(&self, task: &'a mut Submitted) -> &'a mut NewTask {
        &mut task.task.task
    }

    fn enqueue(&self, queue: &WorkflowQueue, tasks: Vec<Submitted>) -> Result<Vec<Enqueued>> {
        let tasks = tasks.into_iter().map(|one| one.task).collect();
        submit(queue, tasks).map_err(of_lines)
    }
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    run::run(context, arguments, &Flow)
}
