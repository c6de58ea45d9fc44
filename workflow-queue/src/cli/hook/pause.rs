//! `hook pause` and `hook resume`.

use queue_core::cli::{Access, Context, Failure, PauseReport};
use workflow_queue::WorkflowQueue;

/// Stop deliveries to a hook
///
/// Its events wait. Those that it has not seen for a week may be deleted with the rest of the log.
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The hook
    name: String,
}

/// Let a paused hook go on where it was
#[derive(clap::Args, Debug)]
pub(super) struct ResumeArguments {
    /// The hook
    name: String,
}

pub(super) fn pause(
    context: &Context<WorkflowQueue>,
    arguments: &Arguments,
) -> Result<(), Failure> {
    set(context, &arguments.name, true)
}

pub(super) fn resume(
    context: &Context<WorkflowQueue>,
    arguments: &ResumeArguments,
) -> Result<(), Failure> {
    set(context, &arguments.name, false)
}

/// Pauses the hook, or resumes it if `paused` is false.
fn set(context: &Context<WorkflowQueue>, name: &str, paused: bool) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let report = PauseReport {
        noun: "hook",
        name,
        paused,
        changed: queue.hooks().set_paused(name, paused)?,
    };
    report.print(context.printer)
}
