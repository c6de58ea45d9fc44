//! The common part of `cancel`, `retry`, `reprioritize`, `hold` and `release`: changes selected tasks in
//! steps, between which other processes can write, and reports the result of each.

use std::collections::BTreeMap;

use serde::Serialize;

use super::interrupt::Interrupt;
use super::printer::note;
use super::program::{Access, Context};
use super::select::{self, Filter, Selector};
use super::{Failure, escape, skip_cause, tasks};
use crate::claim::WorkerId;
use crate::error::{Error, Result};
use crate::queue::{Change, Queue, STEP, WorkerInfo};
use crate::state::State;
use crate::task::TaskId;

/// A verb that changes tasks.
pub(super) struct ChangeVerb {
    /// Past participle at the beginning of a sentence: `Cancelled`.
    pub(super) done: &'static str,
    /// The same after `cannot be`: `cancelled`.
    pub(super) refused: &'static str,
    /// States in which it applies; tasks of a range or of `all` in other states are left out.
    pub(super) states: &'static [State],
    /// State it leads to, if a task that is already in it is not refused.
    pub(super) already: Option<State>,
    /// End of the sentence about a task for which there was nothing to do, such as `is held already`;
    /// `None` if its state says it.
    pub(super) standing: Option<&'static str>,
}

/// Most re-opened tasks that a report names one by one.
const NAMED_AT_MOST: usize = 5;

/// Changes made to the selected tasks.
#[derive(Default)]
pub(super) struct ChangeReport {
    pub(super) changes: Vec<(TaskId, Change)>,
    /// Tasks that were re-opened with them.
    pub(super) also: Vec<(TaskId, Change)>,
    /// Number of tasks processed so far, of `total`.
    pub(super) looked_at: usize,
    pub(super) total: usize,
}

impl ChangeVerb {
    /// States in which it is refused.
    fn refusing(&self) -> Vec<State> {
        let mut states = State::ALL.to_vec();
        states.retain(|state| !self.states.contains(state) && self.already != Some(*state));
        states
    }

    /// Verb and state of a task that refused: to a change of waiting tasks, a running one says that a
    /// worker came first.
    fn refusal(&self, state: State) -> String {
        if state == State::Running && self.states == State::WAITING {
            "is already running".to_owned()
        } else {
            state.standing()
        }
    }
}

#[derive(Serialize)]
struct View {
    id: i64,
    change: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    downstream: bool,
}

impl View {
    fn new(id: TaskId, change: Change, downstream: bool) -> Self {
        let (change, state) = match change {
            Change::Done(state) => ("done", Some(state)),
            Change::Already(state) => ("already", Some(state)),
            Change::Requested(_) => ("requested", Some(State::Running)),
            Change::AlreadyRequested(_) => ("already_requested", Some(State::Running)),
            Change::Refused(state) => ("refused", Some(state)),
            Change::NotFound => ("not_found", None),
        };
        Self {
            id: id.0,
            change,
            state: state.map(State::as_str),
            downstream,
        }
    }
}

/// Changes the selected tasks and reports. The newest come first, so that dependents change before
/// the tasks they wait for, and no single change ends very many dependents at once.
///
/// # Errors
/// [`Error::NotFound`] for a task that does not exist, [`Failure::Tasks`] if one named by itself
/// refused the change; the others are changed all the same.
pub(super) fn run<Q: Queue>(
    context: &Context<Q>,
    selectors: &[Selector],
    verb: &ChangeVerb,
    change: impl Fn(&Q, &[TaskId]) -> Result<Vec<Change>>,
) -> Result<(), Failure> {
    run_filtered(
        context,
        selectors,
        &Filter::states(verb.states),
        verb,
        change,
    )
}

/// As [`run`]; `tell` adds notes about the changes after the report.
///
/// # Errors
/// As [`run`].
pub(super) fn run_told<Q: Queue>(
    context: &Context<Q>,
    selectors: &[Selector],
    verb: &ChangeVerb,
    change: impl Fn(&Q, &[TaskId]) -> Result<Vec<Change>>,
    tell: impl Fn(&Q, &[(TaskId, Change)]) -> Result<()>,
) -> Result<(), Failure> {
    let filter = Filter::states(verb.states);
    run_with(
        context,
        selectors,
        &filter,
        verb,
        |queue, ids, made, go_on| in_steps(queue, ids, made, go_on, &change),
        tell,
    )
}

