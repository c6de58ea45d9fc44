//! `hook pause` and `hook resume`.

use queue_core::cli::{Access, Context, Failure, escape};
use serde::Serialize;
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

#[derive(Serialize)]
struct View<'a> {
    hook: &'a str,
    changed: bool,
}

pub(super) fn pause(
    context: &Context<WorkflowQueue>,
    arguments: &Arguments,
) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let changed = queue.hooks().pause(&arguments.name)?;
    let name = escape::line(&arguments.name);
    let sentence = if changed {
        format!("Paused hook {name}")
    } else {
        format!("Hook {name} was paused already")
    };
    say(context, (&sentence, &arguments.name, changed))
}

pub(super) fn resume(
    context: &Context<WorkflowQueue>,
    arguments: &ResumeArguments,
) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let changed = queue.hooks().resume(&arguments.name)?;
    let name = escape::line(&arguments.name);
    let sentence = if changed {
        format!("Resumed hook {name}")
    } else {
        format!("Hook {name} was not paused")
    };
    say(context, (&sentence, &arguments.name, changed))
}

fn say(
    context: &Context<WorkflowQueue>,
    (sentence, hook, changed): (&str, &str, bool),
) -> Result<(), Failure> {
    let view = View { hook, changed };
    context.printer.of_done().say(sentence, &view)
}
