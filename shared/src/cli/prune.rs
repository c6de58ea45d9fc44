//! `prune`: deletes old ended tasks, with their output.

use std::time::Duration;

use serde::Serialize;

use super::interrupt::Interrupt;
use super::printer::note;
use super::program::{Access, Context};
use super::{Failure, duration, list, number, possible_values, tasks};
use crate::clock::Timestamp;
use crate::queue::{PruneRequest, Queue};
use crate::state::State;

/// Delete old ended tasks, with their output
///
/// It deletes no waiting or running task, and never the newest task, whose id must not be given out
/// again. Workers go on meanwhile. A line of a file that `run` has run counts as never run once its
/// task is deleted: the next `run` of that file runs it again.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only tasks that ended longer ago than this: 30d, 12h
    #[arg(
        long,
        value_name = "DURATION",
        allow_hyphen_values = true,
        value_parser = duration::parse
    )]
    older_than: Option<Duration>,

    /// Keep this many of the newest ended tasks, whatever their age
    #[arg(long, value_name = "NUMBER", value_parser = number::within(0..=u64::MAX))]
    keep: Option<u64>,

    /// Only tasks in these states; several are separated by commas
    #[arg(
        short,
        long = "state",
        value_name = "STATE",
        value_delimiter = ',',
        value_parser = possible_values::of(list::states(State::is_terminal), ended)
    )]
    states: Vec<State>,

    /// Delete nothing; print how many tasks would be deleted
    #[arg(long)]
    dry_run: bool,
}

fn ended(word: &str) -> Result<State, String> {
    let state = list::state(word)?;
    if state.is_terminal() {
        Ok(state)
    } else {
        Err("only tasks that have ended are pruned".to_owned())
    }
}

#[derive(Serialize)]
struct View {
    pruned: u64,
    dry_run: bool,
}

/// Runs `clean`: deletes succeeded tasks of any age, unless the options say otherwise.
pub(crate) fn clean<Q: Queue>(
    context: &Context<Q>,
    mut arguments: Arguments,
) -> Result<(), Failure> {
    if arguments.older_than.is_none() && arguments.keep.is_none() {
        arguments.keep = Some(0);
    }
    if arguments.states.is_empty() {
        arguments.states.push(State::Succeeded);
    }
    run(context, &arguments)
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.older_than.is_none() && arguments.keep.is_none() {
        return Err(Failure::Usage(
            "choose what to delete: --older-than DURATION, --keep NUMBER or both".to_owned(),
        ));
    }
    let queue = context.open(if arguments.dry_run {
        Access::Read
    } else {
        Access::Write
    })?;
    let now = queue.now().wall;
    let age = arguments.older_than.unwrap_or_default().as_millis();
    let age = i64::try_from(age).unwrap_or(i64::MAX);
    let request = PruneRequest {
        // One later: a task that ended in this millisecond has age zero and is included.
        finished_before: Timestamp(now.0.saturating_sub(age).saturating_add(1)),
        states: arguments.states.clone(),
        keep: arguments.keep.unwrap_or_default(),
        dry_run: arguments.dry_run,
    };
    let interrupt = Interrupt::listen()?;
    let (mut gone, mut is_stopped) = (0, false);
    let pruned = queue.prune_while(&request, &mut |so_far| {
        gone = so_far;
        is_stopped = interrupt.is_asked();
        !is_stopped
    });
    if !arguments.dry_run && (is_stopped || pruned.is_err() && gone > 0) {
        note(&format!(
            "stopped after {}; the same command goes on with the others",
            tasks::count(gone)
        ));
        interrupt.obey();
    }
    let pruned = pruned?;
    if !arguments.dry_run {
        context.note_after_change(queue.delete_logs());
    }
    let what = if arguments.dry_run {
        "Would prune"
    } else {
        "Pruned"
    };
    let view = View {
        pruned,
        dry_run: arguments.dry_run,
    };
    let sentence = format!("{what} {}", tasks::count(pruned));
    let printer = if arguments.dry_run {
        context.printer
    } else {
        context.printer.of_done()
    };
    printer.say(&sentence, &view)
}
