//! `workers`: lists the workers of this file.

use serde::Serialize;

use super::json::Moment;
use super::printer::note;
use super::program::{Access, Context};
use super::table::{Column, Table, left, right};
use super::{Failure, moment};
use crate::error::Result;
use crate::queue::{Queue, WorkerInfo};
use crate::served::ServedQueue;
use crate::task::DEFAULT_QUEUE;

/// List the workers of this file
///
/// A worker is known to be dead by its lock, which the system drops however it ends. Its tasks
/// are returned as soon as another worker runs.
#[derive(clap::Args, Debug)]
pub struct Arguments {}

/// A worker as programs read it.
#[derive(Serialize)]
pub(super) struct View {
    pub(super) id: String,
    alive: bool,
    pub(super) pid: u32,
    pub(super) started_at: Moment,
    pub(super) slots: u32,
    pub(super) running: usize,
    queue: String,
    queues: Vec<ServedView>,
    all_queues: bool,
    commands: bool,
    handlers: Vec<String>,
}

/// Queue that a worker names, and the slots that it keeps for it.
#[derive(Serialize)]
struct ServedView {
    name: String,
    reserved: u32,
}

const COLUMNS: [Column; 7] = [
    left("WORKER"),
    left("ALIVE"),
    right("PID"),
    right("RUNNING"),
    right("SLOTS"),
    left("STARTED"),
    left("QUEUE"),
];

pub(crate) fn run<Q: Queue>(context: &Context<Q>, _: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let workers = queue.workers()?;
    let now = queue.now().wall;
    let mut views = Vec::new();
    let mut table = Table::new(&COLUMNS);
    for worker in &workers {
        let view = view(&queue, worker)?;
        table.row([
            &view.id,
            if view.alive { "yes" } else { "no" },
            &view.pid.to_string(),
            &view.running.to_string(),
            &view.slots.to_string(),
            &moment::relative(worker.started_at, now),
            &worker.serves.queues.to_string(),
        ]);
        views.push(view);
    }
    if context.printer.is_json() {
        return context.printer.json(&views);
    }
    if table.is_empty() {
        note(&format!(
            "no worker is running; {}",
            context.how_to_serve(&queue, DEFAULT_QUEUE)?
        ));
        return Ok(());
    }
    context.printer.table(&table)
}

fn served(queue: &ServedQueue) -> ServedView {
    ServedView {
        name: queue.name.to_string(),
        reserved: queue.reserved,
    }
}

/// What programs read of the worker.
pub(super) fn view<Q: Queue>(queue: &Q, worker: &WorkerInfo) -> Result<View> {
    let queues = &worker.serves.queues;
    Ok(View {
        id: worker.id.to_string(),
        alive: queue.coordination().is_alive(worker.id)?,
        pid: worker.pid,
        started_at: Moment(worker.started_at),
        slots: worker.slots,
        running: queue.claims_of(worker.id)?.len(),
        queue: queues
            .names()
            .first()
            .map_or(DEFAULT_QUEUE, |one| &one.name)
            .to_owned(),
        queues: queues.names().iter().map(served).collect(),
        all_queues: queues.is_all(),
        commands: worker.serves.commands,
        handlers: worker.serves.handlers.clone(),
    })
}
