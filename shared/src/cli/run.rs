//! `run FILE`: runs every line of a file once, even if it is interrupted and run again.

mod extra;
mod fingerprint;
mod group;
pub(super) mod group_name;
mod progress;
mod report;
pub(super) mod rerun;
mod shown;
mod skips;
mod source;

pub use extra::Extra;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::add_task::bulk;
use super::printer::note;
use super::program::{Access, Context};
use super::terminal::SuspendGuard;
use super::{Failure, duration, number, possible_values, process_setup, worker};
use crate::queue::Queue;
use crate::runtime::{Halt, Worker, WorkerOptions, trust};
use crate::task::{NewTask, Work};
use fingerprint::Content;
use group::{Group, LineStates};
use progress::RunProgress;
use report::{advise, note_more, report};
use shown::Show;
use source::Source;

/// Most bytes in the name of a group of lines.
const LONGEST_NAME: usize = 100;

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
/// `fatal_codes`, cwd, env, shell, `merge_output`; in workflow-queue also after, with the names of
/// other lines, `limit_key`, `start_within` and `finish_within`. `run` sets its queue and its key. In
/// a file whose name ends in .jsonl every line is an object. An edited line is a new one, and so are
/// those that wait for it.
#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The file, with a command or a JSON object on each line; `-` for standard input
    file: PathBuf,

    /// Name of the file in place of its path: a run of any file with this name goes on with its lines
    #[arg(long, value_name = "NAME", value_parser = group_name)]
    name: Option<String>,

    /// Number of lines to run at once [default: the number of cores]
    #[arg(
        short,
        long,
        visible_short_alias = 'j',
        value_name = "NUMBER",
        value_parser = number::within(1..=10_000_u32)
    )]
    slots: Option<u32>,

    /// Form of the lines: commands alone, or JSON objects alone [default: by the file's name and by
    /// the first character of each line]
    #[arg(long, value_enum, value_name = "FORM")]
    format: Option<Format>,

    /// Lines whose output is shown when they have ended: all (`output`), `failed` ones or `none`
    /// [default: failed on a terminal, else none]
    #[arg(long, value_enum, value_name = "WHICH", hide_possible_values = true)]
    show: Option<Show>,

    /// Stop at the first line that fails: `soon` lets running lines finish, `now` ends them; the same
    /// command goes on with the rest
    #[arg(
        long,
        value_name = "WHEN",
        value_parser = possible_values::of(["soon", "now"], halt),
        hide_possible_values = true
    )]
    halt: Option<Halt>,

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

/// Form of the lines of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// Every line is a command, even one that begins with {.
    Lines,
    /// Every line is a JSON object.
    Jsonl,
}

impl Format {
    /// The form of the lines of a file of that name, unless the arguments say.
    fn form(given: Option<Self>, file: &Path) -> bulk::LineForm {
        let by_name = file.extension().filter(|end| *end == "jsonl");
        match given.or(by_name.map(|_| Self::Jsonl)) {
            Some(Self::Lines) => bulk::LineForm::Commands,
            Some(Self::Jsonl) => bulk::LineForm::Json,
            None => bulk::LineForm::Either,
        }
    }
}

