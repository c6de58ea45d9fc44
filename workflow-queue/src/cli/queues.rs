//! `queues`: lists every queue with its waiting tasks and limits.

use queue_core::Queue;
use queue_core::cli::json::Moment;
use queue_core::cli::note;
use queue_core::cli::table::{Column, Table, left, right};
use queue_core::cli::{Access, Context, Failure, moment};
use queue_core::queue::QueueInfo;
use serde::Serialize;
use workflow_queue::{Limit, LimitKind, WorkflowQueue};

use super::limit;

/// Show every queue with its waiting tasks and its limits
///
/// The tasks of a handler have a line of their own within their queue. It counts the tasks that can be
/// claimed; `list --queue` shows those that are scheduled or blocked too.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {}

const COLUMNS: [Column; 6] = [
    left("QUEUE"),
    left("HANDLER"),
    right("QUEUED"),
    right("CONCURRENCY"),
    right("RATE"),
    left("PAUSED"),
];

#[derive(Serialize)]
struct View {
    queue: String,
    handler: Option<String>,
    queued: u64,
    concurrency: Option<u32>,
    rate: Option<limit::RateView>,
    paused_at: Option<Moment>,
}

pub(crate) fn run(context: &Context<WorkflowQueue>, _: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let limits = queue.limits()?;
    let now = queue.now().wall;
    let (mut table, mut views) = (Table::new(&COLUMNS), Vec::new());
    let mut queues = queue.queues()?;
    queues.extend(queues_without_tasks(&queues, &limits));
    queues.sort_by(|one, other| (&one.name, &one.handler).cmp(&(&other.name, &other.handler)));
    for queue in queues {
        let is_its =
            |kind: &LimitKind| matches!(kind, LimitKind::Queue(name) if *name == queue.name);
        let limit = limits.iter().find(|limit| is_its(&limit.kind));
        let concurrency = limit.and_then(|limit| limit.concurrency);
        let rate = limit.and_then(|limit| limit.rate);
        table.row([
            &queue.name,
            &queue.handler,
            &queue.queued.to_string(),
            &limit::shown(concurrency),
            &rate.map_or_else(|| "-".to_owned(), limit::show_rate),
            &queue
                .paused_at
                .map_or_else(|| "-".to_owned(), |since| moment::relative(since, now)),
        ]);
        views.push(View {
            queue: queue.name,
            handler: Some(queue.handler).filter(|handler| !handler.is_empty()),
            queued: queue.queued,
            concurrency,
            rate: rate.map(limit::RateView::from),
            paused_at: queue.paused_at.map(Moment),
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

/// Queues that have a limit already and no task yet.
fn queues_without_tasks(queues: &[QueueInfo], limits: &[Limit]) -> Vec<QueueInfo> {
    let names = limits.iter().filter_map(|limit| match &limit.kind {
        LimitKind::Queue(name) => Some(name),
        LimitKind::Key(_) => None,
    });
    names
        .filter(|name| !queues.iter().any(|queue| queue.name == **name))
        .map(|name| QueueInfo {
            name: name.clone(),
            handler: String::new(),
            paused_at: None,
            queued: 0,
        })
        .collect()
}
