//! The event log, the newest first.

use std::collections::BTreeSet;
use std::sync::Arc;

use maud::{Markup, html};

use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::{Pairs, Request, query_of};
use super::super::words::{ago, cell, line};
use super::layout::{Page, columns, table};
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::journal::{Cursor, Event, EventFilter, EventKind, OlderEvents};
use crate::queue::Queue;
use crate::state::State;
use crate::task::TaskId;
use crate::text::events::{data, details};

/// Events of a page.
const MOST: usize = 50;

/// Most characters of the details in a row.
const MOST_CHARS: usize = 300;

/// Filter of a link or form.
struct Asked {
    /// Name of a kind, or the word that several begin with.
    kind: Option<String>,
    queue: Option<String>,
    task: Option<i64>,
}

impl Asked {
    /// # Errors
    /// [`Problem::Invalid`] for a task that is no number, and for a kind that does not exist.
    fn of(pairs: &Pairs) -> Result<Self, Problem> {
        let task = pairs.get("task").map(|text| {
            let text = text.trim().trim_start_matches('#');
            let no_number = || Problem::Invalid("a task has a number".to_owned());
            text.parse().map_err(|_| no_number())
        });
        let asked = Self {
            kind: pairs.get("kind").map(str::to_owned),
            queue: pairs.get("queue").map(str::to_owned),
            task: task.transpose()?,
        };
        if asked.kind.is_some() && asked.kinds().is_empty() {
            let clause = "there is no such kind of event".to_owned();
            return Err(Problem::Invalid(clause));
        }
        Ok(asked)
    }

    /// Pairs that read back as this.
    fn pairs(&self) -> Vec<(&'static str, String)> {
        let mut pairs = Vec::new();
        pairs.extend(self.kind.clone().map(|kind| ("kind", kind)));
        pairs.extend(self.queue.clone().map(|queue| ("queue", queue)));
        pairs.extend(self.task.map(|task| ("task", task.to_string())));
        pairs
    }

    fn kinds(&self) -> Vec<EventKind> {
        let Some(word) = &self.kind else {
            return Vec::new();
        };
        let is_meant = |kind: &EventKind| kind.name() == word || group(*kind) == Some(word);
        EventKind::ALL.iter().copied().filter(is_meant).collect()
    }

    fn filter(&self) -> EventFilter {
        let filter = EventFilter::new().kinds(self.kinds());
        match &self.queue {
            Some(queue) => filter.queue(queue),
            None => filter,
        }
    }
}

/// The word that the names of several kinds begin with.
fn group(kind: EventKind) -> Option<&'static str> {
    Some(kind.name().split_once('.')?.0)
}

/// The page of the events.
pub(in super::super) fn events<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let asked = Asked::of(&request.query)?;
    let before = request.query.get("before").map(|text| {
        let no_cursor = |_| Problem::Invalid("the link names no place in the log".to_owned());
        text.parse::<Cursor>().map_err(no_cursor)
    });
    let before = before.transpose()?;
    let content = match dashboard.sources.events {
        None => without_log(dashboard.options.program),
        Some(read) => {
            let found = match asked.task {
                Some(task) => of_task(dashboard, &asked, TaskId(task))?,
                None => read(&dashboard.queue, &asked.filter(), before, MOST).map_err(stale)?,
            };
            let now = dashboard.now();
            html! {
                h1 { "Events" }
                (filters(&asked))
                (rows(&found, &request.root, now))
                (pager(&asked, &found, before))
            }
        }
    };
    let page = Page {
        title: "Events",
        nav: "events",
        is_live: before.is_none() && dashboard.sources.events.is_some(),
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

/// A position that the file does not have any more.
fn stale(error: Error) -> Problem {
    if matches!(error, Error::Invalid { .. }) {
        let clause = "this link is of the file before it was restored; open the events anew";
        return Problem::Invalid(clause.to_owned());
    }
    error.into()
}

fn without_log(program: &str) -> Markup {
    html! {
        h1 { "Events" }
        p {
            "A file of " (program) " has no event log. The page of a task shows its enqueue, its last "
            "start and its end."
        }
        p.dim {
            code { "workflow-queue promote FILE" }
            " turns the file into one that keeps a log from then on."
        }
    }
}

/// All that is known of a task, as a page of events.
fn of_task<Q: Queue>(
    dashboard: &Dashboard<Q>,
    asked: &Asked,
    task: TaskId,
) -> Result<OlderEvents, Problem> {
    let mut events = dashboard.queue.history(task)?.unwrap_or_default();
    let kinds = asked.kinds();
    let of_queue = |event: &Event| asked.queue.is_none() || event.queue == asked.queue;
    events.retain(|event| of_queue(event) && (kinds.is_empty() || kinds.contains(&event.kind)));
    events.reverse();
    Ok(OlderEvents {
        events,
        ..OlderEvents::default()
    })
}

/// Rows of events, for the pages that show some.
pub(super) fn rows(found: &OlderEvents, root: &str, now: Timestamp) -> Markup {
    html! {
        @if found.events.is_empty() {
            p.none #no-rows {
                @if found.is_cut { "No match among the newest events. The button searches older ones." }
                @else { "No event matches." }
            }
        }
        (table("event-rows", "Events, the newest first",
            &columns(&["When", "Event", "#Task", "Queue", "Details"]), &html! {
                @for event in &found.events {
                    tr id=(row_id(event)) {
                        td { (ago(event.at, now)) }
                        td { (kind_chip(event)) }
                        td.number {
                            @if let Some(task) = event.task {
                                a href={ (root) "tasks/" (task) } { "#" (task) }
                            }
                        }
                        td.dim { @if let Some(queue) = &event.queue { (cell(queue)) } }
                        td.main.details { (detail(event)) }
                    }
                }
            }))
    }
}

