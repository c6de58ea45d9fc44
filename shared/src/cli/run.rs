//! `run FILE`: runs every line of a file once, even if it is interrupted and run again.

mod group;
pub(super) mod group_name;
mod progress;
pub(super) mod rerun;
mod source;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::add_task::bulk::{self, TaskLine};
use super::printer::note;
use super::program::{Access, Context};
use super::terminal::SuspendGuard;
use super::{Failure, duration, escape, number, process_setup, select, tasks, worker};
use crate::error::Result;
use crate::queue::Queue;
use crate::runtime::{Worker, WorkerOptions, trust};
use crate::state::State;
use crate::task::{NewTask, Work};
use group::{Group, Verdict};
use group_name::STDIN;
use progress::Progress;
use source::{Origin, Source};

/// Most bytes of ids in a suggested command; more would make it unreadable.
const LONGEST_IDS: usize = 40;

/// Most bytes in the name of a group of lines.
const LONGEST_NAME: usize = 100;

/// Most failed lines named in the summary.
const MOST_FAILED: usize = 20;

/// Run every line of a file as a command
///
/// Stopped or killed and run again, it goes on where it was: it does not run lines again that ended,
/// and runs lines again that were cut off. It knows a line by its content, and equal lines by their
/// order, so lines may be inserted, moved and removed: new lines run, and removed lines that still
/// waited are cancelled. A line that somebody cancelled stays cancelled. A file that was moved counts
/// as another file, unless both runs have the same --name. Input from a pipe (`-`, `/dev/stdin`,
/// `<(...)`) is read to its end first; the same input counts as the same file, and so does the same
/// --name. A line whose task was deleted by `prune` counts as never run. The lines have a queue of
/// their own, which no other task joins and no other worker serves. The exit code is 1 unless every
/// line succeeded.
///
/// A line is a command or, if it begins with `{`, a JSON object with these fields: name, command,
/// argv, priority, delay, at, `max_attempts`, `max_crashes`, backoff, timeout, `retry_codes`,
/// `fatal_codes`, cwd, env, shell, `merge_output`. `run` sets its queue
/// and its key; it refuses further fields, such as `after`.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The file, with a command or a JSON object on each line; `-` for standard input
    file: PathBuf,

    /// Name of the file in place of its path: a run of any file with this name goes on with its lines
    #[arg(long, value_name = "NAME", value_parser = group_name)]
    name: Option<String>,

    /// Number of lines to run at once [default: the number of cores]
    #[arg(short, long, value_name = "NUMBER", value_parser = number::within(1..=10_000_u32))]
    slots: Option<u32>,

    /// Run lines again that failed in an earlier run or that somebody cancelled
    #[arg(long)]
    retry_failed: bool,

    /// Exits and timeouts before a line has failed
    #[arg(
        long,
        value_name = "NUMBER",
        default_value_t = 1,
        value_parser = number::within(1..=u32::MAX)
    )]
    max_attempts: u32,

    /// Time an attempt may take
    #[arg(long, value_name = "DURATION", allow_hyphen_values = true, value_parser = duration::parse)]
    timeout: Option<Duration>,

    /// The shell that runs lines that name none, with `-c`, such as bash
    #[arg(
        long,
        value_name = "SHELL",
        default_value = "/bin/sh",
        value_parser = super::option_values::shell
    )]
    shell: String,

    /// As root, run lines even in a database that others can change; as `worker --trust-file`
    #[arg(long)]
    trust_file: bool,
}

/// Reads the name of a group of lines, which becomes a part of its queue's.
fn group_name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() || text.len() > LONGEST_NAME || text.contains(char::is_control) {
        return Err(format!(
            "it is a text of 1 to {LONGEST_NAME} bytes in one line"
        ));
    }
    Ok(text.to_owned())
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    process_setup::set_up()?;
    let source = Source::read(&arguments.file)?;
    let read = lines(arguments, &source.bytes)?;
    let mut group = Group::named(&source.origin, &source.bytes, arguments.name.as_deref());
    let queue = Arc::new(context.open(Access::Serve)?);
    if !arguments.trust_file {
        trust::check(&**queue.coordination())?;
    }
    let begun = queue.now().boot;
    group.join(&*queue)?;
    let stored = group.stored(&*queue)?;
    let lines = group.lines(read, &stored);
    let withdrawn = Group::withdraw_stale(&*queue, &lines, &stored)?;
    drop(stored);
    let enqueued = queue.enqueue(lines.iter().map(|line| line.task.clone()).collect())?;
    group::reopen(&*queue, &enqueued, arguments.retry_failed)?;
    let before = group.judge(&*queue, &lines)?;
    if before.left() > 0 {
        let options = WorkerOptions {
            queues: group.queue.as_str().into(),
            drain: true,
            owns_process: true,
            trust_file: arguments.trust_file,
            shell: arguments.shell.clone(),
            ..WorkerOptions::commands(worker::slots(arguments.slots))
        };
        work(context, &queue, &before, options)?;
        // Lines that a dead worker left running are cancelled only now.
        group::withdraw(&*queue, &withdrawn)?;
    }
    let verdict = group.judge(&*queue, &lines)?;
    let took = queue.now().boot.since(begun);
    let result = report(context, &verdict, before.ended(), took);
    if !context.printer.is_json() {
        note_more(context, &group, &verdict);
        advise(context, arguments, &source.origin, &verdict);
    }
    result
}

