//! `retry`: queues ended tasks again, and what was skipped because of them.

use queue_core::cli::{Context, Failure, retry};
use workflow_queue::WorkflowQueue;

/// Queue failed, cancelled or skipped tasks again
///
/// They get fresh attempts. A task that succeeded is not run again: enqueue it anew.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: retry::Arguments,

    /// Re-open what was skipped because of them too, and so on down
    #[arg(long)]
    downstream: bool,
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    retry::run(context, &arguments.common, arguments.downstream)
}
