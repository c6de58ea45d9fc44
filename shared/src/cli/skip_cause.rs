//! The task that caused another one to be skipped, and the command that helps.

use std::collections::HashSet;

use super::program::Context;
use crate::error::Result;
use crate::queue::{Queue, Waits};
use crate::state::State;
use crate::task::TaskId;
use crate::workflow::Condition;

/// The nearest ended task above a skipped one that was not skipped itself.
struct Cause {
    task: TaskId,
    state: State,
    condition: Condition,
}

/// A sentence about the task that caused task `id` to be skipped, with the command that queues both
/// again; `None` if that task was pruned or has been retried.
///
/// # Errors
/// As [`Queue::waits_for`].
pub(super) fn advice<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    id: TaskId,
) -> Result<Option<String>> {
    Ok(cause(queue, id)?.map(|cause| {
        let Cause {
            task,
            state,
            condition,
        } = cause;
        let had = match condition {
            Condition::Success => "succeed",
            Condition::Failure => "fail",
            Condition::Any => "end",
        };
        let now = state.standing();
        if condition == Condition::Failure {
            // A retry would have to make that task fail.
            return format!("task {task} had to {had}, but it {now}; enqueue this one anew");
        }
        let retry = context.command(&format!("retry {task} --downstream"));
        format!("task {task} had to {had}, but it {now}; {retry} queues both again")
    }))
}

/// True if a task was skipped because the one it waited for had to fail and succeeded, so that
/// nothing went wrong.
///
/// # Errors
/// As [`Queue::waits_for`].
pub(super) fn is_not_needed<Q: Queue>(queue: &Q, id: TaskId) -> Result<bool> {
    Ok(cause(queue, id)?.is_some_and(|cause| {
        cause.condition == Condition::Failure && cause.state == State::Succeeded
    }))
}

fn cause<Q: Queue>(queue: &Q, id: TaskId) -> Result<Option<Cause>> {
    let mut seen = HashSet::new();
    let mut above = id;
    let mut found = None;
    while seen.insert(above) {
        let waits = queue.waits_in_file(above)?;
        let mut causes: Vec<Cause> = waits.iter().filter_map(ended).collect();
        // Tasks that are not skipped themselves come first.
        causes.sort_by_key(|cause| cause.state == State::Skipped);
        let Some(cause) = causes.into_iter().next() else {
            break;
        };
        above = cause.task;
        let is_last = cause.state != State::Skipped;
        found = Some(cause);
        if is_last {
            break;
        }
    }
    Ok(found)
}

fn ended(waits: &Waits) -> Option<Cause> {
    match *waits {
        Waits::Dependency {
            task,
            state,
            condition,
        } if state.is_terminal() => Some(Cause {
            task,
            state,
            condition,
        }),
        Waits::Dependency { .. }
        | Waits::Dependencies { .. }
        | Waits::Time { .. }
        | Waits::Held { .. }
        | Waits::Paused { .. }
        | Waits::Behind { .. }
        | Waits::Limit { .. }
        | Waits::Unserved
        | Waits::Rate { .. } => None,
    }
}
