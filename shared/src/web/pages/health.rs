//! Health: the readings of the file, its workers and the machine.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::Request;
use super::super::words::sentence;
use super::layout::{Page, columns, table};
use crate::queue::Queue;
use crate::watch::{Level, worst};

/// The page of the health.
pub(in super::super) fn health<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let checks = dashboard.health.get(&dashboard.queue)?;
    let program = dashboard.options.program;
    let content = html! {
        div.head {
            h1 { "Health" }
            div #state.state data-live {
                @match worst(&checks) {
                    Level::Ok => span.chip.s-succeeded { "all is well" },
                    Level::Warning => span.chip.s-blocked { "needs a look" },
                    Level::Critical => span.chip.s-failed { "work stops, or will soon" },
                }
            }
        }
        (table("health-rows", "Checks", &columns(&["Check", "Level", "Found"]), &html! {
            @for check in checks.iter() {
                tr id={ "h-" (check.name) } {
                    td { (check.name) }
                    td { (level(check.level)) }
                    td.main {
                        (sentence(&check.found))
                        @if let Some(advice) = check.advice {
                            br;
                            span.dim { (advised(advice, program)) }
                        }
                    }
                }
            }
        }))
        p.none {
            code { (program) " health" } " checks the same for scripts and monitors; "
            code { (program) " doctor" } " looks deeper."
        }
    };
    let page = Page {
        title: "Health",
        nav: "health",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

fn level(level: Level) -> Markup {
    let state = match level {
        Level::Ok => "s-succeeded",
        Level::Warning => "s-blocked",
        Level::Critical => "s-failed",
    };
    html! { span class={ "chip " (state) } { (level.as_str()) } }
}

/// An advice as a sentence, with commands in the place of its marks.
fn advised(advice: &str, program: &str) -> Markup {
    let (first, marks) = advice.split_once('{').unwrap_or((advice, ""));
    let first = sentence(first);
    html! {
        (first.trim_end_matches('.'))
        @for (verb, after) in marks.split('{').filter_map(|part| part.split_once('}')) {
            code { (program) " " (verb) } (after)
        }
        "."
    }
}

#[cfg(test)]
mod tests {
    use super::advised;

    #[test]
    fn an_advice_names_commands_of_the_program() {
        let text = |advice| advised(advice, "fast-queue").into_string();
        assert_eq!(text("the disk is slow"), "The disk is slow.");
        assert_eq!(
            text("start a worker: {worker}"),
            "Start a worker: <code>fast-queue worker</code>."
        );
        assert_eq!(
            text("{prune} and {shrink} help"),
            "<code>fast-queue prune</code> and <code>fast-queue shrink</code> help."
        );
    }
}
