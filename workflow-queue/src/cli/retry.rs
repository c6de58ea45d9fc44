//! `retry`: queues ended tasks again, and their skipped dependents.

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

    #[command(flatten)]
    own: WorkflowRetry,
}

/// The addition of this program to a retry.
#[derive(clap::Args, Debug)]
#[group(skip)]
struct WorkflowRetry {
    /// Re-open their skipped dependents too, and so on down
    #[arg(long)]
    downstream: bool,
}

impl retry::Extra for WorkflowRetry {
    fn downstream(&self) -> bool {
        self.downstream
    }
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    retry::run(context, &arguments.common, &arguments.own)
}
