//! The schedules, and the history of each.

use std::sync::Arc;

use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::{Request, query_of};
use super::super::sources::{FiringRow, ScheduleHistory, ScheduleRow};
use super::super::words::{ago, cell, chip, line, sentence};
use super::layout::{Page, columns, form_token, table};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::queue::Queue;
use crate::task::Task;
use crate::text::moment;

/// The page of the schedules.
pub(in super::super) fn schedules<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let now = dashboard.now();
    let source = dashboard.sources.schedules.as_ref();
    let schedules = source.map_or(Ok(Vec::new()), |source| (source.all)(&dashboard.queue))?;
    let mut names = vec!["Name", "Times", "Next", "Last", "Command"];
    if dashboard.writes() {
        names.insert(0, "Chosen");
        names.push("");
    }
    let content = html! {
        h1 { "Schedules" }
        @if schedules.is_empty() {
            p.none {
                "There are no schedules. " code { (dashboard.options.program) " schedule add" }
                " makes one."
            }
        }
        (table("schedule-rows", "Schedules", &columns(&names), &html! {
            @for schedule in &schedules {
                tr id={ "c-" (schedule.name) } {
                    @if dashboard.writes() { (pick(schedule)) }
                    td.main {
                        a href={ (request.root) (address(&schedule.name)) } { (cell(&schedule.name)) }
                    }
                    td { (times(schedule)) }
                    td data-label=[schedule.standing.is_none().then_some("next")] {
                        (next(schedule, now))
                    }
                    td data-label="last" {
                        @match schedule.last {
                            Some((at, Some(id))) => a href={ (request.root) "tasks/" (id) } {
                                (ago(at, now))
                            },
                            Some((at, None)) => (ago(at, now)),
                            None => span.dim { "–" },
                        }
                    }
                    td { code { (cell(&schedule.command)) } }
                    @if dashboard.writes() {
                        td.acts { (buttons(dashboard, request, schedule, "list")) }
                    }
                }
            }
        }))
        @if dashboard.writes() && schedules.len() > 1 { (bulk(dashboard, request)) }
    };
    let page = Page {
        title: "Schedules",
        nav: "schedules",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

/// The box that chooses a schedule for the form below the table.
fn pick(schedule: &ScheduleRow) -> Markup {
    html! {
        td.pick {
            input type="checkbox" form="picked" name="name" value=(schedule.name)
                aria-label={ "Choose schedule " (line(&schedule.name)) };
        }
    }
}

/// The buttons for the chosen schedules.
fn bulk<Q: Queue>(dashboard: &Dashboard<Q>, request: &Request) -> Markup {
    html! {
        form #picked.bulk method="post" action={ (request.root) "schedules/change" }
            aria-label="Actions on the chosen schedules" {
            (form_token(dashboard, request))
            span.dim { "Chosen:" }
            button name="action" value="pause" { "Pause" }
            button name="action" value="resume" { "Resume" }
        }
    }
}

/// Path of the page of a schedule, from the first page.
pub(in super::super) fn address(name: &str) -> String {
    format!("schedules/history{}", query_of([("name", name.to_owned())]))
}

fn times(schedule: &ScheduleRow) -> Markup {
    html! {
        code { (cell(&schedule.times)) }
        @if !["UTC", "Etc/UTC"].contains(&schedule.zone.as_str()) { " " span.dim.small { (line(&schedule.zone)) } }
    }
}

/// The next firing, or the reason for which there is none.
fn next(schedule: &ScheduleRow, now: Timestamp) -> Markup {
    html! {
        @match (schedule.standing, schedule.next_at) {
            (Some(word), _) => span.chip.s-blocked { (word) },
            (None, Some(at)) => (ago(at, now)),
            (None, None) => span.dim { "–" },
        }
    }
}

/// The buttons that run, pause and resume a schedule. They lead back to the page that is named.
fn buttons<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    schedule: &ScheduleRow,
    back: &str,
) -> Markup {
    let name = line(&schedule.name);
    let (action, label) = if schedule.is_paused {
        ("resume", "Resume")
    } else {
        ("pause", "Pause")
    };
    html! {
        form method="post" action={ (request.root) "schedules/change" } {
            (form_token(dashboard, request))
            input type="hidden" name="name" value=(schedule.name);
            input type="hidden" name="back" value=(back);
            button name="action" value="run" aria-label={ "Run " (name) " now" } { "Run now" }
            button name="action" value=(action) aria-label={ (label) " schedule " (name) } { (label) }
        }
    }
}