/// Most events of the history in the page of a task, the newest.
const MOST_OF_TASK: usize = 50;

/// All that happened to a task, the newest first.
pub(super) fn history<Q: Queue>(
    dashboard: &Dashboard<Q>,
    task: TaskId,
    now: Timestamp,
) -> Result<Markup> {
    let mut events = dashboard.queue.history(task)?.unwrap_or_default();
    events.reverse();
    let all = events.len();
    events.truncate(MOST_OF_TASK);
    Ok(html! {
        section aria-labelledby="history" {
            h2 #history { "History" }
            (table("history-rows", "Events of the task, the newest first",
                &columns(&["When", "Event", "Details"]), &html! {
                    @for event in &events {
                        tr id=(row_id(event)) {
                            td { (ago(event.at, now)) }
                            td { (kind_chip(event)) }
                            td.main.details { (detail(event)) }
                        }
                    }
                }))
            @if all > events.len() {
                p.none { "The last " (events.len()) " of " (all) " are shown." }
            }
        }
    })
}

/// Name of a row, the same at every read.
fn row_id(event: &Event) -> String {
    if let Some(seq) = event.seq {
        return format!("e{seq}");
    }
    let task = event.task.map_or(0, |task| task.0);
    let token = event.token.unwrap_or(0);
    format!("e-{}-{task}-{token}", event.kind.name())
}

/// A kind, in the colour of the state that the task has after it.
fn kind_chip(event: &Event) -> Markup {
    let state = if event.kind == EventKind::Enqueued {
        Some(State::Queued)
    } else if event.kind == EventKind::Crashed {
        Some(State::Failed)
    } else {
        event.state
    };
    html! {
        @match state {
            Some(state) => span class={ "chip s-" (state) } title=(event.kind.about()) {
                (event.kind.name())
            },
            None => span.tag title=(event.kind.about()) { (event.kind.name()) },
        }
    }
}

/// The values of an event in words; of an enqueue, the name of the task.
fn detail(event: &Event) -> Markup {
    let name = if event.kind == EventKind::Enqueued {
        data(event).and_then(|data| Some(data.get("name")?.as_str()?.to_owned()))
    } else {
        None
    };
    let text = name.unwrap_or_else(|| details(event));
    let text = line(&text);
    let cut: String = text.chars().take(MOST_CHARS).collect();
    html! {
        span.text dir="auto" { (cut) @if cut.len() < text.len() { "…" } }
    }
}

/// The form of the filter.
fn filters(asked: &Asked) -> Markup {
    let kinds = EventKind::ALL.iter().copied();
    let kinds = kinds.filter(|kind| !matches!(kind, EventKind::Unknown | EventKind::Started));
    let groups: BTreeSet<&str> = kinds.clone().filter_map(group).collect();
    let is_chosen = |word: &str| asked.kind.as_deref() == Some(word);
    html! {
        form.filters method="get" role="search" aria-label="Filter" {
            label for="f-kind" class="quiet" { "Kind" }
            select #f-kind name="kind" {
                option value="" { "Any kind" }
                @for group in groups {
                    option value=(group) selected[is_chosen(group)] { (group) ": all" }
                    @for kind in kinds.clone().filter(|kind| self::group(*kind) == Some(group)) {
                        option value=(kind.name()) selected[is_chosen(kind.name())] { (kind.name()) }
                    }
                }
            }
            label for="f-task" class="quiet" { "Task" }
            input #f-task name="task" inputmode="numeric" placeholder="Any task" value=[asked.task];
            label for="f-queue" class="quiet" { "Queue" }
            input #f-queue name="queue" placeholder="Any queue" value=[asked.queue.as_deref()]
                autocomplete="off";
            button { "Filter" }
            @if !asked.pairs().is_empty() { a.button.plain href="?" { "Clear" } }
        }
    }
}

fn pager(asked: &Asked, found: &OlderEvents, before: Option<Cursor>) -> Markup {
    let older = |next: Cursor| {
        let mut pairs = asked.pairs();
        pairs.push(("before", next.to_string()));
        query_of(pairs)
    };
    let newest = query_of(asked.pairs());
    html! {
        nav.pager aria-label="Pages of the log" {
            @if before.is_some() {
                a.button href=(if newest.is_empty() { "?" } else { &newest }) { "Newest" }
            }
            @if let Some(next) = found.next {
                a.button rel="next" href=(older(next)) {
                    @if found.is_cut { "Search older events" } @else { "Older" }
                }
            }
        }
    }
}
