//! `schedule remove`: removes a schedule and its history. Its tasks stay.

use queue_core::cli::{Access, Context, Failure, escape};
use serde::Serialize;
use workflow_queue::WorkflowQueue;

/// Remove a schedule and its history; its tasks stay
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The schedule
    name: String,
}

#[derive(Serialize)]
struct View<'a> {
    schedule: &'a str,
    removed: bool,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    queue.schedules().remove(&arguments.name)?;
    let sentence = format!("Removed schedule {}", escape::line(&arguments.name));
    let view = View {
        schedule: &arguments.name,
        removed: true,
    };
    context.printer.of_done().say(&sentence, &view)
}
