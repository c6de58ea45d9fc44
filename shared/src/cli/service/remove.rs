//! `service remove`: stops services and removes their unit files.

use super::super::Failure;
use super::super::program::Context;
use super::change;
use super::chosen::Named;
use crate::error::Result;
use crate::queue::Queue;
use crate::services::{self, Scope, ServiceUnit};

/// Stop services and remove them
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    named: Named,
}

pub(super) fn run<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
) -> std::result::Result<(), Failure> {
    let units = arguments.named.units(context)?;
    remove(arguments.named.scope(), &units)?;
    change::report(context.printer, "removed", &units)
}

/// Stops services, removes their unit files and makes systemd forget them.
pub(super) fn remove(scope: Scope, units: &[ServiceUnit]) -> Result<()> {
    services::run_systemctl(scope, &["disable", "--now"], units)?;
    for unit in units {
        services::remove(&unit.path)?;
    }
    services::systemctl(scope, &["daemon-reload"])?;
    // Fails for a unit that has not failed, which leaves nothing to forget.
    let _ = services::run_systemctl(scope, &["reset-failed"], units);
    Ok(())
}