fn halt(word: &str) -> Result<Halt, String> {
    match word {
        "soon" => Ok(Halt::Soon),
        "now" => Ok(Halt::Now),
        _ => Err("it is `soon` or `now`".to_owned()),
    }
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

/// Runs the lines of a file, with the fields that `extra` knows.
///
/// # Errors
/// Usage failures, which enqueue nothing, the errors of the engine, and [`Failure::Tasks`] unless
/// every line succeeded.
pub fn run<Q: Queue, X: Extra<Q>>(
    context: &Context<Q>,
    arguments: &Arguments,
    extra: &X,
) -> Result<(), Failure> {
    process_setup::set_up()?;
    let source = Source::read(&arguments.file)?;
    let (contents, mut tasks) = read(arguments, &source.bytes, extra)?;
    let mut group = Group::named(&source.origin, &source.bytes, arguments.name.as_deref());
    let queue = Arc::new(context.open(Access::Serve)?);
    if !arguments.trust_file {
        trust::check(&**queue.coordination())?;
    }
    let begun = queue.now().boot;
    group.join(&*queue)?;
    let stored = group.stored(&*queue)?;
    let lines = group.lines(&contents, &stored);
    for (line, task) in lines.iter().zip(&mut tasks) {
        group.adopt(line, extra.common(task));
    }
    let withdrawn = Group::withdraw_stale(&*queue, &lines, &stored)?;
    drop(stored);
    let enqueued = extra.enqueue(&queue, tasks)?;
    group::reopen(&*queue, &enqueued, arguments.retry_failed)?;
    let before = group.judge(&*queue, &lines)?;
    if before.left() > 0 {
        work(context, &queue, &before, arguments, &group)?;
        // Lines that a dead worker left running are cancelled only now.
        group::withdraw(&*queue, &withdrawn)?;
    }
    let states = group.judge(&*queue, &lines)?;
    let took = queue.now().boot.since(begun);
    let result = report(context, &states, before.ended(), took);
    if !context.printer.is_json() {
        note_more(context, &group, &states);
        advise(context, arguments, &source.origin, &states);
    }
    result
}

/// The lines that hold a task, and their tasks.
fn read<Q: Queue, X: Extra<Q>>(
    arguments: &Arguments,
    text: &[u8],
    extra: &X,
) -> Result<(Vec<Content>, Vec<X::Task>), Failure> {
    let shown = arguments.file.display();
    let refused = |failure: Failure| Failure::Usage(format!("{shown}: {}", failure.sentence()));
    let mut template = NewTask::of("", Work::Shell(String::new()));
    template.options.max_attempts = arguments.max_attempts;
    template.options.timeout_ms = arguments.timeout.map(super::option_values::millis);
    template.options.cwd = Some(super::option_values::folder(".")?);
    let now = crate::clock::Clock::now(&crate::clock::SystemClock).wall;
    let form = Format::form(arguments.format, &arguments.file);
    let lines = bulk::read_lines(text, form, &template, X::FIELDS, now).map_err(refused)?;
    let mut contents = Vec::with_capacity(lines.len());
    let mut tasks = Vec::with_capacity(lines.len());
    for line in lines {
        let task = extra.extend(line.task, line.fields, line.number);
        tasks.push(task.map_err(|sentence| refused(bulk::wrong(line.number, &sentence)))?);
        contents.push(Content {
            number: line.number,
            text: line.text,
            above: Vec::new(),
        });
    }
    let above = extra
        .link(&mut tasks)
        .map_err(|error| refused(error.into()))?;
    for (content, above) in contents.iter_mut().zip(above) {
        content.above = above;
    }
    Ok((contents, tasks))
}

/// Runs the tasks of the group until all have ended.
fn work<Q: Queue>(
    context: &Context<Q>,
    queue: &Arc<Q>,
    before: &LineStates,
    arguments: &Arguments,
    group: &Group,
) -> Result<(), Failure> {
    if let Some(warning) = trust::warning(&**queue.coordination()) {
        note(&warning);
    }
    let mut options = WorkerOptions::new(worker::slots(arguments.slots))
        .commands(true)
        .queues(group.queue.as_str())
        .drain(true)
        .trust_file(arguments.trust_file)
        .shell(&arguments.shell)
        .owns_process(true);
    options.halt = arguments.halt;
    let worker = Worker::new(Arc::clone(queue), options)?;
    let _signals = worker.stopper().on_signals()?;
    let printer = context.printer;
    let mut progress = RunProgress::new(printer, context.invocation(), before);
    let show = arguments.show;
    progress.show(
        show.unwrap_or_else(|| Show::unless_given(printer)),
        printer,
        queue,
    )?;
    progress.count_skips(queue, &group.queue)?;
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
