//! The queues, and their pause.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::{Request, query_of};
use super::super::words::{ago, cell, line, number};
use super::layout::{Page, columns, form_token, table};
use crate::queue::{Queue, QueueInfo, WorkerInfo};
use crate::text::duration;

/// Most queues of a page.
const MOST: usize = 1000;

/// The page of the queues.
pub(in super::super) fn queues<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let now = dashboard.now();
    let summary = dashboard.summary()?;
    let living = dashboard.queue.live_workers()?;
    let shown = &summary.queues[..summary.queues.len().min(MOST)];
    let mut names = vec!["Queue", "#Queued", "#Workers", "State"];
    if shown.iter().any(|queue| queue.ageing.is_some()) {
        names.insert(1, "Ageing");
    }
    let has_ageing = names.len() > 4;
    if dashboard.writes() {
        names.push("");
    }
    let row = |queue: &QueueInfo| {
        let serves = |worker: &&WorkerInfo| worker.serves.covers(&queue.name, &queue.handler);
        let workers = living.iter().filter(serves).count();
        let tasks = query_of([("queue", queue.name.clone())]);
        html! {
            tr id={ "q-" (queue.name) "-" (queue.handler) } {
                td.main {
                    a href={ (request.root) "tasks" (tasks) } { (cell(&queue.name)) }
                    @if !queue.handler.is_empty() {
                        " " span.dim { "handler " (line(&queue.handler)) }
                    }
                }
                @if has_ageing {
                    td {
                        (queue.ageing.map_or_else(String::new, |ageing|
                            duration::show(ageing.step())))
                    }
                }
                td.number { (number(queue.queued)) }
                td.number { (number(workers as u64)) }
                td {
                    @match queue.paused_at {
                        Some(at) => {
                            span.chip.s-blocked { "paused" }
                            " " span.dim { (ago(at, now)) }
                        }
                        None if workers == 0 && queue.queued > 0 => span.chip.s-failed {
                            "nobody serves it"
                        },
                        None => span.chip.s-succeeded { "open" },
                    }
                }
                @if dashboard.writes() { td.acts { (switch(dashboard, request, queue)) } }
            }
        }
    };
    let content = html! {
        h1 { "Queues" }
        (table("queue-rows", "Queues", &columns(&names),
            &html! { @for queue in shown { (row(queue)) } }))
        @if shown.len() < summary.queues.len() {
            p.none {
                "The first " (number(MOST as u64)) " of " (number(summary.queues.len() as u64))
                    " are shown."
            }
        }
    };
    let page = Page {
        title: "Queues",
        nav: "queues",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

/// The button that pauses or resumes a queue.
fn switch<Q: Queue>(dashboard: &Dashboard<Q>, request: &Request, queue: &QueueInfo) -> Markup {
    let (action, label) = match queue.paused_at {
        Some(_) => ("resume", "Resume"),
        None => ("pause", "Pause"),
    };
    html! {
        form method="post" action={ (request.root) "queues/pause" } {
            (form_token(dashboard, request))
            input type="hidden" name="queue" value=(queue.name);
            button name="action" value=(action)
                aria-label={ (label) " queue " (line(&queue.name)) } {
                (label)
            }
        }
    }
}
