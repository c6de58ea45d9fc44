//! The queues, and their pause.

use std::collections::HashMap;
use std::sync::Arc;

use maud::{Markup, html};

use super::super::dashboard::Dashboard;
use super::super::queue_rates::{self, Rates};
use super::super::reply::{Problem, Reply};
use super::super::request::{Request, query_of};
use super::super::words::{ago, cell, line, number};
use super::layout::{Page, columns, form_token, table};
use crate::journal::{Rollup, Span};
use crate::queue::gauges::sum;
use crate::queue::{Queue, QueueGauges, QueueInfo, WorkerInfo};
use crate::state::State;
use crate::text::{duration, moment};

/// Most queues of a page.
const MOST: usize = 1000;

/// The page of the queues.
pub(in super::super) fn queues<Q: Queue>(
    dashboard: &Arc<Dashboard<Q>>,
    request: &Request,
) -> Result<Reply, Problem> {
    let summary = dashboard.summary()?;
    let living = dashboard.queue.live_workers()?;
    let shown = &summary.queues[..summary.queues.len().min(MOST)];
    let rollups = rollups(dashboard)?;
    let rates = queue_rates::rates(&rollups, dashboard.now());
    let numbers = Numbers::read(&dashboard.queue, (&living, &rates))?;
    let mut names = vec![
        "Queue",
        "#Queued",
        "#Oldest",
        "#Running",
        "#Scheduled",
        "#Workers",
        "State",
    ];
    let has_ageing = shown.iter().any(|queue| queue.ageing.is_some());
    if has_ageing {
        names.insert(1, "Ageing");
    }
    if dashboard.queue.keeps_log() {
        let state = names.len() - 1;
        names.splice(state..state, ["#Enqueued a minute", "#Ended a minute"]);
    }
    if dashboard.writes() {
        names.push("");
    }
    let row = |queue: &QueueInfo| row(dashboard, request, &numbers, (queue, has_ageing));
    let content = html! {
        h1 { "Queues" }
        (table("queue-rows", "Queues", &columns(&names),
            &html! { @for queue in shown { (row(queue)) } }))
        @if shown.len() < summary.queues.len() {
            p.none {
                "The first " (number(MOST as u64)) " of " (number(summary.queues.len() as u64))
                    " are shown."
            }
        }
    };
    let page = Page {
        title: "Queues",
        nav: "queues",
        is_live: true,
    };
    Ok(Reply::page(page.around(dashboard, request, &content)))
}

/// The sums of the last minutes; none in a file without a log.
fn rollups<Q: Queue>(dashboard: &Dashboard<Q>) -> crate::Result<Vec<Rollup>> {
    let from = queue_rates::begin(dashboard.now());
    dashboard.queue.rollups(Span::Minute, from)
}

/// The row of a queue, with a cell for its ageing if some queue has one.
fn row<Q: Queue>(
    dashboard: &Dashboard<Q>,
    request: &Request,
    numbers: &Numbers<'_>,
    (queue, has_ageing): (&QueueInfo, bool),
) -> Markup {
    let now = dashboard.now();
    let workers = numbers.workers(queue);
    let tasks = query_of([("queue", queue.name.clone())]);
    let dash = html! { span.dim { "–" } };
    html! {
        tr id={ "q-" (queue.name) "-" (queue.handler) } {
            td.main {
                a href={ (request.root) "tasks" (tasks) } { (cell(&queue.name)) }
                @if !queue.handler.is_empty() {
                    " " span.dim { "handler " (line(&queue.handler)) }
                }
            }
            @if has_ageing {
                td {
                    (queue.ageing.map_or_else(String::new, |ageing|
                        duration::show(ageing.step())))
                }
            }
            td.number data-label="queued" { (number(queue.queued)) }
            td.number data-label="oldest" {
                @match numbers.gauges(queue).and_then(|one| one.since) {
                    Some(since) => time datetime=(moment::iso(since)) {
                        (moment::rough(moment::away(since, now)))
                    },
                    None => (dash),
                }
            }
            td.number data-label="running" { (numbers.count(queue, State::Running)) }
            td.number data-label="scheduled" { (numbers.count(queue, State::Scheduled)) }
            td.number data-label="workers" { (number(workers as u64)) }
            @if dashboard.queue.keeps_log() { (rates(numbers, queue)) }
            td {
                @match queue.paused_at {
                    Some(at) => {
                        span.chip.s-blocked { "paused" }
                        " " span.dim { (ago(at, now)) }
                    }
                    None if workers == 0 && queue.queued > 0 => span.chip.s-failed {
                        "no worker"
                    },
                    None => span.chip.s-succeeded { "open" },
                }
            }
            @if dashboard.writes() { td.acts { (switch(dashboard, request, queue)) } }
        }
    }
}

/// The cells of the rates, which are those of all handlers of a queue: each has them.
fn rates(numbers: &Numbers<'_>, queue: &QueueInfo) -> Markup {
    let rates = numbers.rates.get(queue.name.as_str());
    let rates = rates.copied().unwrap_or_default();
    html! {
        td.number data-label="enqueued a minute" { (queue_rates::shown(rates.enqueued)) }
        td.number data-label="ended a minute" { (queue_rates::shown(rates.ended)) }
    }
}

/// Numbers of the queues that are not among their counts.
struct Numbers<'a> {
    living: &'a [WorkerInfo],
    rates: &'a HashMap<&'a str, Rates>,
    gauges: HashMap<(String, String), QueueGauges>,
    /// States with more tasks than are counted.
    bounded: Vec<State>,
}

impl<'a> Numbers<'a> {
    fn read<Q: Queue>(
        queue: &Q,
        (living, rates): (&'a [WorkerInfo], &'a HashMap<&'a str, Rates>),
    ) -> crate::Result<Self> {
        let gauges = queue.gauges()?.handler_queues;
        let is_bound = |state: &State| sum(&gauges, *state).1;
        let bounded = QueueGauges::COUNTED.into_iter().filter(is_bound).collect();
        let of = |one: QueueGauges| ((one.name.clone(), one.handler.clone()), one);
        Ok(Self {
            living,
            rates,
            bounded,
            gauges: gauges.into_iter().map(of).collect(),
        })
    }

    fn workers(&self, queue: &QueueInfo) -> usize {
        let serves = |worker: &&WorkerInfo| worker.serves.covers(&queue.name, &queue.handler);
        self.living.iter().filter(serves).count()
    }

    fn gauges(&self, queue: &QueueInfo) -> Option<&QueueGauges> {
        let names = (queue.name.clone(), queue.handler.clone());
        self.gauges.get(&names)
    }

    /// Number of tasks in that state, with a sign if there may be more.
    fn count(&self, queue: &QueueInfo, state: State) -> String {
        let count = self.gauges(queue).map_or(0, |one| one.count(state));
        let more = if self.bounded.contains(&state) {
            "+"
        } else {
            ""
        };
        number(count) + more
    }
}

/// The button that pauses or resumes a queue.
fn switch<Q: Queue>(dashboard: &Dashboard<Q>, request: &Request, queue: &QueueInfo) -> Markup {
    let (action, label) = match queue.paused_at {
        Some(_) => ("resume", "Resume"),
        None => ("pause", "Pause"),
    };
    html! {
        form method="post" action={ (request.root) "queues/change" } {
            (form_token(dashboard, request))
            input type="hidden" name="name" value=(queue.name);
            button name="action" value=(action)
                aria-label={ (label) " queue " (line(&queue.name)) } {
                (label)
            }
        }
    }
}
