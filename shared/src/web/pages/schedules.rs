//! The schedules.

use std::sync::Arc;

use maud::html;

use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::Request;
use super::super::words::{ago, cell};
use super::layout::{Page, columns, table};
use crate::queue::Queue;

/// The page of the schedules.
pub(in super::super) fn schedules<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let now = dashboard.now();
    let read = dashboard.sources.schedules;
    let schedules = read.map_or(Ok(Vec::new()), |read| read(&dashboard.queue))?;
    let root = &request.root;
    let content = html! {
        h1 { "Schedules" }
        @if schedules.is_empty() {
            p.none {
                "There are no schedules. " code { (dashboard.options.program) " schedule add" }
                " makes one."
            }
        }
        (table("schedule-rows", "Schedules",
            &columns(&["Name", "Times", "Zone", "Next", "Last", "Command"]),
            &html! {
                @for schedule in &schedules {
                    tr {
                        td.main { (cell(&schedule.name)) }
                        td { code { (cell(&schedule.times)) } }
                        td { (cell(&schedule.zone)) }
                        td {
                            @match (schedule.standing, schedule.next_at) {
                                (Some(word), _) => span.chip.s-blocked { (word) },
                                (None, Some(at)) => (ago(at, now)),
                                (None, None) => span.dim { "–" },
                            }
                        }
                        td {
                            @match schedule.last {
                                Some((at, Some(id))) => a href={ (root) "tasks/" (id) } {
                                    (ago(at, now))
                                },
                                Some((at, None)) => (ago(at, now)),
                                None => span.dim { "–" },
                            }
                        }
                        td { code { (cell(&schedule.command)) } }
                    }
                }
            }))
    };
    let page = Page {
        title: "Schedules",
        nav: "schedules",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}
