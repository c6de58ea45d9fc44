//! `service restart`.

use super::super::Failure;
use super::super::program::Context;
use super::change;
use super::chosen::Named;
use crate::queue::Queue;
use crate::services;

/// Stop and start services
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    named: Named,
}

pub(super) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let units = arguments.named.units(context)?;
    services::run_systemctl(arguments.named.scope(), &["restart"], &units)?;
    change::report(context.printer, "restarted", &units)
}
