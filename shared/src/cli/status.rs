//! `status`: counts the tasks by state and shows the workers.

use serde::Serialize;

use super::json::Moment;
use super::printer::note;
use super::program::{Access, Context};
use super::table::{Column, Table, left, right};
use super::{Failure, escape, moment, tasks};
use crate::clock::Timestamp;
use crate::queue::{Queue, QueueInfo, Stats, WorkerInfo};
use crate::state::State;
use crate::task::DEFAULT_QUEUE;

/// Show the number of tasks in each state
#[derive(clap::Args, Debug)]
pub struct Arguments {}

#[derive(Serialize)]
struct View {
    scheduled: u64,
    blocked: u64,
    queued: u64,
    running: u64,
    succeeded: u64,
    failed: u64,
    cancelled: u64,
    skipped: u64,
    held: u64,
    total: u64,
    workers: usize,
    slots: u64,
    next_due: Option<Moment>,
    paused: Vec<String>,
}

const COLUMNS: [Column; 2] = [left("STATE"), right("TASKS")];

pub(crate) fn run<Q: Queue>(context: &Context<Q>, _: &Arguments) -> Result<(), Failure> {
    if context.is_fresh() {
        return fresh(context);
    }
    let queue = context.open(Access::Read)?;
    let stats = queue.stats()?;
    let workers = queue.live_workers()?;
    let queues = queue.queues()?;
    let paused = queues.iter().filter(|queue| queue.paused_at.is_some());
    let mut paused: Vec<String> = paused.map(|queue| queue.name.clone()).collect();
    paused.dedup();
    if context.printer.is_json() {
        return context.printer.json(&view(&stats, &workers, paused));
    }
    context.printer.table(&table(&stats))?;
    let now = queue.now().wall;
    if let Some(due) = stats.next_due {
        note(&next_due(context, due, now));
    }
    if stats.held > 0 {
        let (is, them) = if stats.held == 1 {
            ("is", "it")
        } else {
            ("are", "them")
        };
        let release = context.command("release all");
        note(&format!(
            "{} {is} held; {release} lets {them} go on",
            tasks::count(stats.held)
        ));
    }
    for name in paused {
        note(&format!("queue {} is paused", escape::line(&name)));
    }
    note(&workers_sentence(context, &queue, &queues, &workers)?);
    Ok(())
}

/// Sentence about the next scheduled task. If it is already due, no worker has taken it.
fn next_due<Q: Queue>(context: &Context<Q>, due: Timestamp, now: Timestamp) -> String {
    if due > now {
        return format!(
            "the next scheduled task is due {}",
            moment::relative(due, now)
        );
    }
    format!(
        "no worker has taken a scheduled task that has been due for {}; {} shows which, {} says why",
        moment::rough(moment::away(due, now)),
        context.command("list --state scheduled"),
        context.command("why ID"),
    )
}

/// The report before there is a database.
fn fresh<Q: Queue>(context: &Context<Q>) -> Result<(), Failure> {
    let stats = Stats::default();
    if context.printer.is_json() {
        return context.printer.json(&view(&stats, &[], Vec::new()));
    }
    context.printer.table(&table(&stats))?;
    note(&format!(
        "there is no database at {} yet; {} creates it with the first task",
        context.path().display(),
        context.command("add-task")
    ));
    Ok(())
}

fn table(stats: &Stats) -> Table {
    let mut table = Table::new(&COLUMNS);
    for state in State::ALL {
        // States without tasks are left out, except for the common ones.
        let always = !matches!(state, State::Blocked | State::Skipped);
        if always || stats.count(state) > 0 {
            table.row([state.as_str(), &stats.count(state).to_string()]);
        }
    }
    table
}

fn view(stats: &Stats, workers: &[WorkerInfo], paused: Vec<String>) -> View {
    View {
        scheduled: stats.count(State::Scheduled),
        blocked: stats.count(State::Blocked),
        queued: stats.count(State::Queued),
        running: stats.count(State::Running),
        succeeded: stats.count(State::Succeeded),
        failed: stats.count(State::Failed),
        cancelled: stats.count(State::Cancelled),
        skipped: stats.count(State::Skipped),
        held: stats.held,
        total: stats.total(),
        workers: workers.len(),
        slots: slots(workers),
        next_due: stats.next_due.map(Moment),
        paused,
    }
}

fn slots(workers: &[WorkerInfo]) -> u64 {
    workers.iter().map(|worker| u64::from(worker.slots)).sum()
}

/// Sentence about the workers, or, if there are none, how to start one for the first queue in which
/// tasks wait.
fn workers_sentence<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    queues: &[QueueInfo],
    workers: &[WorkerInfo],
) -> Result<String, Failure> {
    Ok(match workers.len() {
        0 => {
            let waits = queues.iter().find(|queue| queue.queued > 0);
            let name = waits.map_or(DEFAULT_QUEUE, |queue| &queue.name);
            format!(
                "no worker is running; {}",
                context.how_to_serve(queue, name)?
            )
        }
        1 => format!("1 worker is running, with {} slots", slots(workers)),
        number => format!(
            "{number} workers are running, with {} slots",
            slots(workers)
        ),
    })
}
