//! What `cancel`, `retry` and `reprioritize` share: selected tasks are changed in chunks, and
//! what became of each is told.

use std::collections::BTreeMap;

use serde::Serialize;

use super::program::{Access, Context};
use super::screen::{note, note_after_change};
use super::select::{self, CHUNK, Filter, Selector};
use super::{Failure, tasks};
use crate::claim::WorkerId;
use crate::error::{Error, Result};
use crate::queue::{Change, Queue, WorkerInfo};
use crate::runtime::presence::live_workers;
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
    /// The state it leads to, if a task that is in it already is not refused.
    pub(super) already: Option<State>,
    /// Whether one can be refused because of another that is changed later: then the oldest come
    /// first, and what was refused is asked again as long as that changes anything.
    pub(super) repeats: bool,
}

impl Verb {
    /// The states in which it is refused.
    fn refusing(&self) -> Vec<State> {
        let mut states = State::ALL.to_vec();
        states.retain(|state| !self.states.contains(state) && self.already != Some(*state));
        states
    }
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
    run_matching(
        context,
        selectors,
        &Filter::states(verb.states),
        verb,
        change,
    )
}

/// As [`run`], of the selected tasks only those that the filter lets through.
pub(super) fn run_matching<Q: Queue>(
    context: &Context<Q>,
    selectors: &[Selector],
    filter: &Filter,
    verb: &Verb,
    change: impl Fn(&Q, &[TaskId]) -> Result<Vec<Change>>,
) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let change = |ids: &[TaskId]| change(&queue, ids);
    let left = if filter.strict {
        Vec::new()
    } else {
        select::of_ranges(&queue, selectors, &verb.refusing())?
    };
    let mut changes: Vec<(TaskId, Change)> = Vec::new();
    let visited = if verb.repeats {
        let mut ids = Vec::new();
        let visited = select::visit_matching(&queue, selectors, filter, |some| {
            ids.extend_from_slice(some);
            Ok(())
        });
        visited.and(repeat(ids, &mut changes, change))
    } else {
        select::visit_matching(&queue, selectors, filter, |ids| {
            changes.extend(ids.iter().copied().zip(change(ids)?));
            Ok(())
        })
    };
    if visited.is_ok() || !changes.is_empty() {
        report(context, &changes, verb)?;
        tell_left(&left, changes.is_empty() && !context.screen.is_json(), verb);
        note_after_change(tell_unheeded(context, &queue, &changes));
    }
    visited?;
    judge(&changes, verb)
}

/// Changes the tasks, the oldest first, and those that were refused again as long as any of them is
/// changed.
fn repeat(
    mut ids: Vec<TaskId>,
    changes: &mut Vec<(TaskId, Change)>,
    change: impl Fn(&[TaskId]) -> Result<Vec<Change>>,
) -> Result<()> {
    ids.sort_unstable();
    ids.dedup();
    loop {
        let mut refused = Vec::new();
        for chunk in ids.chunks(CHUNK) {
            for (id, change) in chunk.iter().copied().zip(change(chunk)?) {
                match change {
                    Change::Refused(_) => refused.push((id, change)),
                    Change::Done(_) | Change::Requested(_) | Change::NotFound => {
                        changes.push((id, change));
                    }
                }
            }
        }
        if refused.is_empty() || refused.len() == ids.len() {
            changes.extend(refused);
            return Ok(());
        }
        // The other way round: whichever way the edges run, one of the two meets them in order.
        ids = refused.into_iter().rev().map(|(id, _)| id).collect();
    }
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
        return context.screen.of_done().json(&views);
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
    context.screen.of_done().raw(text.as_bytes())
}

/// Says which of the tasks that were asked to stop have no worker alive to heed it, and what ends
/// them instead.
fn tell_unheeded<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    changes: &[(TaskId, Change)],
) -> Result<()> {
    let asked: Vec<(TaskId, WorkerId)> = changes
        .iter()
        .filter_map(|(id, change)| match change {
            Change::Requested(worker) => Some((*id, *worker)),
            Change::Done(_) | Change::Refused(_) | Change::NotFound => None,
        })
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    let known = queue.workers()?;
    let living = live_workers(queue)?;
    let is_in = |workers: &[WorkerInfo], id| workers.iter().any(|one| one.id == id);
    let mut unheeded: BTreeMap<String, Vec<TaskId>> = BTreeMap::new();
    for (id, worker) in asked {
        if is_in(&living, worker) {
            continue;
        }
        let Some(task) = queue.get(id)?.filter(|task| task.state == State::Running) else {
            continue;
        };
        let reason = if is_in(&known, worker) {
            let cure = context.how_to_recover(queue, &task.queue)?;
            format!("has a dead worker, which does not heed that; {cure}")
        } else {
            let repair = context.command("doctor --repair --unregistered");
            format!(
                "has no registered worker; if no program runs that took it, {repair} returns it"
            )
        };
        unheeded.entry(reason).or_default().push(id);
    }
    for (reason, ids) in unheeded {
        let one = if ids.len() == 1 {
            "task"
        } else {
            "each of the tasks"
        };
        note(&format!("{one} {} {reason}", select::show(&ids)));
    }
    Ok(())
}

/// Says what ranges hold that cannot be changed, or, if `nothing` was, that nothing can.
fn tell_left(left: &[(TaskId, State)], nothing: bool, verb: &Verb) {
    let refused = verb.refused;
    match left {
        [] if nothing => note(&format!("no task can be {refused}")),
        [] => {}
        [(id, state)] => note(&format!(
            "task {id} {} and cannot be {refused}; it is left as it was",
            state.standing()
        )),
        many => {
            let of = |state: State| many.iter().filter(|(_, own)| *own == state).count();
            let counts: Vec<String> = State::ALL
                .into_iter()
                .map(|state| (of(state), state))
                .filter(|(count, _)| *count > 0)
                .map(|(count, state)| format!("{count} {state}"))
                .collect();
            note(&format!(
                "{} cannot be {refused} and are left as they were: {}",
                tasks::count(many.len() as u64),
                counts.join(", ")
            ));
        }
    }
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
            state.standing(),
            verb.refused
        ))),
        [(id, state), ..] => Err(Failure::Tasks(format!(
            "{} cannot be {}; task {id}, for one, {}",
            tasks::count(refusals.len() as u64),
            verb.refused,
            state.standing()
        ))),
    }
}
