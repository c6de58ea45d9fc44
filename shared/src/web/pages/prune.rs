//! Prune: the form, the question, and the report.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::dashboard::Dashboard;
use super::super::prune::{AGES, Pruned, Selected};
use super::super::reply::{Problem, Reply};
use super::super::request::Request;
use super::super::words::{ago, sentence, tasks};
use super::layout::{Page, form_token};
use crate::queue::Queue;
use crate::state::State;

/// The form, or the question once states are chosen.
pub(in super::super) fn prune<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let content = match Selected::of(&request.query, dashboard.now())? {
        None => form(&request.root),
        Some(chosen) => question(dashboard, request, &chosen)?,
    };
    Ok(page(dashboard, request, &content))
}

fn page<Q: Queue>(dashboard: &Dashboard<Q>, request: &Request, content: &Markup) -> Reply {
    let page = Page {
        title: "Prune",
        nav: "tasks",
        is_live: false,
    };
    Reply::page(page.around(dashboard, request, content))
}

fn form(root: &str) -> Markup {
    let states = State::ALL.into_iter().filter(|state| state.is_terminal());
    html! {
        section.question {
            h1 { "Prune" }
            p { "Delete ended tasks, with their output." }
            form.filters method="get" {
                fieldset {
                    legend.quiet { "States" }
                    @for state in states {
                        label class={ "toggle s-" (state) } {
                            input type="checkbox" name="state" value=(state) data-waits
                                checked[state == State::Succeeded];
                            span { (state) }
                        }
                    }
                }
                label for="age" { "that ended" }
                select #age name="age" data-waits {
                    @for (millis, words) in AGES {
                        option value=(millis) selected[words.contains("week")] { (words) }
                    }
                }
                button.primary { "Count them" }
                a.button.plain href={ (root) "tasks" } { "Back to the tasks" }
            }
        }
    }
}

fn question<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    chosen: &Selected,
) -> Result<Markup, Problem> {
    let (count, is_capped) = chosen.count(&dashboard.queue)?;
    let more = if is_capped { "more than " } else { "" };
    let order = format!("Delete {more}{}", tasks(count));
    let states: Vec<&str> = chosen.states.iter().map(|state| state.as_str()).collect();
    Ok(html! {
        section.question {
            @if count == 0 {
                h1 { "Nothing to delete" }
                p { "No task that matches can be deleted." }
                a.button href={ (request.root) "tasks/prune" } { "Choose others" }
            } @else {
                h1 { (order) "?" }
                p {
                    "All " (states.join(" and ")) " tasks that ended before "
                    (ago(chosen.before, dashboard.now())) ", with their output."
                }
                p.dim {
                    "The newest task stays, and so does one whose output another task may still read."
                }
                (start(dashboard, request, (chosen, &order)))
            }
        }
    })
}

/// The form that deletes.
fn start<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    (chosen, order): (&Selected, &str),
) -> Markup {
    html! {
        form method="post" action={ (request.root) "tasks/prune/start" } {
            (form_token(dashboard, request))
            @for (name, value) in chosen.pairs() { input type="hidden" name=(name) value=(value); }
            button.danger { (order) }
            " "
            a.button.plain href={ (request.root) "tasks" } { "Back to the tasks" }
        }
    }
}

/// The report.
pub(in super::super) fn pruned<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    pruned: &Pruned,
) -> Reply {
    let were = if pruned.count == 1 { "was" } else { "were" };
    let content = html! {
        section.question role="status" {
            h1 { (tasks(pruned.count)) " " (were) " deleted" }
            @if let Some(error) = &pruned.failed {
                p.problem { "Some outputs are still there. " (sentence(error)) }
            }
            @if let Some(left) = &pruned.left {
                p { "That took a while, and more tasks match." }
                (start(dashboard, request, (left, "Go on with the rest")))
            } @else {
                p { a.button href={ (request.root) "tasks" } { "Back to the tasks" } }
            }
        }
    };
    page(dashboard, request, &content)
}
