//! Reasons for tasks to wait, in words. Each is a clause that begins in lower case and ends without a
//! full stop; names in it are quoted as for a shell, and not escaped.

use std::fmt::Write as _;

use super::{duration, ending, moment, tasks};
use crate::ageing::Ageing;
use crate::clock::Timestamp;
use crate::queue::Waits;
use crate::state::State;
use crate::task::{Task, TaskId, Work};
use crate::workflow::Condition;

/// Clause about a task that waits for nothing but a free slot.
pub(crate) const NEXT: &str = "it is next; a worker takes it as soon as one has a free slot";

/// Clause about a task that no worker of this version can read.
pub(crate) fn set_aside(reason: &str) -> String {
    format!("no worker of this version takes it; {reason}")
}

/// Clause about a running task that was asked to stop.
pub(crate) fn asked_to_stop(at: Timestamp, now: Timestamp) -> String {
    format!("it was asked to stop {}", moment::relative(at, now))
}

/// True for a time that has come, which no longer keeps a task from starting.
pub(crate) fn is_past(one: &Waits, now: Timestamp) -> bool {
    matches!(one, Waits::Time { run_at, .. } if *run_at <= now)
}

/// A name as a word of a command.
pub(crate) fn quoted(name: &str) -> String {
    Work::Argv(vec![name.to_owned()]).display()
}

/// Clause about a reason for that task to wait, or to have been skipped.
pub(crate) fn clause(one: &Waits, task: &Task, now: Timestamp) -> String {
    match one {
        Waits::Time { run_at, retry } => time(task, *run_at, *retry, now),
        Waits::Held { since } => format!("it was held {}", moment::relative(*since, now)),
        Waits::Paused { since } => {
            let ago = moment::relative(*since, now);
            format!("queue {} was paused {ago}", quoted(&task.queue))
        }
        Waits::Unserved => "no worker is running that can run it".to_owned(),
        Waits::Behind { tasks, ageing } => behind(*tasks, *ageing),
        Waits::Dependency {
            task,
            state,
            condition,
        } => dependency(*task, *state, *condition),
        Waits::Dependencies { more } if task.state.is_terminal() => {
            format!("{more} more did not end as required")
        }
        Waits::Dependencies { more } => format!("{more} more have to end first"),
        Waits::Limit {
            name,
            running,
            bound,
            ahead,
        } => limit(name, *running, *bound, *ahead),
        Waits::Rate { name, more_at } => {
            let name = quoted(&String::from_utf8_lossy(name));
            match more_at {
                Some(at) => {
                    let at = moment::relative(*at, now);
                    format!("limit {name} lets no more start for now; the next may {at}")
                }
                None => format!("limit {name} lets none start"),
            }
        }
    }
}

/// Clause about its start time or the time of its next attempt.
fn time(task: &Task, run_at: Timestamp, retry: bool, now: Timestamp) -> String {
    let has_come = run_at <= now;
    let due = if has_come {
        format!("has been {}", tasks::due(run_at, now))
    } else {
        format!("is due {}", tasks::due(run_at, now))
    };
    if retry {
        let ending = ending::ending(task).unwrap_or_default();
        let attempt = ending::attempt(task);
        format!("attempt {attempt} failed ({ending}); the next {due}")
    } else if has_come {
        format!("it {due}")
    } else {
        format!("its time has not come; it {due}")
    }
}

/// Clause about the tasks before one, and the ageing that gives their order.
fn behind(before: u64, ageing: Option<Ageing>) -> String {
    let mut clause = format!("{} will be taken before it", tasks::count(before));
    if let Some(ageing) = ageing {
        let step = duration::show(ageing.step());
        let _ = write!(
            clause,
            "; in its queue {step} of waiting counts as much as one step of priority"
        );
    }
    clause
}

fn dependency(task: TaskId, state: State, condition: Condition) -> String {
    let how = match condition {
        Condition::Success => "succeed",
        Condition::Failure => "fail",
        Condition::Any => "end",
    };
    let standing = state.standing();
    if state.is_terminal() {
        format!("task {task} had to {how} first, but it {standing}")
    } else {
        format!("task {task} has to {how} first; it {standing}")
    }
}

/// Clause about a limit: tasks that run under it and tasks that come first.
fn limit(name: &[u8], running: u64, bound: Option<u64>, ahead: u64) -> String {
    let name = quoted(&String::from_utf8_lossy(name));
    let mut clause = match bound {
        Some(0) => format!("limit {name} lets no task run"),
        Some(bound) if running >= bound => {
            format!("limit {name} is reached: {running} of at most {bound} run under it")
        }
        Some(bound) => format!("limit {name} lets {bound} run at once, and {running} do"),
        None => format!("limit {name} is being lifted"),
    };
    if ahead > 0 {
        let verb = if ahead == 1 { "is" } else { "are" };
        let ahead = tasks::count(ahead);
        let _ = write!(clause, "; {ahead} under it {verb} before this one");
    }
    clause
}
