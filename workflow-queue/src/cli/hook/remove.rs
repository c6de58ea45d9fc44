//! `hook remove`: removes a hook.

use queue_core::cli::{Access, Context, Failure, escape};
use serde::Serialize;
use workflow_queue::WorkflowQueue;

/// Remove a hook and its dead letters
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The hook
    name: String,
}

#[derive(Serialize)]
struct View<'a> {
    hook: &'a str,
    removed: bool,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    queue.hooks().remove(&arguments.name)?;
    let sentence = format!("Removed hook {}", escape::line(&arguments.name));
    let view = View {
        hook: &arguments.name,
        removed: true,
    };
    context.printer.of_done().say(&sentence, &view)
}
