//! What `cancel`, `retry` and `reprioritize` share: selected tasks are changed in chunks, and
//! what became of each is told.

use serde::Serialize;

use super::program::{Access, Context};
use super::screen::note;
use super::select::{self, Selector};
use super::{Failure, tasks};
use crate::error::{Error, Result};
use crate::queue::{Change, Queue};
use crate::state::State;
use crate::task::TaskId;

/// A verb that changes tasks.
pub(super) struct Verb {
    /// What was done, at the beginning of a sentence: `Cancelled`.
    pub(super) done: &'static str,
    /// What cannot be done: `cancelled`.
    pub(super) refused: &'static str,
    /// The states in which it applies; what a range or `all` holds beside them is passed over.
    pub(super) states: &'static [State],
}

#[derive(Serialize)]
struct View {
    id: i64,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

impl View {
    fn new(id: TaskId, change: Change) -> Self {
        let (change, state) = match change {
            Change::Done(state) => ("done", Some(state)),
            Change::Requested(_) => ("requested", Some(State::Running)),
            Change::Refused(state) => ("refused", Some(state)),
            Change::NotFound => ("not_found", None),
        };
        Self {
            id: id.0,
            change,
            state: state.map(State::as_str),
        }
    }
}

/// Changes the selected tasks and reports.
///
/// # Errors
/// [`Error::NotFound`] for a task that does not exist, [`Failure::Tasks`] if one named by itself
/// refused the change; the others are changed all the same.
pub(super) fn run<Q: Queue>(
    context: &Context<Q>,
    selectors: &[Selector],
    verb: &Verb,
    change: impl Fn(&Q, &[TaskId]) -> Result<Vec<Change>>,
) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let mut changes: Vec<(TaskId, Change)> = Vec::new();
    let visited = select::visit(&queue, selectors, verb.states, |ids| {
        changes.extend(ids.iter().copied().zip(change(&queue, ids)?));
        Ok(())
    });
    if visited.is_ok() || !changes.is_empty() {
        report(context, &changes, verb)?;
    }
    visited?;
    judge(&changes, verb)
}

fn report<Q>(
    context: &Context<Q>,
    changes: &[(TaskId, Change)],
    verb: &Verb,
) -> Result<(), Failure> {
    if context.screen.is_json() {
        let views: Vec<View> = changes
            .iter()
            .map(|(id, change)| View::new(*id, *change))
            .collect();
        return context.screen.json(&views);
    }
    let ids = |wanted: fn(&Change) -> bool| -> Vec<TaskId> {
        let mut ids: Vec<TaskId> = changes
            .iter()
            .filter(|(_, change)| wanted(change))
            .map(|(id, _)| *id)
            .collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let done = ids(|change| matches!(change, Change::Done(_)));
    let requested = ids(|change| matches!(change, Change::Requested(_)));
    let mut text = String::new();
    for (ids, what) in [(&done, verb.done), (&requested, "Asked to stop")] {
        let line = match ids.as_slice() {
            [] => continue,
            [id] => format!("{what} task {id}"),
            many => {
                let number = tasks::count(many.len() as u64);
                format!("{what} {number}: {}", select::show(many))
            }
        };
        text.push_str(&line);
        text.push('\n');
    }
    if changes.is_empty() {
        note(&format!("no task can be {}", verb.refused));
    }
    context.screen.raw(text.as_bytes())
}

/// The failure that the least fortunate of the changes makes of it all.
fn judge(changes: &[(TaskId, Change)], verb: &Verb) -> Result<(), Failure> {
    let mut refusals = Vec::new();
    for (id, change) in changes {
        match change {
            Change::NotFound => {
                return Err(Error::not_found(format!("there is no task {id}")).into());
            }
            Change::Refused(state) => refusals.push((id, state)),
            Change::Done(_) | Change::Requested(_) => {}
        }
    }
    match refusals.as_slice() {
        [] => Ok(()),
        [(id, state)] => Err(Failure::Tasks(format!(
            "task {id} {} and cannot be {}",
            tasks::standing(**state),
            verb.refused
        ))),
        [(id, state), ..] => Err(Failure::Tasks(format!(
            "{} cannot be {}; task {id}, for one, {}",
            tasks::count(refusals.len() as u64),
            verb.refused,
            tasks::standing(**state)
        ))),
    }
}
