//! `queues`: lists every queue with its waiting tasks and the workers that serve it.

use std::collections::BTreeSet;

use serde::Serialize;

use super::extra::Plain;
use super::json::Moment;
use super::printer::note;
use super::program::{Access, Context};
use super::table::{Column, Table, left, right};
use super::{Failure, moment};
use crate::error::Result;
use crate::queue::{Queue, QueueInfo};

/// Show every queue with its waiting tasks and the workers that serve it
///
/// The tasks of a handler have a line of their own within their queue. It counts the tasks that can be
/// claimed; `list --queue` shows those that are scheduled or blocked too.
#[derive(clap::Args, Debug)]
pub struct Arguments {}

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
    paused_at: Option<Moment>,
    workers: usize,
}

/// Lists the queues, with what the program adds.
///
/// # Errors
/// As the engine.
pub fn run<Q: Queue, X: Extra<Q>>(context: &Context<Q>, _: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
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
    queues.sort_by(|one, other| (&one.name, &one.handler).cmp(&(&other.name, &other.handler)));
    let mut columns = vec![left("QUEUE"), left("HANDLER"), right("QUEUED")];
    columns.extend_from_slice(X::COLUMNS);
    columns.extend([left("PAUSED"), right("WORKERS")]);
    let (mut table, mut views) = (Table::new(&columns), Vec::new());
    for queue in queues {
        let serves = |queue: &QueueInfo| {
            let serving = living.iter();
            let serving = serving.filter(|one| one.serves.covers(&queue.name, &queue.handler));
            serving.count()
        };
        let (workers, (fields, added)) = (serves(&queue), extra.facts(&queue.name));
        let paused = queue.paused_at.map(|since| moment::relative(since, now));
        let mut cells = vec![
            queue.name.clone(),
            queue.handler.clone(),
            queue.queued.to_string(),
        ];
        cells.extend(added);
        cells.extend([
            paused.unwrap_or_else(|| "-".to_owned()),
            workers.to_string(),
        ]);
        table.cells(cells.iter().map(String::as_str));
        views.push(View {
            queue: queue.name,
            handler: Some(queue.handler).filter(|handler| !handler.is_empty()),
            queued: queue.queued,
            fields,
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
    }
}
