//! `list`: a page of tasks, newest first.

use queue_core::cli::{Context, Failure, list};
use queue_core::error::Result;
use queue_core::queue::{ListQuery, Queue as _};
use queue_core::task::{Task, TaskId};
use workflow_queue::WorkflowQueue;

/// Most tasks of a schedule that are looked at together.
const STEP: u32 = 500;

/// List tasks, newest first
///
/// In a table the column WHEN says when a scheduled task starts, a queued one was enqueued, a
/// running one was started and an ended one ended. EXIT is the exit code or signal of the last
/// attempt, TOOK its duration. A task that is named after its command has no NAME. On a terminal,
/// columns that say nothing of any task are left out; the names of all columns are: id, state,
/// priority, attempt, exit, took, when, queue, name, command, created, due, started, finished,
/// crashes, key, worker.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub(crate) struct Arguments {
    #[command(flatten)]
    common: list::Arguments,

    #[command(flatten)]
    own: OfSchedule,
}

/// The addition of this program to a list.
#[derive(clap::Args, Debug)]
#[group(skip)]
struct OfSchedule {
    /// Only tasks of this schedule
    #[arg(long, value_name = "NAME")]
    schedule: Option<String>,
}

impl list::Extra<WorkflowQueue> for OfSchedule {
    fn page(&self, queue: &WorkflowQueue, query: &ListQuery) -> Result<Vec<Task>> {
        let Some(name) = &self.schedule else {
            return queue.list(query);
        };
        let mut page = Vec::new();
        let mut before = query.before.unwrap_or(TaskId(i64::MAX));
        loop {
            let ids = queue.schedules().tasks(name, before, STEP)?;
            let Some(last) = ids.last() else {
                return Ok(page);
            };
            before = *last;
            for id in ids {
                let task = queue.get(id)?;
                page.extend(task.filter(|task| is_wanted(task, query)));
                if page.len() >= query.limit {
                    return Ok(page);
                }
            }
        }
    }
}

/// True if the query chooses the task.
fn is_wanted(task: &Task, query: &ListQuery) -> bool {
    let has_name = |part: &String| task.name.contains(part.as_str());
    (query.states.is_empty() || query.states.contains(&task.state))
        && query
            .queue
            .as_ref()
            .is_none_or(|queue| *queue == task.queue)
        && query.name.as_ref().is_none_or(has_name)
        && (!query.held || task.held_at.is_some())
}

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    list::run(context, &arguments.common, &arguments.own)
}
