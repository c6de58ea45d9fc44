//! The list of tasks: filters, pages, selections.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::action::TaskAction;
use super::super::counts::Summary;
use super::super::dashboard::Dashboard;
use super::super::filter::{Filter, Page as Found};
use super::super::reply::{Problem, Reply};
use super::super::request::{Request, query_of};
use super::super::words::{self, ago_or_dash, cell, changed_at, chip, line, number};
use super::layout::{Page, columns, table};
use crate::clock::Timestamp;
use crate::queue::Queue;
use crate::state::State;
use crate::task::{Task, TaskId};
use crate::text::ending;

/// Tasks of a page.
const MOST: usize = 50;

/// Most queues that the filter offers by name.
const OFFERED: usize = 200;

/// The page of the tasks that the link's filter leaves.
pub(in super::super) fn tasks<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let filter = Filter::of(&request.query);
    let before = request
        .query
        .get("before")
        .and_then(|text| text.parse().ok());
    let before = before.map(TaskId);
    let summary = dashboard.summary()?;
    let found = filter.page(&dashboard.queue, &summary.stats, (before, MOST))?;
    let now = dashboard.now();
    let list = rows(dashboard, request, &found, now);
    let content = html! {
        h1 { "Tasks" }
        (filters(&filter, &summary))
        @if dashboard.writes() && !found.tasks.is_empty() {
            form #chosen method="get" action={ (request.root) "tasks/confirm" } {
                (list)
                (bulk(&filter, &request.root))
            }
        } @else {
            (list)
        }
        (pager(&filter, &found, before))
    };
    let page = Page {
        title: "Tasks",
        nav: "tasks",
        is_live: before.is_none(),
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

fn rows<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    found: &Found,
    now: Timestamp,
) -> Markup {
    let writes = dashboard.writes();
    let names = [
        "", "#Id", "Task", "State", "Queue", "#Attempt", "#Changed", "#Took",
    ];
    let names = if writes { &names[..] } else { &names[1..] };
    html! {
        @if found.tasks.is_empty() {
            p.none #no-rows {
                @match found.next.filter(|_| found.is_cut) {
                    Some(next) => {
                        "No match among the tasks from #" (number(next.0.unsigned_abs()))
                            " on. The button searches older ones."
                    }
                    None => "No task matches.",
                }
            }
        }
        (table("task-rows", "Tasks, the newest first", &columns(names), &html! {
            @for task in &found.tasks {
                tr id={ "t" (task.id) } {
                    @if writes {
                        td.pick {
                            input type="checkbox" name="id" value=(task.id)
                                aria-label={ "Choose task " (task.id) }
                            ;
                        }
                    }
                    td.number.dim { (task.id) }
                    td.main { (name_cell(task, &request.root)) }
                    td {
                        (chip(task))
                        @if task.state == State::Failed {
                            " " span.dim.small { (cell(&ending::ending(task).unwrap_or_default())) }
                        }
                    }
                    td { (cell(&task.queue)) }
                    td.number {
                        (task.attempts_spent()) span.dim { "/" (task.options.max_attempts) }
                    }
                    td.number { (ago_or_dash(changed_at(task), now)) }
                    td.number {
                        @match ending::took(task) {
                            Some(took) => (words::took(took)),
                            None => span.dim { "–" },
                        }
                    }
                }
            }
        }))
    }
}

/// A task's name as a link, and its command unless the name says the same.
pub(super) fn name_cell(task: &Task, root: &str) -> Markup {
    let command = task.work.display();
    html! {
        a href={ (root) "tasks/" (task.id) } { (cell(&task.name)) }
        @if command != task.name { code.dim.small { (cell(&command)) } }
    }
}

