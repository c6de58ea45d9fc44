//! `log`: prints the output of tasks.

mod last_lines;
mod output_printer;
#[cfg(feature = "top")]
mod tail;
mod terminal_text;

use std::io::IsTerminal;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::io::Errno;

use super::printer::{Printer, note};
use super::program::{Access, Context};
use super::select::{self, Selector};
use super::show::find;
use super::wait::{POLL, listen, warn};
use super::{Failure, escape, number};
use crate::coordination::Listening;
use crate::error::{Error, Result};
use crate::output::KEPT_OUTPUTS;
use crate::queue::Queue;
use crate::runtime::log::{
    KeptOutput, LogReader, attempt_log, last_output, removed_until, unreadable,
};
use crate::sidecar::Sidecar;
use crate::state::State;
use crate::task::{Task, TaskId};
use last_lines::LastLines;
use output_printer::OutputPrinter;
#[cfg(feature = "top")]
pub(super) use tail::Tail;

/// Show the output of tasks
///
/// Shows standard output and standard error together, of the last attempt unless one is chosen. Each
/// keeps its own order; lines that were written to both within milliseconds may be swapped, unless the
/// task was added with `--merge-output`. Above the output of each of several tasks stands a line with
/// its id and name. A line in brackets tells where output was not kept. On a terminal, colours pass
/// and other control sequences are shown as escapes.
#[derive(clap::Args, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, name:NAME, key:KEY, last or all; the last one unless given
    #[arg(value_name = "ID", num_args = 0.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,

    /// Only the last lines, so many of each task
    #[arg(short = 'n', long, value_name = "NUMBER", value_parser = number::within(0..=MOST_LINES))]
    lines: Option<u32>,

    /// Show new output as it comes, until the task has ended
    #[arg(short, long)]
    follow: bool,

    /// Only standard output
    #[arg(long)]
    stdout: bool,

    /// Only standard error
    #[arg(long, conflicts_with = "stdout")]
    stderr: bool,

    /// Print exactly the bytes that were written, even to a terminal; notes on standard error tell
    /// where output was not kept
    #[arg(long)]
    raw: bool,

    /// The attempt, counted over all retries; the output of the last ten is kept
    #[arg(
        long,
        value_name = "NUMBER",
        value_parser = number::within(0..=u32::MAX),
        conflicts_with = "follow"
    )]
    attempt: Option<u32>,
}

/// Most lines that are counted from the end.
const MOST_LINES: u32 = 1_000_000;

impl Arguments {
    fn lines(&self) -> Option<usize> {
        self.lines.and_then(|lines| usize::try_from(lines).ok())
    }
}

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let ids = if arguments.ids.is_empty() {
        vec![last_task(context, &queue)?]
    } else {
        select::ids(&queue, &arguments.ids.concat())?
    };
    for (position, id) in ids.iter().enumerate() {
        let mut printer = OutputPrinter::new(context.printer, arguments, *id);
        if ids.len() > 1 {
            printer.head(&find(&queue, *id)?.name, position == 0);
        }
        show(context, &queue, *id, arguments, &mut printer)?;
    }
    Ok(())
}

/// Runs `log --follow`.
pub(crate) fn follow<Q: Queue>(
    context: &Context<Q>,
    mut arguments: Arguments,
) -> Result<(), Failure> {
    if arguments.attempt.is_some() {
        let log = context.command("log ID --attempt NUMBER");
        let sentence = format!("follow shows every attempt as it runs; {log} shows one");
        return Err(Failure::Usage(sentence));
    }
    arguments.follow = true;
    run(context, &arguments)
}

/// The last task of the file. A person is told which it is.
fn last_task<Q: Queue>(context: &Context<Q>, queue: &Q) -> Result<TaskId, Failure> {
    let ids = select::ids(queue, &[Selector::Last])?;
    let Some(id) = ids.first() else {
        return Err(Error::not_found("there are no tasks yet".to_owned()).into());
    };
    if std::io::stderr().is_terminal() && !context.printer.is_json() {
        let name = find(queue, *id)?.name;
        note(&format!("task {id} ({})", escape::line(&name)));
    }
    Ok(*id)
}

