//! The question before a change of several tasks, and the report after it.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::action::{Action, Selection};
use super::super::dashboard::Dashboard;
use super::super::filter::Filter;
use super::super::reply::{Problem, Reply};
use super::super::report::Done;
use super::super::request::Request;
use super::super::words::{cell, chip, number, sentence, tasks};
use super::layout::{Page, form_token};
use super::tasks::words_of;
use crate::queue::Queue;
use crate::task::Task;

/// Number of tasks up to which a filter's are counted.
const MOST_COUNTED: usize = 10_000;

/// Tasks that the question names.
const NAMED: usize = 10;

/// The question.
pub(in super::super) fn confirm<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let action = Action::of(&request.query)?;
    let selection = Selection::of(&request.query);
    let (count, named, of) = match &selection {
        Selection::Ids(ids) if ids.is_empty() => {
            let clause = "choose at least one task, or all that match".to_owned();
            return Err(Problem::Invalid(clause));
        }
        Selection::Ids(ids) => {
            let named = ids.iter().rev().take(NAMED);
            let named = named.filter_map(|id| dashboard.queue.get(*id).transpose());
            (
                Count::exact(ids.len()),
                named.collect::<crate::Result<Vec<_>>>()?,
                String::new(),
            )
        }
        Selection::Filter(filter, _) => match action.filter(filter.clone()) {
            None => (Count::exact(0), Vec::new(), words_of(filter)),
            Some(filter) => {
                let (count, named) = counted(dashboard, &filter)?;
                (count, named, words_of(&filter))
            }
        },
    };
    let fields = fields(action, &selection);
    let verb = action.verb();
    let content = html! {
        section.question {
            h1 { (verb) " " (count.words()) "?" }
            @if !of.is_empty() { p { "They are " (of) "." } }
            @if count.count == 0 {
                p { "None of them can be " (action.done()) "." }
            } @else {
                (names(&named, count.count))
                @if let Action::Prioritize(priority) = action {
                    p { "Their priority becomes " strong { (priority) } "." }
                }
                p.dim { "Tasks whose state does not allow it are left as they are." }
                form method="post" action={ (request.root) "tasks/change" } {
                    (form_token(dashboard, request))
                    (fields)
                    button class=(if action == Action::Cancel { "danger" } else { "primary" }) {
                        (verb) " " (count.words())
                    }
                    " "
                    a.button.plain href={ (request.root) "tasks" } { "Back" }
                }
            }
        }
    };
    let page = Page {
        title: verb,
        nav: "tasks",
        is_live: false,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

/// Number of tasks, which may be a lower bound.
#[derive(Clone, Copy)]
struct Count {
    count: usize,
    is_capped: bool,
}

impl Count {
    fn exact(count: usize) -> Self {
        Self {
            count,
            is_capped: false,
        }
    }

    fn words(self) -> String {
        if self.is_capped {
            format!("more than {}", tasks(self.count as u64))
        } else {
            tasks(self.count as u64)
        }
    }
}

/// Counts the tasks of a filter up to ten thousand, and returns the first ones. A search that takes long
/// ends sooner.
fn counted<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    filter: &Filter,
) -> Result<(Count, Vec<Task>), Problem> {
    let (mut count, mut named, mut before) = (0, Vec::new(), None);
    loop {
        let stats = &dashboard.summary()?.stats;
        let page = filter.page(&dashboard.queue, stats, (before, MOST_COUNTED / 10))?;
        count += page.tasks.len();
        let missing = NAMED.saturating_sub(named.len());
        named.extend(page.tasks.into_iter().take(missing));
        before = page.next;
        let is_capped = before.is_some() && (count >= MOST_COUNTED || page.is_cut);
        if before.is_none() || is_capped {
            return Ok((Count { count, is_capped }, named));
        }
    }
}

fn names(named: &[Task], count: usize) -> Markup {
    html! {
        ul.named {
            @for task in named {
                li { span.number.dim { (task.id) } " " (cell(&task.name)) " " (chip(task)) }
            }
            @if count > named.len() {
                li.dim { "and " (number((count - named.len()) as u64)) " more" }
            }
        }
    }
}

/// The action and its tasks as fields of a form.
fn fields(action: Action, selection: &Selection) -> Markup {
    let mut fields = vec![("action", action.word().to_owned())];
    if let Action::Prioritize(priority) = action {
        fields.push(("priority", priority.to_string()));
    }
    match selection {
        Selection::Ids(ids) => fields.extend(ids.iter().map(|id| ("id", id.to_string()))),
        Selection::Filter(filter, before) => {
            fields.push(("all", "1".to_owned()));
            fields.extend(filter.pairs());
            fields.extend(before.map(|id| ("before", id.to_string())));
        }
    }
    html! { @for (name, value) in fields { input type="hidden" name=(name) value=(value); } }
}

/// The report.
pub(in super::super) fn done<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    done: &Done,
) -> Reply {
    let were = |count: u64| if count == 1 { "was" } else { "were" };
    let content = html! {
        section.question role="status" {
            h1 {
                @if done.is_empty() { "No task was " (done.action.done()) }
                @else { (tasks(done.changed)) " " (were(done.changed)) " " (done.action.done()) }
            }
            @if done.asked > 0 {
                p { (tasks(done.asked)) " " (were(done.asked)) " running and asked to stop." }
            }
            @if done.already > 0 {
                p { (tasks(done.already)) " " (were(done.already)) " that already." }
            }
            @if done.refused > 0 {
                p {
                    (tasks(done.refused)) " " (were(done.refused))
                        " left alone: the state does not allow it."
                }
            }
            @if done.missing > 0 {
                p { (tasks(done.missing)) " " (were(done.missing)) " not found." }
            }
            @if let Some(error) = &done.failed {
                p.problem { "Then it stopped: " (sentence(error)) }
            }
            @if let Some((filter, before)) = &done.left {
                form method="post" action={ (request.root) "tasks/change" } {
                    (form_token(dashboard, request))
                    (fields(done.action, &Selection::Filter(filter.clone(), Some(*before))))
                    p { "There are more." }
                    button.primary { "Go on" }
                }
            }
            p {
                @if let Some(id) = request.form.get("back").and(request.form.get("id")) {
                    a.button href={ (request.root) "tasks/" (id) } { "Back to task " (id) } " "
                }
                a.button href={ (request.root) "tasks" } { "To the tasks" }
            }
        }
    };
    let page = Page {
        title: "Done",
        nav: "tasks",
        is_live: false,
    };
    Reply::page(page.around(dashboard, request, &content))
}