/// The tasks of the lines.
fn lines(arguments: &Arguments, text: &[u8]) -> Result<Vec<TaskLine>, Failure> {
    let shown = arguments.file.display();
    let mut template = NewTask::of("", Work::Shell(String::new()));
    template.options.max_attempts = arguments.max_attempts;
    template.options.timeout_ms = arguments.timeout.map(super::option_values::millis);
    template.options.cwd = Some(super::option_values::folder(".")?);
    let now = crate::clock::Clock::now(&crate::clock::SystemClock).wall;
    bulk::read_lines(text, &template, now)
        .map_err(|failure| Failure::Usage(format!("{shown}: {}", failure.sentence())))
}

/// Runs the tasks of the group until all have ended.
fn work<Q: Queue>(
    context: &Context<Q>,
    queue: &Arc<Q>,
    before: &Verdict,
    options: WorkerOptions,
) -> Result<(), Failure> {
    if let Some(warning) = trust::warning(&**queue.coordination()) {
        note(&warning);
    }
    let worker = Worker::new(Arc::clone(queue), options)?;
    let _signals = worker.stopper().on_signals()?;
    let mut progress = Progress::new(context.printer, context.invocation(), before);
    let _suspend_guard = SuspendGuard::new(progress.print_thread())?;
    let result = worker.run(&mut progress);
    progress.finish();
    result?;
    if !progress.left.is_empty() {
        note(&worker::obstacles::sentence(
            context,
            &**queue,
            &progress.left,
        )?);
    }
    Ok(())
}

#[derive(Serialize)]
struct View<'a> {
    succeeded: u64,
    failed: u64,
    cancelled: u64,
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
fn note_more<Q: Queue>(context: &Context<Q>, group: &Group, verdict: &Verdict) {
    let all = verdict.unsuccessful.len();
    if all <= MOST_FAILED {
        return;
    }
    let ended = State::ALL.into_iter().filter(|state| state.is_terminal());
    let states = ended.filter(|state| *state != State::Succeeded && verdict.count(*state) > 0);
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
fn advise<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    origin: &Origin,
    verdict: &Verdict,
) {
    let (failed, cancelled) = (State::Failed, State::Cancelled);
    let what = match [failed, cancelled].map(|state| verdict.count(state) > 0) {
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
    if verdict.unsuccessful.is_empty() && !verdict.ids.is_empty() {
        let mut ids = verdict.ids.clone();
        ids.sort_unstable();
        let ids = select::show(&ids);
        let which = if ids.len() > LONGEST_IDS { "ID" } else { &ids };
        let log = context.command(&format!("log {which}"));
        note(&format!("{log} shows their output"));
    }
}

/// Prints the result of the lines, and fails unless all succeeded.
fn report<Q: Queue>(
    context: &Context<Q>,
    verdict: &Verdict,
    ended_before: u64,
    took: Duration,
) -> Result<(), Failure> {
    let (succeeded, failed) = (
        verdict.count(State::Succeeded),
        verdict.count(State::Failed),
    );
    let cancelled = verdict.count(State::Cancelled) + verdict.count(State::Skipped);
    let left = verdict.left();
    let lines = verdict.unsuccessful.iter().map(|one| LineView {
        line: one.line,
        id: one.id.0,
        state: one.state.as_str(),
        ending: &one.ending,
    });
    let view = View {
        succeeded,
        failed,
        cancelled,
        left,
        ended_before,
        took_ms: super::option_values::millis(took),
        unsuccessful: lines.collect(),
    };
    let mut text = format!("{succeeded} succeeded, {failed} failed");
    for (number, what) in [
        (cancelled, "cancelled"),
        (left, "left"),
        (ended_before, "had ended before"),
    ] {
        if number > 0 {
            let _ = write!(text, ", {number} {what}");
        }
    }
    let _ = write!(text, ", in {}", super::moment::rough(took));
    context.printer.of_done().say(&text, &view)?;
    for one in verdict.unsuccessful.iter().take(MOST_FAILED) {
        note(&format!(
            "line {}: {} ({}); see {}",
            one.line,
            escape::line(&one.ending),
            escape::line(&one.name),
            context.command(&format!("log {}", one.id))
        ));
    }
    match (left, failed + cancelled) {
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