/// Changes tasks in steps, the newest first, while `go_on` returns true.
fn in_steps<Q: Queue>(
    queue: &Q,
    ids: &[TaskId],
    made: &mut ChangeReport,
    go_on: &dyn Fn() -> bool,
    change: &impl Fn(&Q, &[TaskId]) -> Result<Vec<Change>>,
) -> Result<()> {
    made.total = ids.len();
    for step in ids.rchunks(STEP).filter(|_| go_on()) {
        let step: Vec<TaskId> = step.iter().rev().copied().collect();
        let changes = change(queue, &step)?;
        made.looked_at += step.len();
        made.changes.extend(step.into_iter().zip(changes));
    }
    Ok(())
}

/// As [`run`]; ranges and `all` take the tasks that match the filter.
///
/// # Errors
/// As [`run`].
pub(super) fn run_filtered<Q: Queue>(
    context: &Context<Q>,
    selectors: &[Selector],
    filter: &Filter,
    verb: &ChangeVerb,
    change: impl Fn(&Q, &[TaskId]) -> Result<Vec<Change>>,
) -> Result<(), Failure> {
    run_with(
        context,
        selectors,
        filter,
        verb,
        |queue, ids, made, go_on| in_steps(queue, ids, made, go_on, &change),
        |_, _| Ok(()),
    )
}

/// Selects tasks, has `change` change them until a signal stops it, and reports.
///
/// # Errors
/// As [`run`].
pub(super) fn run_with<Q: Queue>(
    context: &Context<Q>,
    selectors: &[Selector],
    filter: &Filter,
    verb: &ChangeVerb,
    change: impl Fn(&Q, &[TaskId], &mut ChangeReport, &dyn Fn() -> bool) -> Result<()>,
    tell: impl Fn(&Q, &[(TaskId, Change)]) -> Result<()>,
) -> Result<(), Failure> {
    let queue = context.open(Access::Write)?;
    let interrupt = Interrupt::listen()?;
    let left = if filter.strict {
        Vec::new()
    } else {
        select::of_ranges(&queue, selectors, &verb.refusing())?
    };
    let mut ids = Vec::new();
    let visited = select::visit_matching(&queue, selectors, filter, |some| {
        ids.extend_from_slice(some);
        Ok(())
    });
    ids.sort_unstable();
    ids.dedup();
    let mut made = ChangeReport::default();
    let changed = change(&queue, &ids, &mut made, &|| !interrupt.is_asked());
    made.changes.sort_unstable_by_key(|(id, _)| *id);
    made.also.sort_unstable_by_key(|(id, _)| *id);
    if (changed.is_ok() && visited.is_ok()) || !made.changes.is_empty() {
        report(context, &queue, &made, verb)?;
        let nothing = made.total == 0 && !context.printer.is_json();
        note_unchanged(&left, nothing, verb);
        context.note_after_change(note_unheeded(context, &queue, &made.changes));
        context.note_after_change(tell(&queue, &made.changes));
    }
    if made.looked_at < made.total && (changed.is_ok() || made.looked_at > 0) {
        note(&format!(
            "stopped after {} of {}; the same command goes on with the others",
            made.looked_at,
            tasks::count(made.total as u64)
        ));
        interrupt.obey();
    }
    changed?;
    visited?;
    judge(context, &queue, &made.changes, verb)
}

