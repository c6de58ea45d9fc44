//! `status`: counts the tasks by state and shows the workers.

use serde::Serialize;

use super::json::Moment;
use super::program::{Access, Context};
use super::table::{Column, Table, left, right};
use super::watch::{self, Frame};
use super::{Failure, escape, moment, tasks};
use crate::clock::Timestamp;
use crate::error::Result;
use crate::queue::{Queue, QueueInfo, ScheduleStanding, Stats, WorkerInfo};
use crate::state::State;
use crate::task::DEFAULT_QUEUE;

/// Show the number of tasks in each state
#[derive(clap::Args, Debug)]
#[group(skip)]
pub struct Arguments {
    /// Show it anew every second, in the same place, until Ctrl-C
    #[arg(long)]
    watch: bool,
}

/// The counts as programs read them.
#[derive(Serialize)]
pub(super) struct View {
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
    #[serde(skip_serializing_if = "Option::is_none")]
    next_firing_at: Option<Moment>,
}

const COLUMNS: [Column; 2] = [left("STATE"), right("TASKS")];

/// Shows the counts of now.
///
/// # Errors
/// The errors of the engine, and [`Failure::Output`].
pub fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    watch::show(context.printer, arguments.watch, |screen| {
        let (standing, notes) = if context.is_fresh() {
            (FileStatus::default(), vec![fresh(context)])
        } else {
            let queue = context.open(Access::Read)?;
            let standing = FileStatus::read(&queue)?;
            let notes = standing.notes(context, &queue)?;
            (standing, notes)
        };
        if context.printer.is_json() {
            return Frame::json(&standing.view());
        }
        let table = table(&standing.stats);
        Ok(Frame {
            text: table.render(screen.width, context.printer.color()),
            notes,
        })
    })
}

/// Counts of tasks, queues and living workers.
#[derive(Debug, Default)]
pub(super) struct FileStatus {
    pub(super) stats: Stats,
    pub(super) workers: Vec<WorkerInfo>,
    queues: Vec<QueueInfo>,
    schedules: ScheduleStanding,
}

impl FileStatus {
    pub(super) fn read<Q: Queue>(queue: &Q) -> Result<Self> {
        Ok(Self {
            stats: queue.stats()?,
            workers: queue.live_workers()?,
            queues: queue.queues()?,
            schedules: queue.schedule_standing()?,
        })
    }

    /// Names of the paused queues.
    fn paused(&self) -> Vec<String> {
        let paused = self.queues.iter().filter(|queue| queue.paused_at.is_some());
        let mut names: Vec<String> = paused.map(|queue| queue.name.clone()).collect();
        names.dedup();
        names
    }

    /// Sentences about what is due, paused or missing, and about the workers.
    fn notes<Q: Queue>(&self, context: &Context<Q>, queue: &Q) -> Result<Vec<String>> {
        let now = queue.now().wall;
        let mut notes = Vec::new();
        notes.extend(self.stats.next_due.map(|due| next_due(context, due, now)));
        notes.extend(self.stopped(context));
        if let (Some(next), false) = (self.schedules.next_at, self.workers.is_empty()) {
            let next = moment::relative(next, now);
            notes.push(format!("the next schedule fires {next}"));
        }
        notes.extend(self.schedules_sentences(context, now));
        notes.push(self.workers_sentence(context, queue)?);
        Ok(notes)
    }

    /// Sentences about what needs a person: tasks that are overdue or held, queues that are paused,
    /// workers that are missing.
    pub(super) fn needs<Q: Queue>(&self, context: &Context<Q>, queue: &Q) -> Result<Vec<String>> {
        let now = queue.now().wall;
        let overdue = self.stats.next_due.filter(|due| *due <= now);
        let mut notes = Vec::new();
        notes.extend(overdue.map(|due| next_due(context, due, now)));
        notes.extend(self.stopped(context));
        notes.extend(self.schedules_sentences(context, now));
        if self.workers.is_empty() {
            notes.push(self.workers_sentence(context, queue)?);
        }
        Ok(notes)
    }

    /// Sentences about held tasks and paused queues.
    fn stopped<Q: Queue>(&self, context: &Context<Q>) -> Vec<String> {
        let held = self.stats.held;
        let mut notes = Vec::new();
        if held > 0 {
            let (is, them) = if held == 1 {
                ("is", "it")
            } else {
                ("are", "them")
            };
            let release = context.command("release all");
            let tasks = tasks::count(held);
            notes.push(format!("{tasks} {is} held; release {them} with {release}"));
        }
        for name in self.paused() {
            notes.push(format!("queue {} is paused", escape::line(&name)));
        }
        notes
    }

    /// Sentences about schedules that do not fire.
    fn schedules_sentences<Q: Queue>(&self, context: &Context<Q>, now: Timestamp) -> Vec<String> {
        let mut notes = Vec::new();
        let next = self.schedules.next_at.filter(|_| self.workers.is_empty());
        notes.extend(next.map(|next| {
            let (verb, next) = (
                if next > now { "is" } else { "was" },
                moment::relative(next, now),
            );
            format!("no schedule fires while no worker is running; the next {verb} due {next}")
        }));
        let number = self.schedules.set_aside.len();
        if number > 0 {
            let schedules = if number == 1 {
                "1 schedule is".to_owned()
            } else {
                format!("{number} schedules are")
            };
            let doctor = context.command("doctor");
            notes.push(format!(
                "{schedules} set aside; {doctor} names each with the reason"
            ));
        }
        notes
    }

    /// The counts as programs read them.
    pub(super) fn view(&self) -> View {
        let stats = &self.stats;
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
            workers: self.workers.len(),
            slots: slots(&self.workers),
            next_due: stats.next_due.map(Moment),
            paused: self.paused(),
            next_firing_at: self.schedules.next_at.map(Moment),
        }
    }

    /// Sentence about the workers, or, if there are none, how to start one for the first queue in
    /// which tasks wait.
    fn workers_sentence<Q: Queue>(&self, context: &Context<Q>, queue: &Q) -> Result<String> {
        let slots = slots(&self.workers);
        Ok(match self.workers.len() {
            0 => {
                let waits = self.queues.iter().find(|queue| queue.queued > 0);
                let name = waits.map_or(DEFAULT_QUEUE, |queue| &queue.name);
                format!(
                    "no worker is running; {}",
                    context.how_to_serve(queue, name)?
                )
            }
            1 => format!("1 worker is running, with {slots} slots"),
            number => format!("{number} workers are running, with {slots} slots"),
        })
    }
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

/// Sentence about a database that does not exist yet.
pub(super) fn fresh<Q: Queue>(context: &Context<Q>) -> String {
    format!(
        "there is no database at {} yet; {} creates it with the first task",
        context.path().display(),
        context.command("add-task")
    )
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

fn slots(workers: &[WorkerInfo]) -> u64 {
    workers.iter().map(|worker| u64::from(worker.slots)).sum()
}
