//! The result of a run: counts, unsuccessful lines, commands that can follow.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::super::printer::note;
use super::super::program::Context;
use super::super::table::painted;
use super::super::{Failure, escape, moment, select, tasks};
use super::Arguments;
use super::group::{Group, LineStates};
use super::group_name::STDIN;
use super::rerun;
use super::source::Origin;
use crate::queue::Queue;
use crate::state::State;
use crate::task::Work;

/// Most bytes of ids in a suggested command; more would make it unreadable.
const LONGEST_IDS: usize = 40;

/// Most failed lines named in the summary.
const MOST_FAILED: usize = 20;

#[derive(Serialize)]
struct View<'a> {
    succeeded: u64,
    failed: u64,
    cancelled: u64,
    skipped: u64,
    not_needed: u64,
    left: u64,
    ended_before: u64,
    took_ms: u64,
    unsuccessful: Vec<LineView<'a>>,
}

#[derive(Serialize)]
struct LineView<'a> {
    line: usize,
    id: i64,
    state: &'static str,
    ending: &'a str,
}

/// Prints the number of unsuccessful lines that are not named, with the command that lists them.
pub(super) fn note_more<Q: Queue>(context: &Context<Q>, group: &Group, states: &LineStates) {
    let all = states.unsuccessful.len();
    if all <= MOST_FAILED {
        return;
    }
    let ended = State::ALL.into_iter().filter(|state| state.is_terminal());
    let states = ended.filter(|state| *state != State::Succeeded && states.count(*state) > 0);
    let states: Vec<&str> = states.map(State::as_str).collect();
    let queue = Work::Argv(vec![group.queue.clone()]).display();
    let list = format!(
        "list --state {} --queue {queue} --limit {all}",
        states.join(",")
    );
    note(&format!(
        "{} more did not succeed; {} lists them all",
        all - MOST_FAILED,
        context.command(&list)
    ));
}

/// Prints the commands that can follow.
pub(super) fn advise<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    origin: &Origin,
    states: &LineStates,
) {
    let (failed, cancelled) = (State::Failed, State::Cancelled);
    let what = match [failed, cancelled].map(|state| states.count(state) > 0) {
        [true, true] => Some("the failed and cancelled lines"),
        [true, false] => Some("the failed lines"),
        [false, true] => Some("the cancelled lines"),
        [false, false] => None,
    };
    if let Some(what) = what {
        let mut words = "run --retry-failed".to_owned();
        if let Some(name) = &arguments.name {
            let name = Work::Argv(vec![format!("--name={name}")]).display();
            let _ = write!(words, " {name}");
        }
        let (file, given) = match origin {
            Origin::File(_) => (rerun::quoted(&arguments.file.to_string_lossy()), ""),
            Origin::Stream if arguments.name.is_some() => (STDIN.to_owned(), ""),
            Origin::Stream => (STDIN.to_owned(), " with the same lines"),
        };
        let again = context.command(&format!("{words} {file}"));
        note(&format!("{again}{given} runs {what} again"));
    }
    if states.unsuccessful.is_empty() && !states.ids.is_empty() {
        let mut ids = states.ids.clone();
        ids.sort_unstable();
        let ids = select::show(&ids);
        let which = if ids.len() > LONGEST_IDS { "ID" } else { &ids };
        let log = context.command(&format!("log {which}"));
        note(&format!("{log} shows their output"));
    }
}

/// Numbers of lines by state, coloured if `color`, and the time they took.
fn summary(states: &LineStates, ended_before: u64, took: Duration, color: bool) -> String {
    let mut parts = Vec::new();
    for state in [
        State::Succeeded,
        State::Failed,
        State::Cancelled,
        State::Skipped,
    ] {
        let number = states.count(state);
        let always = matches!(state, State::Succeeded | State::Failed);
        let part = format!("{number} {state}");
        match number {
            0 if always => parts.push(part),
            0 => {}
            _ if color => parts.push(painted(state, &part)),
            _ => parts.push(part),
        }
    }
    for (number, what) in [
        (states.not_needed, "not needed"),
        (states.left(), "left"),
        (ended_before, "had ended before"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {what}"));
        }
    }
    parts.push(format!("in {}", moment::rough(took)));
    parts.join(", ")
}

/// Prints the result of the lines, and fails unless all succeeded.
pub(super) fn report<Q: Queue>(
    context: &Context<Q>,
    states: &LineStates,
    ended_before: u64,
    took: Duration,
) -> Result<(), Failure> {
    let (succeeded, failed) = (states.count(State::Succeeded), states.count(State::Failed));
    let cancelled = states.count(State::Cancelled);
    let skipped = states.count(State::Skipped);
    let left = states.left();
    let lines = states.unsuccessful.iter().map(|one| LineView {
        line: one.line,
        id: one.id.0,
        state: one.state.as_str(),
        ending: &one.ending,
    });
    let view = View {
        succeeded,
        failed,
        cancelled,
        skipped,
        not_needed: states.not_needed,
        left,
        ended_before,
        took_ms: super::super::option_values::millis(took),
        unsuccessful: lines.collect(),
    };
    let text = summary(states, ended_before, took, context.printer.color());
    context.printer.of_done().say(&text, &view)?;
    for one in states.unsuccessful.iter().take(MOST_FAILED) {
        note(&format!(
            "line {}: {} ({}); see {}",
            one.line,
            escape::line(&one.ending),
            escape::line(&one.name),
            context.command(&format!("log {}", one.id))
        ));
    }
    match (left, failed + cancelled + skipped) {
        (0, 0) => Ok(()),
        (0, number) => Err(Failure::Tasks(format!(
            "{} did not succeed",
            tasks::count(number)
        ))),
        (left, _) => Err(Failure::Tasks(format!(
            "{} left; run it again to go on",
            tasks::count(left)
        ))),
    }
}
