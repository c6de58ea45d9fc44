//! The first page: counts, firing alerts, the last hour, running tasks, the next ones, the last failures,
//! workers.

use std::sync::Arc;

use maud::{Markup, html};

use super::super::counts::Summary;
use super::super::dashboard::Dashboard;
use super::super::reply::{Problem, Reply};
use super::super::request::Request;
use super::super::words::{ago_or_dash, cell, changed_at, number, tasks};
use super::layout::{Page, columns, table};
use super::tasks::name_cell;
use super::{rates, workers};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::queue::{Alert, ListQuery, Queue};
use crate::state::State;
use crate::task::Task;
use crate::text::{ending, moment};

/// Most rows of each table.
const MOST: usize = 10;

/// Age in milliseconds above which counts say when they were made.
const OLD_MS: i64 = 3000;

/// Most running tasks among which the oldest are found.
const LOOKED_AT: usize = 100;

/// The stream of events.
pub(in super::super) fn live<Q: Queue>(dashboard: &Arc<Dashboard<Q>>, _: &Request) -> Reply {
    Reply::events(dashboard.hub.stream())
}

/// The first page.
pub(in super::super) fn overview<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let queue = &dashboard.queue;
    let now = dashboard.now();
    let summary = dashboard.summary()?;
    let running = running(queue)?;
    let failed = queue.last_failed(MOST, None)?;
    let waiting = waiting(queue, &summary)?;
    let root = &request.root;
    let content = html! {
        h1.quiet { "Overview" }
        (counts(&summary, root, now))
        @if summary.stats.total() == 0 {
            (nothing(dashboard.options.program))
        }
        (alerts(&dashboard.queue.alerts()?, now))
        (rates::section(dashboard, now)?)
        div.columns {
            (running_section(&running, root, now))
            (waiting_section(&waiting, root, now))
            (failed_section(&failed, summary.stats.count(State::Failed), root, now))
            section aria-labelledby="workers" {
                h2 #workers { "Workers" }
                (workers::list(dashboard, now)?)
            }
        }
    };
    let page = Page {
        title: "Overview",
        nav: "",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

/// The alerts that fire.
fn alerts(alerts: &[Alert], now: Timestamp) -> Markup {
    let firing: Vec<&Alert> = alerts.iter().filter(|alert| alert.is_firing()).collect();
    html! {
        div #alerts data-live {
            @if !firing.is_empty() {
                section.alerts role="status" {
                    h2 { "Alerts" }
                    ul {
                        @for alert in firing {
                            li {
                                strong { (cell(&alert.rule.name)) }
                                @if alert.rule.name != alert.rule.kind.as_str() {
                                    " " (alert.rule.kind.as_str())
                                }
                                @if let Some(queue) = &alert.rule.queue { " " (cell(queue)) }
                                " since " (ago_or_dash(Some(alert.state.since), now))
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The running tasks.
fn running_section(running: &[Task], root: &str, now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="running" {
            h2 #running { "Running" }
            @if running.is_empty() { p.none { "No task is running." } }
            (table("running-rows", "Running tasks, the longest first",
                &columns(&["Task", "Queue", "#Elapsed"]),
                &html! {
                    @for task in running {
                        tr id={ "r" (task.id) } {
                            td.main { (name_cell(task, root)) }
                            td { (cell(&task.queue)) }
                            td.number { (elapsed(task, now)) }
                        }
                    }
                }))
        }
    }
}

/// The tasks that start next.
fn waiting_section(waiting: &[Task], root: &str, now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="next" {
            h2 #next { "Next" }
            @if waiting.is_empty() { p.none { "No task is waiting." } }
            (table("next-rows", "Waiting tasks, the next first",
                &columns(&["Task", "State", "#Since or until"]),
                &html! {
                    @for task in waiting {
                        tr id={ "w" (task.id) } {
                            td.main { (name_cell(task, root)) }
                            td { (super::super::words::chip(task)) }
                            td.number { (ago_or_dash(changed_at(task), now)) }
                        }
                    }
                }))
        }
    }
}

/// The tasks that failed last, of `all`.
fn failed_section(failed: &[Task], all: u64, root: &str, now: Timestamp) -> Markup {
    html! {
        section aria-labelledby="failed" {
            h2 #failed {
                "Failed last"
                @if all > 0 {
                    a.more href={ (root) "tasks?state=failed" } { "all" }
                }
            }
            @if failed.is_empty() { p.none { "No task has failed." } }
            (table("failed-rows", "Failed tasks, the last first",
                &columns(&["Task", "Ended by", "#When"]),
                &html! {
                    @for task in failed {
                        tr id={ "f" (task.id) } {
                            td.main { (name_cell(task, root)) }
                            td { (cell(&ending::ending(task).unwrap_or_default())) }
                            td.number { (ago_or_dash(task.finished_at, now)) }
                        }
                    }
                }))
        }
    }
}

fn running<Q: Queue>(queue: &Q) -> Result<Vec<Task>> {
    let query = ListQuery::new().states([State::Running]).limit(LOOKED_AT);
    let mut running = queue.list(&query)?;
    running.sort_by_key(|task| (task.started_at, task.id));
    running.truncate(MOST);
    Ok(running)
}

fn waiting<Q: Queue>(queue: &Q, summary: &Summary) -> Result<Vec<Task>> {
    let mut waiting = Vec::new();
    for state in [State::Queued, State::Scheduled] {
        if summary.stats.count(state) > 0 && waiting.len() < MOST {
            waiting.extend(queue.next_waiting(state, MOST - waiting.len())?);
        }
    }
    Ok(waiting)
}

fn elapsed(task: &Task, now: Timestamp) -> Markup {
    let since = task.started_at.unwrap_or(now);
    html! {
        time datetime=(moment::iso(since)) { (moment::rough(moment::away(since, now))) }
    }
}

/// The number of tasks in each state, each a link to them, above a bar of their shares.
fn counts(summary: &Summary, root: &str, now: Timestamp) -> Markup {
    let stats = &summary.stats;
    let total = stats.total().max(1);
    #[expect(
        clippy::cast_precision_loss,
        reason = "a share is drawn, and a pixel is less exact"
    )]
    let share = |count: u64| 1000.0 * count as f64 / total as f64;
    let mut at = 0.0;
    let bars = State::ALL.map(|state| {
        let width = share(stats.count(state));
        let bar = (state, at, width);
        at += width;
        bar
    });
    html! {
        section.counts #counts data-live aria-label="Tasks by state" {
            ul {
                @for state in [
                    State::Running, State::Queued, State::Scheduled, State::Blocked,
                    State::Failed, State::Succeeded, State::Cancelled, State::Skipped,
                ] {
                    li class={ "s-" (state) @if stats.count(state) == 0 { " zero" } } {
                        a href={ (root) "tasks?state=" (state) } {
                            strong data-count=(state) { (number(stats.count(state))) }
                            span { (state) }
                        }
                    }
                }
            }
            @if now.since(summary.at) > OLD_MS {
                p.none.small { "Counted " (ago_or_dash(Some(summary.at), now)) "." }
            }
            svg.bar viewBox="0 0 1000 8" preserveAspectRatio="none" role="img"
                aria-label={ (tasks(stats.total())) " in all" } {
                @for (state, at, width) in bars {
                    @if width > 0.0 {
                        rect class={ "s-" (state) } x=(format!("{at:.2}")) y="0"
                            width=(format!("{width:.2}")) height="8" {}
                    }
                }
            }
        }
    }
}

fn nothing(program: &str) -> Markup {
    html! {
        section.empty {
            h2 { "There are no tasks yet" }
            p { "Add the first one, and start a worker that runs it:" }
            pre { (program) " add-task -- echo hello\n" (program) " worker" }
        }
    }
}
