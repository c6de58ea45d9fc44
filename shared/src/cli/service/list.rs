//! `service list`: the services of this file, without a call of systemd.

use serde::Serialize;

use super::super::program::Context;
use super::super::table::{Column, Table, text};
use super::super::{Failure, note};
use super::chosen::{self, Manager};
use crate::queue::Queue;
use crate::services::ServiceUnit;

/// List the services of this file, also where systemd is not running
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    #[command(flatten)]
    manager: Manager,
}

const COLUMNS: [Column; 3] = [text("NAME"), text("UNIT"), text("COMMAND")];

#[derive(Serialize)]
struct View<'a> {
    name: &'a str,
    unit: &'a str,
    command: &'a str,
}

impl<'a> From<&'a ServiceUnit> for View<'a> {
    fn from(unit: &'a ServiceUnit) -> Self {
        Self {
            name: &unit.name,
            unit: &unit.unit,
            command: &unit.command,
        }
    }
}

pub(super) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let units = chosen::all(context, arguments.manager.scope())?;
    let views: Vec<View<'_>> = units.iter().map(View::from).collect();
    if context.printer.is_json() {
        return context.printer.json(&views);
    }
    if views.is_empty() {
        note("this file has no services");
        return Ok(());
    }
    let mut table = Table::new(&COLUMNS);
    for view in &views {
        table.row([view.name, view.unit, view.command]);
    }
    context.printer.table(&table)
}