/// The page of one schedule.
pub(in super::super) fn history<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let name = request.query.get("name").unwrap_or_default();
    let source = dashboard.sources.schedules.as_ref();
    let found = source.map_or(Ok(None), |source| (source.one)(&dashboard.queue, name))?;
    let missing = || Problem::NotFound("there is no schedule of that name".to_owned());
    let found = found.ok_or_else(missing)?;
    let mut tasks = Vec::new();
    for id in &found.tasks {
        tasks.extend(dashboard.queue.get(*id)?);
    }
    let now = dashboard.now();
    let content = html! {
        div.head {
            h1 dir="auto" { (line(&found.row.name)) }
            div #state.state data-live {
                @if let Some(word) = found.row.standing { span.chip.s-blocked { (word) } }
                (times(&found.row))
            }
            @if dashboard.writes() {
                div #acts.acts data-live { (buttons(dashboard, request, &found.row, "history")) }
            }
        }
        @if let Some(trouble) = &found.trouble { p.why { (sentence(trouble)) } }
        pre.command { code { (line(&found.row.command)) } }
        dl.facts {
            @for (name, value) in &found.rules { div { dt { (name) } dd { (cell(value)) } } }
        }
        div.columns {
            (coming(&found, now))
            (past(&found, &tasks, &request.root, now))
        }
        (tasks_of(&tasks, &request.root, now))
    };
    let page = Page {
        title: &format!("Schedule {}", line(&found.row.name)),
        nav: "schedules",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

fn exact(at: Timestamp) -> Markup {
    html! { time datetime=(moment::iso(at)) { (moment::shown(at, &TimeZone::system())) } }
}

fn coming(found: &ScheduleHistory, now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="coming" {
            h2 #coming { "Next" }
            @if found.next.is_empty() { p.none { "It does not fire." } }
            (table("coming-rows", "Next slots", &columns(&["Time", "#From now"]), &html! {
                @for slot in &found.next {
                    tr { td.main { (exact(*slot)) } td.number { (ago(*slot, now)) } }
                }
            }))
        }
    }
}

fn past(found: &ScheduleHistory, tasks: &[Task], root: &str, now: Timestamp) -> Markup {
    let result = |firing: &FiringRow| {
        html! {
            @match (firing.task, firing.skipped) {
                (Some(id), _) => {
                    a href={ (root) "tasks/" (id) } { "#" (id) }
                    @match tasks.iter().find(|task| task.id == id) {
                        Some(task) => { " " (chip(task)) }
                        None => {},
                    }
                }
                (None, Some((words, cause))) => {
                    span.dim { (words) }
                    @if let Some(id) = cause { " " a href={ (root) "tasks/" (id) } { "#" (id) } }
                }
                (None, None) => {},
            }
        }
    };
    html! {
        section aria-labelledby="firings" {
            h2 #firings { "Firings" }
            @if found.firings.is_empty() { p.none { "It has not fired yet." } }
            (table("firing-rows", "Firings, the newest first", &columns(&["Time", "Result"]), &html! {
                @for firing in &found.firings {
                    tr {
                        td.main title=(moment::relative(firing.slot, now)) {
                            (exact(firing.slot))
                            @if let Some(until) = firing.until { " to " (exact(until)) }
                        }
                        td { (result(firing)) }
                    }
                }
            }))
        }
    }
}

fn tasks_of(tasks: &[Task], root: &str, now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="runs" {
            h2 #runs { "Tasks" }
            @if tasks.is_empty() { p.none { "None of its tasks is stored." } }
            (table("run-rows", "Tasks of the schedule, the newest first",
                &columns(&["#Id", "Task", "State", "#Changed"]),
                &html! {
                    @for task in tasks {
                        tr id={ "t" (task.id) } {
                            td.number.dim { (task.id) }
                            td.main { a href={ (root) "tasks/" (task.id) } { (cell(&task.name)) } }
                            td { (chip(task)) }
                            td.number {
                                (super::super::words::ago_or_dash(
                                    super::super::words::changed_at(task), now))
                            }
                        }
                    }
                }))
        }
    }
}
