//! `schedule run`: enqueues the task of a schedule now, beside its times.

use queue_core::cli::{Access, Context, Failure, add_task};
use workflow_queue::WorkflowQueue;

use super::print;

/// Enqueue the task of a schedule now, beside its times
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The schedule
    name: String,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let enqueued = queue.schedules().run(&arguments.name)?;
    add_task::report_enqueued(context, &queue, &[enqueued], "Enqueued")?;
    context.note_after_change(advise(context, &queue, &arguments.name));
    Ok(())
}

fn advise(
    context: &Context<WorkflowQueue>,
    queue: &WorkflowQueue,
    name: &str,
) -> Result<(), Failure> {
    match print::find(queue, name)?.task {
        Ok(task) => add_task::advise(context, queue, &task.task.queue, task.task.work.handler()),
        Err(_) => Ok(()),
    }
}