/// Prints the output of one task.
fn show<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    id: TaskId,
    arguments: &Arguments,
    printer: &mut OutputPrinter,
) -> Result<(), Failure> {
    if arguments.follow {
        let following = Following {
            lines: arguments.lines(),
            left: &|| POLL,
        };
        return follow_one(context, queue, id, following, printer).map(drop);
    }
    let task = find(queue, id)?;
    let output = match arguments.attempt {
        Some(attempt) => attempt_output(queue, &task, attempt)?,
        None => last_output(queue, &task)?,
    };
    if output.is_none() {
        note_if_removed(queue, &task);
    }
    print(output, arguments.lines(), printer)?;
    printer.finish()
}

/// Says on standard error that there may have been a log, if the task has ended and began before the
/// last change of a removed one.
fn note_if_removed<Q: Queue>(queue: &Q, task: &Task) {
    let until = removed_until(&Sidecar::at(queue.coordination().folder()));
    let began = task.started_at.map(|at| at.0 / 1_000);
    let may_be = began
        .zip(until)
        .is_some_and(|(began, until)| began <= until);
    if may_be && task.state != State::Running {
        let id = task.id;
        note(&format!(
            "task {id} wrote nothing, or its log was removed to keep all logs within logs-total"
        ));
    }
}

/// Prints an output, or its last lines.
fn print(
    output: Option<KeptOutput>,
    lines: Option<usize>,
    printer: &mut OutputPrinter,
) -> Result<()> {
    let Some(mut output) = output else {
        return Ok(());
    };
    if let Some(lines) = lines {
        let mut last = LastLines::new(lines, printer.only());
        output.again().each(|chunk| last.take(chunk))?;
        printer.skip(last.bytes_before());
    }
    output.each(|chunk| printer.chunk(chunk))
}

/// The output of one attempt: its log if it has one, else the stored output.
fn attempt_output<Q: Queue>(queue: &Q, task: &Task, attempt: u32) -> Result<Option<KeptOutput>> {
    let id = task.id;
    if let Some(log) = attempt_log(queue, id, attempt)? {
        return Ok(Some(log));
    }
    if task.state == State::Running && attempt == task.attempt {
        // The attempt has no output yet: output stored under its number is of an execution that was
        // returned.
        return Ok(None);
    }
    if let Some(output) = queue.output_of(id, attempt)? {
        return Ok(Some(KeptOutput::Stored(output)));
    }
    let made = task.attempt;
    if attempt == 0 || attempt > made {
        let sentence = format!("task {id} has no attempt {attempt}; it has begun {made}");
        return Err(Error::not_found(sentence));
    }
    if made - attempt >= KEPT_OUTPUTS {
        return Err(Error::not_found(format!(
            "the output of attempt {attempt} of task {id} is no longer kept; of its {made} \
             attempts, the last {KEPT_OUTPUTS} keep theirs"
        )));
    }
    Ok(None)
}

/// Prints the output that is kept of an ended task, below a line with its id and name; nothing if
/// it wrote nothing.
pub(super) fn show_kept<Q: Queue>(printer: Printer, queue: &Q, id: TaskId) -> Result<(), Failure> {
    let task = find(queue, id)?;
    let Some(mut output) = last_output(queue, &task)? else {
        return Ok(());
    };
    let mut printer = OutputPrinter::new(printer, &Arguments::default(), id);
    printer.head(&task.name, true);
    let mut is_empty = true;
    output.each(|chunk| {
        is_empty = false;
        printer.chunk(chunk);
    })?;
    if is_empty {
        return Ok(());
    }
    printer.end_line();
    printer.finish()
}

/// Prints the output of the task as it comes. Returns the task once it has ended, and none if
/// `left`, the time to wait before the next look, is zero before.
pub(super) fn follow_within<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    id: TaskId,
    left: &dyn Fn() -> Duration,
) -> Result<Option<Task>, Failure> {
    let mut printer = OutputPrinter::new(context.printer, &Arguments::default(), id);
    let following = Following { lines: None, left };
    follow_one(context, queue, id, following, &mut printer)
}

