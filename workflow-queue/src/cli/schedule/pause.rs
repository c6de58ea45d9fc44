//! `schedule pause` and `schedule resume`.

use queue_core::cli::{Access, Context, Failure, PauseReport};
use workflow_queue::WorkflowQueue;

use super::print;

/// Stop a schedule from firing
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The schedule
    name: String,
}

/// Let a paused schedule fire again
///
/// It fires from its first time after now: times of the pause are not caught up, but `schedule
/// backfill` enqueues them.
#[derive(clap::Args, Debug)]
pub(super) struct ResumeArguments {
    /// The schedule
    name: String,
}

pub(super) fn pause(
    context: &Context<WorkflowQueue>,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let changed = queue.schedules().set_paused(&arguments.name, true)?;
    report(&arguments.name, true, changed).print(context.printer)
}

/// Reports the coming times with a resumption.
pub(super) fn resume(
    context: &Context<WorkflowQueue>,
    arguments: &ResumeArguments,
) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    if queue.schedules().set_paused(&arguments.name, false)? {
        let schedule = print::find(&queue, &arguments.name)?;
        return print::report(context, &queue, ("Resumed", true), &schedule);
    }
    report(&arguments.name, false, false).print(context.printer)
}

fn report(name: &str, paused: bool, changed: bool) -> PauseReport<'_> {
    PauseReport {
        noun: "schedule",
        name,
        paused,
        changed,
    }
}
