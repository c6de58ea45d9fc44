//! `wait`: until tasks have ended.

use std::time::Duration;

use super::json::TaskView;
use super::program::{Access, Context};
use super::screen::note;
use super::select::{self, Selector};
use super::{Failure, escape, tasks};
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::runtime::Listener;
use crate::runtime::presence::live_workers;
use crate::state::State;
use crate::task::{Task, TaskId};

/// How often the tasks are looked at though nobody said that any ended: the safety net under
/// lost wakes.
pub(super) const POLL: Duration = Duration::from_millis(500);

/// Wait until tasks have ended
///
/// Says how each ended, in the order of their ids. `all` means all that are waiting or running
/// now. The exit code is 1 unless all of them succeeded.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Which tasks: 7, 3,5-8, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,

    /// Say nothing; the exit code tells
    #[arg(short, long)]
    quiet: bool,
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let ids = chosen(&queue, &arguments.ids.concat())?;
    let mut wait = Wait {
        context,
        queue: &queue,
        listener: None,
    };
    let mut unsuccessful = 0;
    for id in ids {
        let task = wait.until_ended(id)?;
        unsuccessful += u64::from(task.state != State::Succeeded);
        if !arguments.quiet {
            context
                .screen
                .say(&sentence(&task), &TaskView::from(&task))?;
        }
    }
    match unsuccessful {
        0 => Ok(()),
        number => Err(Failure::Tasks(format!(
            "{} did not succeed",
            tasks::count(number)
        ))),
    }
}

/// The selected tasks' ids, ascending. `all` and ranges are those that have not ended.
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

struct Wait<'a, Q> {
    context: &'a Context<Q>,
    queue: &'a Q,
    /// Only whoever has to wait listens.
    listener: Option<Listener>,
}

impl<Q: Queue> Wait<'_, Q> {
    /// The task once it has ended. Tasks are waited for one after the other, so that a wake costs
    /// one look whatever their number.
    fn until_ended(&mut self, id: TaskId) -> Result<Task> {
        loop {
            let task = self
                .queue
                .get(id)?
                .ok_or_else(|| Error::not_found(format!("there is no task {id}")))?;
            if task.state.is_terminal() {
                return Ok(task);
            }
            if let Some(listener) = &self.listener {
                listener.wait(POLL)?;
            } else {
                // Listen first, then look again: what ended in between is not told.
                self.listener = Some(Listener::new(self.queue)?);
                self.warn(&task)?;
            }
        }
    }

    /// Says if this may take for ever.
    fn warn(&self, task: &Task) -> Result<()> {
        let handler = task.work.handler();
        let served = live_workers(self.queue)?
            .iter()
            .any(|worker| worker.serves.covers(&task.queue, handler));
        if !served {
            note(&format!(
                "no worker is running that can run task {}; start one with {}",
                task.id,
                self.context.worker_command(&task.queue)
            ));
        }
        Ok(())
    }
}

/// How an ended task is said.
fn sentence(task: &Task) -> String {
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
