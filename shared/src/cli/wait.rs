//! `wait`: waits until tasks have ended.

use std::time::Duration;

use super::json::TaskView;
use super::printer::note;
use super::program::{Access, Context};
use super::select::{self, Selector};
use super::{Failure, duration, escape, tasks};
use crate::claim::WorkerId;
use crate::clock::BootTime;
use crate::coordination::Listening;
use crate::error::{Error, Result};
use crate::queue::{self, Queue, Waiter, Waits};
use crate::state::State;
use crate::task::{Task, TaskId, Work};

/// Interval at which tasks are read even without a wake, in case one was lost.
pub(super) const POLL: Duration = Duration::from_millis(500);

/// Wait until tasks have ended
///
/// Prints how each ended, in the order of their ids. `all` stands for every task that is waiting or
/// running now. The exit code is 1 unless all of them succeeded, and 4 if --timeout passes before all
/// of them have ended.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all; all unless given
    #[arg(value_name = "ID", num_args = 0.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,

    /// Wait no longer than this; 0 looks once
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    timeout: Option<Duration>,

    /// Print nothing; the exit code tells
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let ids = chosen(&queue, &selected(arguments))?;
    let mut wait = Wait {
        context,
        queue: &queue,
        waiter: queue.waiter(),
        deadline: arguments
            .timeout
            .map(|timeout| queue.now().boot.after(timeout)),
        warned: arguments.quiet,
    };
    let (mut unsuccessful, mut open) = (0, Vec::new());
    for id in ids {
        let Some(task) = wait.until_ended(id)? else {
            open.push(id);
            continue;
        };
        unsuccessful += u64::from(task.state != State::Succeeded);
        if !arguments.quiet {
            context
                .printer
                .say(&sentence(&task), &TaskView::from(&task))?;
        }
    }
    let said = |sentence: String| {
        if arguments.quiet {
            String::new()
        } else {
            sentence
        }
    };
    match (unsuccessful, open.as_slice()) {
        (0, []) => Ok(()),
        (_, [_, ..]) => Err(Failure::Unfinished(said(unfinished(context, &open)))),
        (number, []) => Err(Failure::Tasks(said(format!(
            "{} did not succeed",
            tasks::count(number)
        )))),
    }
}

/// Sentence about tasks that had not ended in time.
fn unfinished<Q: Queue>(context: &Context<Q>, open: &[TaskId]) -> String {
    let some = &open[..open.len().min(MOST_NAMED)];
    let more = if some.len() < open.len() { ", ..." } else { "" };
    let which = select::show(some);
    format!(
        "{} ({which}{more}) had not ended in time; {} says what it waits for",
        tasks::count(open.len() as u64),
        context.command(&format!("why {}", open[0]))
    )
}

/// The selectors; `all` if none is given.
fn selected(arguments: &Arguments) -> Vec<Selector> {
    if arguments.ids.is_empty() {
        vec![Selector::All]
    } else {
        arguments.ids.concat()
    }
}

/// The selected tasks' ids, ascending. `all` and ranges include only tasks that have not ended.
fn chosen<Q: Queue>(queue: &Q, selectors: &[Selector]) -> Result<Vec<TaskId>> {
    let open: Vec<State> = State::ALL
        .into_iter()
        .filter(|state| !state.is_terminal())
        .collect();
    let mut ids = Vec::new();
    for selector in selectors {
        let states = if *selector == Selector::All {
            open.as_slice()
        } else {
            &[]
        };
        select::visit(queue, std::slice::from_ref(selector), states, |some| {
            ids.extend_from_slice(some);
            Ok(())
        })?;
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// Most unfinished tasks that the sentence names.
const MOST_NAMED: usize = 20;

struct Wait<'a, Q> {
    context: &'a Context<Q>,
    queue: &'a Q,
    waiter: Waiter,
    /// Time to stop waiting; from then on each task is read once.
    deadline: Option<BootTime>,
    /// True once a note about tasks that may never run was printed, or is not wanted.
    warned: bool,
}

impl<Q: Queue> Wait<'_, Q> {
    /// The task once it has ended; none if the deadline came first. Tasks are waited for one after
    /// the other, so that a wake costs one read for any number of tasks.
    fn until_ended(&mut self, id: TaskId) -> Result<Option<Task>> {
        loop {
            let task = self
                .queue
                .get(id)?
                .ok_or_else(|| Error::not_found(format!("there is no task {id}")))?;
            if task.state.is_terminal() {
                return Ok(Some(task));
            }
            let left = self
                .deadline
                .map_or(POLL, |deadline| deadline.since(self.queue.now().boot));
            if left.is_zero() {
                return Ok(None);
            }
            if !std::mem::replace(&mut self.warned, true) {
                warn(self.context, self.queue, &task)?;
            }
            self.waiter.pause(left)?;
        }
    }
}

/// Prints a note on standard error if the task cannot go on before a person does something.
pub(super) fn warn<Q: Queue>(context: &Context<Q>, queue: &Q, task: &Task) -> Result<()> {
    let handler = task.work.handler();
    let served = queue
        .live_workers()?
        .iter()
        .any(|worker| worker.serves.covers(&task.queue, handler));
    if !served {
        note(&format!(
            "no worker is running that can run task {}; {}",
            task.id,
            how_to_run(context, queue, task)?
        ));
    }
    for waits in queue.waits_in_file(task.id)? {
        match waits {
            Waits::Paused { .. } => note(&paused(context, &task.queue)),
            Waits::Held { .. } => {
                let release = context.command(&format!("release {}", task.id));
                note(&format!(
                    "task {} is held; release it with {release}",
                    task.id
                ));
            }
            Waits::Time { .. }
            | Waits::Behind { .. }
            | Waits::Dependency { .. }
            | Waits::Dependencies { .. }
            | Waits::Limit { .. }
            | Waits::Unserved
            | Waits::Rate { .. } => {}
        }
    }
    Ok(())
}

/// Clause that names the program to start so that the task runs.
pub(super) fn how_to_run<Q: Queue>(context: &Context<Q>, queue: &Q, task: &Task) -> Result<String> {
    match &task.work {
        Work::Handler { handler, .. } => {
            Ok(format!("start the program that has the handler {handler}"))
        }
        Work::Shell(_) | Work::Argv(_) => context.how_to_serve(queue, &task.queue),
    }
}

/// Sentence that a queue is paused, with the command that resumes it.
fn paused<Q: Queue>(context: &Context<Q>, queue: &str) -> String {
    let name = Work::Argv(vec![queue.to_owned()]).display();
    let resume = context.command(&format!("resume {name}"));
    format!("queue {name} is paused; resume it with {resume}")
}

/// Listens for ends of tasks, which needs a socket in the folder beside the file.
pub(super) fn listen<Q: Queue>(queue: &Q) -> Result<Box<dyn Listening>> {
    queue::listen(queue.coordination(), WorkerId::from_bits(queue.random()))
}

/// Sentence about an ended task.
pub(super) fn sentence(task: &Task) -> String {
    let name = escape::line(&task.name);
    match tasks::ending(task).filter(|_| task.state == State::Failed) {
        Some(ending) => format!(
            "Task {} ({name}) failed: {}",
            task.id,
            escape::line(&ending)
        ),
        None => format!("Task {} ({name}) {}", task.id, past(task.state)),
    }
}

fn past(state: State) -> &'static str {
    match state {
        State::Cancelled => "was cancelled",
        State::Skipped => "was skipped",
        State::Scheduled
        | State::Blocked
        | State::Queued
        | State::Running
        | State::Succeeded
        | State::Failed => state.as_str(),
    }
}
