//! `service status`: how the services of this file stand.

use serde::Serialize;

use super::super::program::Context;
use super::super::table::{Column, Table, left, right, text};
use super::super::{Failure, note, size, usage};
use super::chosen::{self, Manager};
use crate::queue::Queue;
use crate::services::{self, ServiceState, ServiceUnit};
use crate::usage::Usage;

/// Show state, process, restarts, memory and processor time of services
#[derive(clap::Args, Debug)]
pub(super) struct Arguments {
    /// The services [default: all of this file]
    #[arg(value_name = "NAME")]
    names: Vec<String>,

    #[command(flatten)]
    manager: Manager,
}

const COLUMNS: [Column; 8] = [
    text("NAME"),
    left("STATE"),
    left("AT BOOT"),
    right("PID"),
    right("RESTARTS"),
    right("MEMORY"),
    right("CPU"),
    text("COMMAND"),
];

#[derive(Serialize)]
struct View<'a> {
    name: &'a str,
    unit: &'a str,
    state: &'a str,
    substate: &'a str,
    result: &'a str,
    at_boot: bool,
    pid: Option<u32>,
    restarts: Option<u64>,
    memory_bytes: Option<u64>,
    cpu_us: Option<u64>,
    command: &'a str,
}

impl<'a> View<'a> {
    fn new(unit: &'a ServiceUnit, standing: &'a ServiceState) -> Self {
        Self {
            name: &unit.name,
            unit: &unit.unit,
            state: &standing.state,
            substate: &standing.substate,
            result: &standing.result,
            at_boot: standing.at_boot,
            pid: standing.pid,
            restarts: standing.restarts,
            memory_bytes: standing.memory_bytes,
            cpu_us: standing.cpu_us,
            command: &unit.command,
        }
    }
}

pub(super) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let scope = arguments.manager.scope();
    let units = if arguments.names.is_empty() {
        chosen::all(context, scope)?
    } else {
        chosen::chosen(context, scope, &arguments.names)?
    };
    let standings = services::standings(scope, &units)?;
    let each = units.iter().zip(&standings);
    let views: Vec<View<'_>> = each.map(|(unit, one)| View::new(unit, one)).collect();
    if context.printer.is_json() {
        return context.printer.json(&views);
    }
    if views.is_empty() {
        note("this file has no services");
        return Ok(());
    }
    let or_none = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let mut table = Table::new(&COLUMNS);
    for (view, standing) in views.iter().zip(&standings) {
        table.row([
            view.name,
            &standing.words(),
            if view.at_boot { "yes" } else { "no" },
            &or_none(view.pid.map(|pid| pid.to_string())),
            &or_none(view.restarts.map(|count| count.to_string())),
            &or_none(view.memory_bytes.map(size::rough)),
            &or_none(usage::cpu(Usage::new(view.cpu_us, None))),
            view.command,
        ]);
    }
    context.printer.table(&table)
}
