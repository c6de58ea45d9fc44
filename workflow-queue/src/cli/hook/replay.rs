//! `hook replay`: sets a hook to another position.

use queue_core::cli::{Access, Context, Failure, escape};
use serde::Serialize;
use workflow_queue::WorkflowQueue;

use crate::cli::events::position;

/// Deliver earlier events to a hook again, or leave some out
///
/// The hook gets every event after that position, those that it had already too.
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The hook
    name: String,

    /// The events from this time on, or after this cursor; all that the file has unless given
    #[arg(long, value_name = "TIME|CURSOR")]
    since: Option<String>,
}

#[derive(Serialize)]
struct View<'a> {
    hook: &'a str,
    cursor: String,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let since = match &arguments.since {
        Some(since) => position(&queue, since)?,
        None => queue.hooks().beginning()?,
    };
    queue.hooks().replay(&arguments.name, since)?;
    let name = escape::line(&arguments.name);
    let sentence = format!("Hook {name} gets the events after {since} again");
    let view = View {
        hook: &arguments.name,
        cursor: since.to_string(),
    };
    context.printer.of_done().say(&sentence, &view)
}
