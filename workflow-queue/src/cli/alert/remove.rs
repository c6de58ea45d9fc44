//! `alert remove`: removes an alert.

use queue_core::cli::{Access, Context, Failure, escape};
use queue_core::error::Error;
use serde::Serialize;
use workflow_queue::WorkflowQueue;

/// Remove an alert
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The alert
    name: String,
}

#[derive(Serialize)]
struct View<'a> {
    alert: &'a str,
    removed: bool,
}

pub(super) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let name = escape::line(&arguments.name);
    if !queue.remove_alert(&arguments.name)? {
        let list = context.command("alert list");
        return Err(Error::not_found(format!("there is no alert {name}; {list} shows all")).into());
    }
    let view = View {
        alert: &arguments.name,
        removed: true,
    };
    let sentence = format!("Removed alert {name}");
    context.printer.of_done().say(&sentence, &view)
}
