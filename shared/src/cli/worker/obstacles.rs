//! Tasks that a draining worker waits for, and tasks that it leaves for a person.

use super::super::program::Context;
use super::super::{escape, moment, tasks};
use crate::clock::{Clock, SystemClock};
use crate::error::Result;
use crate::queue::Queue;
use crate::runtime::{Hold, NextDue, Obstacle};
use crate::task::Work;

/// Line of the worker's log about the task it waits for.
pub(super) fn waiting(due: &NextDue) -> String {
    format!(
        "waiting for task {} ({}), which is due {} ({}); nothing else is left before",
        due.task,
        escape::line(&due.name),
        moment::relative(due.at, SystemClock.now().wall),
        moment::iso(due.at)
    )
}

/// Number of tasks that are known to be left.
pub(super) fn count(obstacles: &[Obstacle]) -> u64 {
    obstacles.iter().map(|one| one.tasks).sum()
}

/// Sentence about the tasks that are left: a clause for each obstacle, with the command that helps.
///
/// # Errors
/// When the file cannot be read.
pub(in super::super) fn sentence<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    obstacles: &[Obstacle],
) -> Result<String> {
    let mut clauses = Vec::with_capacity(obstacles.len());
    for one in obstacles {
        clauses.push(clause(context, queue, one)?);
    }
    Ok(format!(
        "what is left needs a person: {}",
        clauses.join("; ")
    ))
}

fn clause<Q: Queue>(context: &Context<Q>, queue: &Q, obstacle: &Obstacle) -> Result<String> {
    let number = tasks::count(obstacle.tasks);
    let wait = if obstacle.tasks == 1 { "waits" } else { "wait" };
    let quoted = |text: &str| Work::Argv(vec![text.to_owned()]).display();
    let (name, task) = (quoted(&obstacle.queue), obstacle.task);
    Ok(match &obstacle.what {
        Hold::OnHold if obstacle.tasks == 1 => format!(
            "task {task} is held; release it with {}",
            context.command(&format!("release {task}"))
        ),
        Hold::OnHold => format!(
            "{number} of queue {name} are held, the oldest is task {task}; release them with {}",
            context.command("release all")
        ),
        Hold::Paused => format!(
            "queue {name} is paused, in which {number} {wait}; resume it with {}",
            context.command(&format!("resume {name}"))
        ),
        Hold::Limit(limit) => format!(
            "limit {} lets no task run, and {number} {wait} for it; {} shows it",
            quoted(&String::from_utf8_lossy(limit)),
            context.command("limit")
        ),
        Hold::Unserved(handler) => format!(
            "{number} of queue {name} {wait} for handler {handler}, which no running program has"
        ),
        Hold::Dependency(on) => {
            let of = queue.get(*on)?.map(|task| task.queue).unwrap_or_default();
            format!(
                "{number} {wait} for task {on} of queue {}, which no worker can run; {}",
                quoted(&of),
                context.how_to_serve(queue, &of)?
            )
        }
        Hold::Hidden(worker) => format!(
            "dead worker {worker} has {number}; {} says what to do",
            context.command(&format!("why {task}"))
        ),
        Hold::Unregistered(_) => format!(
            "a program that is not a registered worker has {number} ({task}{}); if that program \
             no longer runs, {} returns {}",
            if obstacle.tasks == 1 { "" } else { " and more" },
            context.command("doctor --repair --unregistered"),
            if obstacle.tasks == 1 { "it" } else { "them" }
        ),
    })
}
