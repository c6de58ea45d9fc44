//! The limits of queues and keys.

use std::sync::Arc;

use maud::html;

use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::Request;
use super::super::words::{cell, number};
use super::layout::{Page, columns, table};
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
        (table("limit-rows", "Limits", &columns(&["Name", "Of", "#At once", "#Starts"]),
            &html! {
                @for limit in &limits {
                    tr {
                        td.main { (cell(&limit.name)) }
                        td { @if limit.is_queue { "a queue" } @else { "a key" } }
                        td.number {
                            @if let Some(bound) = limit.concurrency { (number(bound.into())) }
                                @else {
                                span.dim { "–" }
                            }
                        }
                        td.number {
                            @if let Some(rate) = &limit.rate { (rate) } @else { span.dim { "–" } }
                        }
                    }
                }
            }))
    };
    let page = Page {
        title: "Limits",
        nav: "limits",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}
