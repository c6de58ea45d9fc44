//! The workers of the file.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::Request;
use super::super::words::{ago, cell, number};
use super::layout::{Page, columns, meter, table};
use crate::clock::Timestamp;
use crate::queue::Queue;

/// Most workers of a page.
const MOST: usize = 500;

/// The page of the workers.
pub(in super::super) fn workers<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let content = html! {
        h1 { "Workers" }
        (list(dashboard, dashboard.now())?)
    };
    let page = Page {
        title: "Workers",
        nav: "workers",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

/// The table of the workers.
pub(super) fn list<Q: Queue>(dashboard: &Dashboard<Q>, now: Timestamp) -> crate::Result<Markup> {
    let queue = &dashboard.queue;
    let mut rows = Vec::new();
    for worker in queue.workers()?.into_iter().take(MOST) {
        let is_alive = queue.coordination().is_alive(worker.id)?;
        let running = queue.claims_of(worker.id)?.len();
        rows.push((worker, is_alive, running));
    }
    let row = |(worker, is_alive, running): &(crate::queue::WorkerInfo, bool, usize)| {
        html! {
            tr id={ "k" (worker.id) } {
                td.main {
                    code { (worker.id) }
                    @if !is_alive { " " span.chip.s-failed { "dead" } }
                }
                td.number { (worker.pid) }
                td.number {
                    (number(*running as u64)) " of " (number(worker.slots.into()))
                    (meter(*running as u64, worker.slots.into()))
                }
                td { (cell(&worker.serves.queues.to_string())) }
                td.number { (ago(worker.started_at, now)) }
            }
        }
    };
    Ok(html! {
        @if rows.is_empty() {
            p.none {
                "No worker is running. " code { (dashboard.options.program) " worker" }
                " starts one."
            }
        }
        (table("worker-rows", "Workers",
            &columns(&["Worker", "#Process", "#Slots in use", "Queues", "#Started"]),
            &html! { @for one in &rows { (row(one)) } }))
    })
}
