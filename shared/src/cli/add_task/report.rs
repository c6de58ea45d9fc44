//! Sentences and JSON about enqueued tasks.

use std::fmt::Write as _;

use serde::Serialize;

use super::super::printer::note;
use super::super::program::Context;
use super::super::{Failure, select, tasks};
use crate::queue::{Enqueued, Queue};
use crate::state::State;
use crate::task::TaskId;

/// Output in place of a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Print {
    /// The id, nothing else.
    Id,
}

#[derive(Serialize)]
struct View {
    id: i64,
    existed: bool,
    /// State of a task that existed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

/// Clause about the end of a task that was kept because of its key, with the command that retries
/// it.
fn kept<Q: Queue>(context: &Context<Q>, id: TaskId, state: Option<State>) -> String {
    match state.filter(|state| state.is_terminal()) {
        None => String::new(),
        Some(State::Succeeded) => " and has succeeded".to_owned(),
        Some(state) => {
            let retry = context.command(&format!("retry {id}"));
            format!(" and {}; {retry} queues it again", state.standing())
        }
    }
}

/// Form of a report about enqueued tasks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Report<'a> {
    /// Its first word, such as `Added`.
    pub(super) verb: &'a str,
    /// True if the tasks come from many lines.
    pub(super) bulk: bool,
    pub(super) print: Option<Print>,
    /// True if standard output is for the output of the task, so that sentences go to standard
    /// error.
    pub(super) aside: bool,
}

/// Reports enqueued tasks.
///
/// # Errors
/// [`Failure::Output`].
pub(super) fn report<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    enqueued: &[Enqueued],
    form: Report<'_>,
) -> Result<(), Failure> {
    // The tasks are committed, so they are reported even if they cannot be read now.
    let state = |id| queue.get(id).ok().flatten().map(|task| task.state);
    let view = |one: &Enqueued| View {
        id: one.id.0,
        existed: one.existed,
        state: one
            .existed
            .then(|| state(one.id))
            .flatten()
            .map(State::as_str),
    };
    let printer = context.printer.of_done();
    if printer.is_json() {
        return match enqueued {
            [one] if !form.bulk => printer.json(&view(one)),
            many => printer.json(&many.iter().map(view).collect::<Vec<_>>()),
        };
    }
    if form.print == Some(Print::Id) {
        let mut lines = String::new();
        for one in enqueued {
            let _ = writeln!(lines, "{}", one.id);
        }
        printer.raw(lines.as_bytes())?;
        for id in enqueued.iter().filter(|one| one.existed).map(|one| one.id) {
            let standing = kept(context, id, state(id));
            if !standing.is_empty() {
                note(&format!("task {id} has the same key{standing}"));
            }
        }
        return Ok(());
    }
    let ids = |existed: bool| -> Vec<TaskId> {
        let chosen = enqueued.iter().filter(|one| one.existed == existed);
        chosen.map(|one| one.id).collect()
    };
    let (new, old) = (ids(false), ids(true));
    let mut lines = match new.as_slice() {
        [] if old.is_empty() => format!("{} no tasks\n", form.verb),
        [] => String::new(),
        [id] => format!("{} task {id}\n", form.verb),
        many => {
            let number = u64::try_from(many.len()).unwrap_or(u64::MAX);
            format!(
                "{} {}: {}\n",
                form.verb,
                tasks::count(number),
                select::show(many)
            )
        }
    };
    for id in old {
        let standing = kept(context, id, state(id));
        let _ = writeln!(lines, "Kept task {id}: it has the same key{standing}");
    }
    if form.aside {
        note(lines.trim_end());
        return Ok(());
    }
    printer.raw(lines.as_bytes())
}
