//! `service cleanup`: removes all services of this file.

use super::super::program::Context;
use super::super::{Failure, note};
use super::chosen::{self, Manager};
use super::{change, remove};
use crate::queue::Queue;

/// Stop and remove all services of this file
///
/// It finds them by the file's id in their units, whatever these are called, and leaves all others alone.
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// Only show them
    #[arg(long)]
    dry_run: bool,

    #[command(flatten)]
    manager: Manager,
}

pub(super) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let scope = arguments.manager.scope();
    let units = chosen::all(context, scope)?;
    if units.is_empty() && !context.printer.is_json() {
        note("this file has no services");
        return Ok(());
    }
    if arguments.dry_run {
        return change::report(context.printer, "would remove", &units);
    }
    if !units.is_empty() {
        remove::remove(scope, &units)?;
    }
    change::report(context.printer, "removed", &units)
}
