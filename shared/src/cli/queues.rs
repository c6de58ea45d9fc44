//! `queues`: lists every queue with its waiting tasks and the workers that serve it, and sets the ageing
//! of one.

mod ageing;

use std::collections::BTreeSet;

use serde::Serialize;

use super::extra::Plain;
use super::json::Moment;
use super::printer::note;
use super::program::{Access, Context};
use super::queue_name::check_known;
use super::table::{Column, Table, left, right};
use super::{Failure, duration, moment};
use crate::error::Result;
use crate::queue::{Queue, QueueInfo, WorkerInfo};

/// Show queues with their waiting tasks and workers, or set the ageing of one
///
/// The tasks of a handler have a line of their own within their queue. It counts the tasks that can be
/// claimed; `list --queue` shows those that are scheduled or blocked too.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Show this queue only
    queue: Option<String>,

    /// Let so much waiting count as one step of priority, so that low priorities come to run: 10m;
    /// `off` goes by priority alone
    #[arg(long, value_name = "DURATION", requires = "queue", value_parser = ageing::parse)]
    ageing: Option<ageing::Setting>,

    /// Set it even if nobody has used the queue yet
    #[arg(long, requires = "ageing")]
    create: bool,
}

/// A program's additions to the list: columns between the count and the pause.
pub trait Extra<Q: Queue>: Sized {
    /// Fields in JSON.
    type Fields: Serialize;

    /// Headings of the columns.
    const COLUMNS: &'static [Column];

    /// Reads what it adds.
    ///
    /// # Errors
    /// As the engine.
    fn read(queue: &Q) -> Result<Self>;

    /// Queues that it knows, even without a task.
    fn names(&self) -> Vec<&str>;

    /// Fields and cells of a queue.
    fn facts(&self, queue: &str) -> (Self::Fields, Vec<String>);
}

impl<Q: Queue> Extra<Q> for Plain {
    type Fields = NoFields;

    const COLUMNS: &'static [Column] = &[];

    fn read(_: &Q) -> Result<Self> {
        Ok(Self {})
    }

    fn names(&self) -> Vec<&str> {
        Vec::new()
    }

    fn facts(&self, _: &str) -> (NoFields, Vec<String>) {
        (NoFields {}, Vec::new())
    }
}

/// No fields.
#[derive(Debug, Serialize)]
pub struct NoFields {}

#[derive(Serialize)]
struct View<F> {
    queue: String,
    handler: Option<String>,
    queued: u64,
    #[serde(flatten)]
    fields: F,
    ageing_ms: Option<u64>,
    paused_at: Option<Moment>,
    workers: usize,
}

/// Lists the queues, with what the program adds, or sets the ageing of one.
///
/// # Errors
/// As the engine, and for a queue that nobody has used.
pub fn run<Q: Queue, X: Extra<Q>>(
    context: &Context<Q>,
    arguments: &Arguments,
) -> Result<(), Failure> {
    match (&arguments.queue, arguments.ageing) {
        (Some(name), Some(setting)) => ageing::set(context, name, setting, arguments.create),
        (name, _) => show::<_, X>(context, name.as_deref()),
    }
}

/// Shows every queue, or only one.
fn show<Q: Queue, X: Extra<Q>>(context: &Context<Q>, only: Option<&str>) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    if let Some(name) = only {
        check_known(&queue, name, "")?;
    }
    let extra = X::read(&queue)?;
    let now = queue.now().wall;
    let living = queue.live_workers()?;
    let mut queues = queue.queues()?;
    let known: BTreeSet<String> = queues.iter().map(|queue| queue.name.clone()).collect();
    let unused = extra
        .names()
        .into_iter()
        .filter(|name| !known.contains(*name));
    queues.extend(unused.map(without_tasks));
    queues.retain(|queue| only.is_none_or(|only| queue.name == only));
    queues.sort_by(|one, other| (&one.name, &one.handler).cmp(&(&other.name, &other.handler)));
    let mut columns = vec![left("QUEUE"), left("HANDLER"), right("QUEUED")];
    columns.extend_from_slice(X::COLUMNS);
    columns.extend([left("AGEING"), left("PAUSED"), right("WORKERS")]);
    let (mut table, mut views) = (Table::new(&columns), Vec::new());
    for queue in queues {
        let serves = |worker: &&WorkerInfo| worker.serves.covers(&queue.name, &queue.handler);
        let workers = living.iter().filter(serves).count();
        let (fields, added) = extra.facts(&queue.name);
        let or_none = |shown: Option<String>| shown.unwrap_or_else(|| "-".to_owned());
        let mut cells = vec![
            queue.name.clone(),
            queue.handler.clone(),
            queue.queued.to_string(),
        ];
        cells.extend(added);
        cells.extend([
            or_none(queue.ageing.map(|ageing| duration::show(ageing.step()))),
            or_none(queue.paused_at.map(|since| moment::relative(since, now))),
            workers.to_string(),
        ]);
        table.cells(cells.iter().map(String::as_str));
        views.push(View {
            queue: queue.name,
            handler: Some(queue.handler).filter(|handler| !handler.is_empty()),
            queued: queue.queued,
            fields,
            ageing_ms: queue.ageing.map(ageing::millis),
            paused_at: queue.paused_at.map(Moment),
            workers,
        });
    }
    if context.printer.is_json() {
        return context.printer.json(&views);
    }
    if table.is_empty() {
        note("there are no queues yet");
        return Ok(());
    }
    context.printer.table(&table)
}

fn without_tasks(name: &str) -> QueueInfo {
    QueueInfo {
        name: name.to_owned(),
        handler: String::new(),
        paused_at: None,
        queued: 0,
        ageing: None,
    }
}
