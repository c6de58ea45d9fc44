//! The limits of queues and keys.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::{Request, query_of};
use super::super::sources::LimitRow;
use super::super::words::{cell, number};
use super::layout::{Page, columns, meter, table};
use crate::queue::Queue;

/// The page of the limits.
pub(in super::super) fn limits<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let read = dashboard.sources.limits;
    let limits = read.map_or(Ok(Vec::new()), |read| read(&dashboard.queue))?;
    let content = html! {
        h1 { "Limits" }
        @if limits.is_empty() {
            p.none {
                "There is no limit. " code { (dashboard.options.program) " limit" }
                " sets one."
            }
        }
        (table("limit-rows", "Limits",
            &columns(&["Name", "Of", "#Running", "#Waiting", "#Starts"]),
            &html! { @for limit in &limits { (row(limit, &request.root)) } }))
        @if limits.iter().any(|limit| !limit.is_queue) {
            p.none {
                "A key limits the tasks that were enqueued with it, in whatever queue they are."
            }
        }
    };
    let page = Page {
        title: "Limits",
        nav: "limits",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

fn row(limit: &LimitRow, root: &str) -> Markup {
    let dash = html! { span.dim { "–" } };
    html! {
        tr id={ (if limit.is_queue { "lq-" } else { "lk-" }) (limit.name) } {
            td.main {
                @if limit.is_queue {
                    a href={ (root) "tasks" (query_of([("queue", limit.name.clone())])) } {
                        (cell(&limit.name))
                    }
                } @else { (cell(&limit.name)) }
            }
            td { @if limit.is_queue { "queue" } @else { "key" } }
            td.number data-label="running" {
                (number(limit.running)) " of "
                @match limit.concurrency {
                    Some(bound) => { (number(bound.into())) (meter(limit.running, bound.into())) }
                    None => "any number",
                }
            }
            td.number data-label="waiting" {
                @if limit.waiting == 0 { (dash) } @else {
                    @if limit.is_capped { "over " } (number(limit.waiting))
                }
            }
            td.number data-label="starts" { @if let Some(rate) = &limit.rate { (rate) } @else { (dash) } }
        }
    }
}
