//! `rerun`: enqueues copies of ended tasks.

use std::fmt::Write as _;

use serde::Serialize;

use super::add_task::advise;
use super::program::{Access, Context};
use super::select::{self, Selector};
use super::{Failure, tasks};
use crate::error::Error;
use crate::queue::{Queue, STEP, TaskCopy};
use crate::state::State;
use crate::task::TaskId;

/// Run ended tasks once more, each as a new task
///
/// A copy has a new id, no key and no dependents, and finds the outputs of the same dependencies. The
/// original stays as it ended; `retry` queues a failed one itself again.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,

    /// Hold the copies until `release`
    #[arg(long)]
    hold: bool,

    /// Print the bare ids of the copies
    #[arg(short, long)]
    quiet: bool,
}

#[derive(Serialize)]
struct View {
    id: i64,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    copy: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

impl View {
    fn new(id: TaskId, copy: TaskCopy) -> Self {
        let (change, state) = match copy {
            TaskCopy::Copied(_) => ("done", None),
            TaskCopy::Refused(state) => ("refused", Some(state.as_str())),
            TaskCopy::NotFound => ("not_found", None),
        };
        Self {
            id: id.0,
            change,
            copy: copy.id().map(|id| id.0),
            state,
        }
    }
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let ended: Vec<State> = State::ALL
        .into_iter()
        .filter(|state| state.is_terminal())
        .collect();
    let mut ids = Vec::new();
    select::visit(&queue, &arguments.ids.concat(), &ended, |some| {
        ids.extend_from_slice(some);
        Ok(())
    })?;
    ids.sort_unstable();
    ids.dedup();
    let mut copies = Vec::with_capacity(ids.len());
    for step in ids.chunks(STEP) {
        let made = queue.rerun(step, arguments.hold)?;
        copies.extend(step.iter().copied().zip(made));
    }
    report(context, arguments, &copies)?;
    let first = copies.iter().find_map(|(_, copy)| copy.id());
    if let Some(task) = first.map(|id| queue.get(id)).transpose()?.flatten() {
        let handler = task.work.handler();
        context.note_after_change(advise(context, &queue, &task.queue, handler));
    }
    judge(&copies)
}

fn report<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    copies: &[(TaskId, TaskCopy)],
) -> Result<(), Failure> {
    let printer = context.printer.of_done();
    if printer.is_json() {
        let views = copies.iter().map(|(id, copy)| View::new(*id, *copy));
        return printer.json(&views.collect::<Vec<_>>());
    }
    let mut lines = String::new();
    for (id, copy) in copies {
        let Some(copy) = copy.id() else { continue };
        let _ = if arguments.quiet {
            writeln!(lines, "{copy}")
        } else {
            writeln!(lines, "Added task {copy}, a copy of task {id}")
        };
    }
    printer.raw(lines.as_bytes())
}

/// Fails if a task was not found or has not ended.
fn judge(copies: &[(TaskId, TaskCopy)]) -> Result<(), Failure> {
    let mut open = Vec::new();
    for (id, copy) in copies {
        match copy {
            TaskCopy::Copied(_) => {}
            TaskCopy::Refused(state) => open.push((*id, *state)),
            TaskCopy::NotFound => {
                return Err(Error::not_found(format!("there is no task {id}")).into());
            }
        }
    }
    match open.as_slice() {
        [] => Ok(()),
        [(id, state)] => Err(Failure::Tasks(format!(
            "task {id} {} and can be rerun once it has ended",
            state.standing()
        ))),
        [(id, state), ..] => Err(Failure::Tasks(format!(
            "{} can be rerun once they have ended; for example, task {id} {}",
            tasks::count(open.len() as u64),
            state.standing()
        ))),
    }
}
