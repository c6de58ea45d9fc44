//! The question before a change of several tasks, and the report after it.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::action::{Selection, TaskAction};
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

/// Number of tasks up to which those of a queue or a name are counted: some 25 ms.
const MOST_COUNTED: usize = 2_500;

/// Tasks that the question names.
const NAMED: usize = 10;

/// The question.
pub(in super::super) fn confirm<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let action = TaskAction::of(&request.query)?;
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
    let order = action.order(&count.words());
    let content = html! {
        section.question {
            @if count.count == 0 {
                h1 { "Nothing to change" }
                p { "No task that matches can be " (action.done()) "." }
                a.button href={ (request.root) "tasks" } { "Back to the tasks" }
            } @else {
                h1 { (order) "?" }
                @if !of.is_empty() { p { "All " (of) ":" } }
                (names(&named, count))
                p.dim {
                    "A task whose state no longer allows it by then is left as it is."
                }
                form method="post" action={ (request.root) "tasks/change" } {
                    (form_token(dashboard, request))
                    (fields)
                    button class=(if action == TaskAction::Cancel { "danger" } else { "primary" }) {
                        (order)
                    }
                    " "
                    a.button.plain href={ (request.root) "tasks" } { "Back to the tasks" }
                }
            }
        }
    };
    let page = Page {
        title: action.verb(),
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

/// Counts the tasks of a filter, by the counts of their states or up to some thousand, and returns the first
/// ones. A search that takes long ends sooner.
fn counted<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    filter: &Filter,
) -> Result<(Count, Vec<Task>), Problem> {
    let stats = &dashboard.summary()?.stats;
    if let Some(count) = filter.count(stats) {
        let page = filter.page(&dashboard.queue, stats, (None, NAMED))?;
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        return Ok((Count::exact(count.max(page.tasks.len())), page.tasks));
    }
    let (mut count, mut named, mut before) = (0, Vec::new(), None);
    loop {
        let page = filter.page(&dashboard.queue, stats, (before, MOST_COUNTED / 5))?;
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

fn names(named: &[Task], all: Count) -> Markup {
    let more = all.count.saturating_sub(named.len()) as u64;
    html! {
        ul.named {
            @for task in named {
                li { span.number.dim { (task.id) } " " (cell(&task.name)) " " (chip(task)) }
            }
            @if more > 0 {
                li.dim { "and " @if all.is_capped { "over " } (number(more)) " more" }
            }
        }
    }
}

/// The action and its tasks as fields of a form.
fn fields(action: TaskAction, selection: &Selection) -> Markup {
    let mut fields = vec![("action", action.word().to_owned())];
    if let TaskAction::Prioritize(priority) = action {
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
                p {
                    (tasks(done.asked)) " " (were(done.asked))
                        " running: the workers were asked to stop them."
                }
            }
            @if done.already > 0 {
                p { (tasks(done.already)) " " (were(done.already)) " " (done.action.done_before()) "." }
            }
            @if done.refused > 0 {
                p {
                    (tasks(done.refused)) " " (were(done.refused))
                        " left alone: a task in that state cannot be " (done.action.done()) "."
                }
            }
            @if done.missing > 0 {
                p {
                    (tasks(done.missing)) @if done.missing == 1 { " does" } @else { " do" }
                        " not exist any more."
                }
            }
            @if let Some(error) = &done.failed {
                p.problem { "The rest was not changed. " (sentence(error)) }
            }
            @if let Some((filter, before)) = &done.left {
                form method="post" action={ (request.root) "tasks/change" } {
                    (form_token(dashboard, request))
                    (fields(done.action, &Selection::Filter(filter.clone(), Some(*before))))
                    p { "That took a while, and more tasks match." }
                    button.primary { "Go on with the rest" }
                }
            }
            p {
                @if let Some(id) = request.form.get("back").and(request.form.get("id")) {
                    a.button href={ (request.root) "tasks/" (id) } { "Back to task " (id) } " "
                }
                a.button href={ (request.root) "tasks" } { "Back to the tasks" }
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