/// Bounds of a task's output that is followed.
#[derive(Clone, Copy)]
struct Following<'a> {
    /// Number of lines to begin with, of the attempt that is found first; all unless given.
    lines: Option<usize>,
    /// Time to wait before the next look; zero at the end.
    left: &'a dyn Fn() -> Duration,
}

/// Prints the output of the task until it has ended, over all its attempts; none if there is no time
/// left before.
fn follow_one<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    id: TaskId,
    following: Following<'_>,
    printer: &mut OutputPrinter,
) -> Result<Option<Task>, Failure> {
    let mut lines = following.lines;
    let listener = listen(queue)?;
    let sidecar = Sidecar::at(queue.coordination().folder());
    let watch = watch(&sidecar.logs())?;
    // The claim that is followed: its token, and the log of its attempt.
    let mut followed: Option<(i64, LogReader)> = None;
    // The claim whose output was shown to its end.
    let mut shown = None;
    let mut warned = false;
    loop {
        drain(&watch);
        let task = find(queue, id)?;
        let lines = lines.take();
        if task.state == State::Running {
            let is_followed = followed
                .as_ref()
                .is_some_and(|(token, _)| *token == task.token);
            if !is_followed {
                let mut reader = LogReader::new(sidecar.log(id, task.attempt));
                if let Some(lines) = lines {
                    reader = skip_to_last(lines, reader, printer)?;
                }
                followed = Some((task.token, reader));
            }
            if let Some((_, reader)) = &mut followed {
                reader
                    .read(|chunk| printer.chunk(&chunk))
                    .map_err(unreadable)?;
            }
        } else if task.token > 0 && shown != Some(task.token) {
            rest(queue, &task, followed.take(), lines, printer)?;
            shown = Some(task.token);
        }
        printer.flush()?;
        if task.state.is_terminal() {
            printer.finish()?;
            return Ok(Some(task));
        }
        let left = (following.left)();
        if left.is_zero() {
            printer.finish()?;
            return Ok(None);
        }
        if !std::mem::replace(&mut warned, true) {
            warn(context, queue, &task)?;
        }
        pause(&*listener, &watch, left)?;
    }
}

/// Has the printer begin with the last lines of the log. Returns a reader of the log's beginning.
fn skip_to_last(
    lines: usize,
    mut reader: LogReader,
    printer: &mut OutputPrinter,
) -> Result<LogReader> {
    let mut last = LastLines::new(lines, printer.only());
    reader.read(|chunk| last.take(&chunk)).map_err(unreadable)?;
    printer.skip(last.bytes_before());
    Ok(reader.again())
}

/// Prints the output that the last claim wrote since the last look.
fn rest<Q: Queue>(
    queue: &Q,
    task: &Task,
    followed: Option<(i64, LogReader)>,
    lines: Option<usize>,
    printer: &mut OutputPrinter,
) -> Result<(), Failure> {
    if let Some((token, mut reader)) = followed
        && token == task.token
        && reader
            .read(|chunk| printer.chunk(&chunk))
            .map_err(unreadable)?
        && reader.token() == Some(token.cast_unsigned())
    {
        return Ok(());
    }
    Ok(print(last_output(queue, task)?, lines, printer)?)
}

/// An inotify descriptor that reports every change to the logs.
fn watch(logs: &Path) -> Result<OwnedFd> {
    let refused = |error| Error::io("cannot watch the logs", error);
    let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
    let watch = inotify::init(flags).map_err(refused)?;
    let changes = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE;
    inotify::add_watch(&watch, logs, changes).map_err(refused)?;
    Ok(watch)
}

/// Waits until a task ended, a log changed, or that time has passed.
fn pause(listener: &dyn Listening, watch: &OwnedFd, time: Duration) -> Result<()> {
    let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
    let mut fds = [readable(listener.descriptor()), readable(watch.as_fd())];
    let timeout = Timespec::try_from(time).ok();
    match poll(&mut fds, timeout.as_ref()) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(Error::io("cannot wait for the task", error)),
    }
    listener.wait(Duration::ZERO)?;
    Ok(())
}

/// Drops the changes reported so far: the caller is about to read the logs.
fn drain(watch: &OwnedFd) {
    let mut buffer = [0; 4096];
    while rustix::io::read(watch, &mut buffer).is_ok_and(|count| count > 0) {}
}
