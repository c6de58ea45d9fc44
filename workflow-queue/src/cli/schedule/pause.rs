//! `schedule pause` and `schedule resume`.

use queue_core::cli::{Access, Context, Failure, escape};
use serde::Serialize;
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

#[derive(Serialize)]
struct View<'a> {
    schedule: &'a str,
    changed: bool,
}

pub(super) fn pause(
    context: &Context<WorkflowQueue>,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let changed = queue.schedules().pause(&arguments.name)?;
    let name = escape::line(&arguments.name);
    let sentence = if changed {
        format!("Paused schedule {name}")
    } else {
        format!("Schedule {name} was paused already")
    };
    let view = View {
        schedule: &arguments.name,
        changed,
    };
    context.printer.of_done().say(&sentence, &view)
}

pub(super) fn resume(
    context: &Context<WorkflowQueue>,
    arguments: &ResumeArguments,
) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let changed = queue.schedules().resume(&arguments.name)?;
    let schedule = print::find(&queue, &arguments.name)?;
    let done = if changed { "Resumed" } else { "Kept" };
    print::report(context, &queue, (done, changed), &schedule)
}