/// The form of the filter.
fn filters(filter: &Filter, summary: &Summary) -> Markup {
    let chosen = |state: &State| filter.states.contains(state);
    let mut queues: Vec<&str> = summary
        .queues
        .iter()
        .map(|queue| queue.name.as_str())
        .collect();
    queues.dedup();
    html! {
        form.filters method="get" role="search" aria-label="Filter" {
            fieldset {
                legend.quiet { "States" }
                @for state in State::ALL {
                    label class={ "toggle s-" (state) } {
                        input type="checkbox" name="state" value=(state) checked[chosen(&state)];
                        span { (state) }
                    }
                }
                label.toggle {
                    input type="checkbox" name="held" value="1" checked[filter.held];
                    span { "held" }
                }
            }
            label for="f-queue" class="quiet" { "Queue" }
            input #f-queue name="queue" list="queues" placeholder="Any queue"
                value=[filter.queue.as_deref()] autocomplete="off";
            datalist #queues {
                @for queue in queues.iter().take(OFFERED) { option value=(queue) {} }
            }
            label for="f-name" class="quiet" { "Part of the name" }
            input #f-name type="search" name="name" placeholder="Part of the name"
                value=[filter.name.as_deref()];
            button { "Filter" }
            @if !filter.is_empty() { a.button.plain href="?" { "Clear" } }
        }
    }
}

/// The buttons for the chosen tasks, or for all that the filter leaves.
fn bulk(filter: &Filter, root: &str) -> Markup {
    html! {
        div.bulk role="group" aria-label="Actions" {
            @for (name, value) in filter.pairs() { input type="hidden" name=(name) value=(value); }
            label.toggle {
                input type="checkbox" name="all" value="1";
                span { @if filter.is_empty() { "all tasks" } @else { "all that match" } }
            }
            @for action in [TaskAction::Retry, TaskAction::Cancel, TaskAction::Hold, TaskAction::Release] {
                button name="action" value=(action.word()) { (action.verb()) }
            }
            span.pair {
                label for="priority" class="quiet" { "Priority" }
                input #priority name="priority" inputmode="numeric" placeholder="Priority" size="8";
                button name="action" value="prioritize" { "Prioritise" }
            }
            a.button.plain href={ (root) "tasks/prune" } { "Prune…" }
        }
    }
}

fn pager(filter: &Filter, found: &Found, before: Option<TaskId>) -> Markup {
    let older = |id: TaskId| {
        let mut pairs = filter.pairs();
        pairs.push(("before", id.to_string()));
        query_of(pairs)
    };
    let newest = query_of(filter.pairs());
    html! {
        nav.pager aria-label="Pages of the list" {
            @if before.is_some() {
                a.button href=(if newest.is_empty() { "?" } else { &newest }) { "Newest" }
            }
            @if let Some(next) = found.next {
                a.button rel="next" href=(older(next)) {
                    @if found.is_cut { "Search older tasks" } @else { "Older" }
                }
            }
        }
    }
}

/// The tasks of a filter in words: `failed or held tasks in queue mail`.
pub(super) fn words_of(filter: &Filter) -> String {
    let states: Vec<&str> = filter.states.iter().map(|state| state.as_str()).collect();
    let mut words = match states.split_last() {
        _ if filter.held => "held ".to_owned(),
        None => String::new(),
        Some((only, [])) => format!("{only} "),
        Some((last, others)) => format!("{} or {last} ", others.join(", ")),
    };
    words.push_str("tasks");
    if let Some(queue) = &filter.queue {
        words.push_str(" in queue ");
        words.push_str(&line(queue));
    }
    if let Some(name) = &filter.name {
        words.push_str(" with “");
        words.push_str(&line(name));
        words.push_str("” in their name");
    }
    words
}

#[cfg(test)]
mod tests {
    use super::{Filter, words_of};
    use crate::state::State;

    #[test]
    fn a_filter_reads_as_a_phrase() {
        let mut filter = Filter::default();
        assert_eq!(words_of(&filter), "tasks");
        filter.states = vec![State::Failed];
        filter.name = Some("a\u{202e}b".to_owned());
        let expected = "failed tasks with “a\\u{202e}b” in their name";
        assert_eq!(words_of(&filter), expected);
        filter.states = vec![State::Queued, State::Running, State::Failed];
        filter.queue = Some("mail".to_owned());
        filter.name = None;
        let expected = "queued, running or failed tasks in queue mail";
        assert_eq!(words_of(&filter), expected);
    }
}