fn report<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    made: &ChangeReport,
    verb: &ChangeVerb,
) -> Result<(), Failure> {
    let changes = &made.changes;
    if context.printer.is_json() {
        let view = |downstream| move |(id, change): &(_, _)| View::new(*id, *change, downstream);
        let views = changes.iter().map(view(false));
        let views: Vec<View> = views.chain(made.also.iter().map(view(true))).collect();
        return context.printer.of_done().json(&views);
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
    text += &already(changes, verb);
    text += &re_opened_with(queue, made)?;
    context.printer.of_done().raw(text.as_bytes())
}

/// Lines about tasks that were already in the wanted state or asked to stop.
fn already(changes: &[(TaskId, Change)], verb: &ChangeVerb) -> String {
    let (mut there, mut asked) = (Vec::new(), Vec::new());
    let mut standing = String::new();
    for (id, change) in changes {
        match change {
            Change::Already(state) => {
                there.push(*id);
                let of_state = || format!("{} already", state.standing());
                standing = verb.standing.map_or_else(of_state, str::to_owned);
            }
            Change::AlreadyRequested(_) => asked.push(*id),
            Change::Done(_) | Change::Requested(_) | Change::Refused(_) | Change::NotFound => {}
        }
    }
    let line = |ids: &[TaskId], standing: &str| match ids {
        [] => String::new(),
        [id] => format!("Task {id} {standing}\n"),
        many => {
            let number = tasks::count(many.len() as u64);
            let standing = match standing.split_once(' ') {
                Some(("was", rest)) => format!("were {rest}"),
                Some(("is", rest)) => format!("are {rest}"),
                _ => standing.to_owned(),
            };
            format!("{number} {standing}: {}\n", select::show(many))
        }
    };
    line(&there, &standing) + &line(&asked, "was asked to stop already")
}

/// A line about the tasks that were re-opened with the selected ones.
fn re_opened_with<Q: Queue>(queue: &Q, made: &ChangeReport) -> Result<String> {
    let them = if made.changes.len() == 1 {
        "it"
    } else {
        "them"
    };
    let ids: Vec<TaskId> = made.also.iter().map(|(id, _)| *id).collect();
    if ids.is_empty() {
        return Ok(String::new());
    }
    let what = if ids.len() > NAMED_AT_MOST {
        select::show(&ids)
    } else {
        let mut named = Vec::new();
        for id in &ids {
            let name = queue
                .get(*id)?
                .map(|task| escape::line(&task.name).into_owned());
            named.push(name.map_or_else(|| id.to_string(), |name| format!("{id} ({name})")));
        }
        named.join(", ")
    };
    let number = tasks::count(ids.len() as u64);
    let were = if ids.len() == 1 { "was" } else { "were" };
    Ok(format!(
        "Re-opened {number} that {were} skipped because of {them}: {what}\n"
    ))
}

/// Prints a note about each task that was asked to stop and has no living worker to stop it, with
/// the command that ends it.
fn note_unheeded<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    changes: &[(TaskId, Change)],
) -> Result<()> {
    let asked: Vec<(TaskId, WorkerId)> = changes
        .iter()
        .filter_map(|(id, change)| Some((*id, change.asked()?)))
        .collect();
    if asked.is_empty() {
        return Ok(());
    }
    let known = queue.workers()?;
    let living = queue.live_workers()?;
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
            format!("has a dead worker, which cannot stop it; {cure}")
        } else {
            let repair = context.command("doctor --repair --unregistered");
            format!(
                "has no registered worker; if the program that took it no longer runs, {repair} \
                 returns it"
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

/// Prints a note about tasks of ranges that cannot be changed, or that no task can be, if `nothing`
/// was.
fn note_unchanged(left: &[(TaskId, State)], nothing: bool, verb: &ChangeVerb) {
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

/// Fails if a task was not found or refused the change.
fn judge<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    changes: &[(TaskId, Change)],
    verb: &ChangeVerb,
) -> Result<(), Failure> {
    let mut refusals = Vec::new();
    for (id, change) in changes {
        match change {
            Change::NotFound => {
                return Err(Error::not_found(format!("there is no task {id}")).into());
            }
            Change::Refused(state) => refusals.push((*id, *state)),
            Change::Done(_)
            | Change::Already(_)
            | Change::Requested(_)
            | Change::AlreadyRequested(_) => {}
        }
    }
    let sentence = match refusals.as_slice() {
        [] => return Ok(()),
        [(id, state)] => format!(
            "task {id} {} and cannot be {}",
            verb.refusal(*state),
            verb.refused
        ),
        [(id, state), ..] => format!(
            "{} cannot be {}; for example, task {id} {}",
            tasks::count(refusals.len() as u64),
            verb.refused,
            verb.refusal(*state)
        ),
    };
    // Only `retry` applies to skipped tasks.
    let skipped = refusals.iter().find(|(_, state)| *state == State::Skipped);
    let advice = match skipped.filter(|(_, state)| verb.states.contains(state)) {
        Some((id, _)) => skip_cause::advice(context, queue, *id)?,
        None => None,
    };
    let advice = advice.map_or_else(String::new, |advice| format!(": {advice}"));
    Err(Failure::Tasks(format!("{sentence}{advice}")))
}
