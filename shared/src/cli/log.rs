//! `log`: prints the output of tasks.

mod output_printer;

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use rustix::io::Errno;

use super::program::{Access, Context};
use super::select::{self, Selector};
use super::show::find;
use super::wait::{POLL, listen, warn};
use super::{Failure, number};
use crate::coordination::Listening;
use crate::error::{Error, Result};
use crate::output::KEPT_OUTPUTS;
use crate::queue::Queue;
use crate::runtime::log::{LogReader, last_output, unreadable};
use crate::sidecar::Sidecar;
use crate::state::State;
use crate::task::{Task, TaskId};
use output_printer::OutputPrinter;

/// Show the output of tasks
///
/// Shows standard output and standard error together, of the last attempt unless one is chosen. Each
/// keeps its own order; lines that were written to both within milliseconds may be swapped, unless the
/// task was added with `--merge-output`. Above the output of each of several tasks stands a line with
/// its id and name. A line in brackets tells where output was not kept. On a terminal, control
/// sequences are shown as escapes.
#[derive(clap::Args, Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct Arguments {
    /// The tasks: 7, 3,5-8, last or all
    #[arg(value_name = "ID", required = true, num_args = 1.., value_parser = select::parse)]
    ids: Vec<Vec<Selector>>,

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

pub(crate) fn run<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<(), Failure> {
    let queue = context.open(Access::Read)?;
    let ids = select::ids(&queue, &arguments.ids.concat())?;
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

/// Prints the output of one task.
fn show<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    id: TaskId,
    arguments: &Arguments,
    printer: &mut OutputPrinter,
) -> Result<(), Failure> {
    if arguments.follow {
        return follow_one(context, queue, id, printer);
    }
    let task = find(queue, id)?;
    match arguments.attempt {
        Some(attempt) => attempt_log(queue, &task, attempt, printer)?,
        None => last_log(queue, &task, printer)?,
    }
    printer.finish()
}

/// Prints the output of one attempt: its log file if it has one, else the stored output.
fn attempt_log<Q: Queue>(
    queue: &Q,
    task: &Task,
    attempt: u32,
    printer: &mut OutputPrinter,
) -> Result<(), Failure> {
    let id = task.id;
    let sidecar = Sidecar::at(queue.coordination().folder());
    let mut reader = LogReader::new(sidecar.log(id, attempt));
    if reader
        .read(|chunk| printer.chunk(&chunk))
        .map_err(unreadable)?
    {
        return Ok(());
    }
    if task.state == State::Running && attempt == task.attempt {
        // The attempt has no output yet: output stored under its number is of an execution that was
        // returned.
        return Ok(());
    }
    if let Some(output) = queue.output_of(id, attempt)? {
        return printer.output(&output);
    }
    let made = task.attempt;
    if attempt == 0 || attempt > made {
        let sentence = format!("task {id} has no attempt {attempt}; it has begun {made}");
        return Err(Error::not_found(sentence).into());
    }
    if made - attempt >= KEPT_OUTPUTS {
        return Err(Error::not_found(format!(
            "the output of attempt {attempt} of task {id} is no longer kept; of its {made} \
             attempts, the last {KEPT_OUTPUTS} keep theirs"
        ))
        .into());
    }
    Ok(())
}

/// Prints the output of the task's last claim.
fn last_log<Q: Queue>(queue: &Q, task: &Task, printer: &mut OutputPrinter) -> Result<(), Failure> {
    match last_output(queue, task)? {
        Some(output) => printer.output(&output),
        None => Ok(()),
    }
}

/// Prints the output of the task until it has ended, over all its attempts.
fn follow_one<Q: Queue>(
    context: &Context<Q>,
    queue: &Q,
    id: TaskId,
    printer: &mut OutputPrinter,
) -> Result<(), Failure> {
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
        if task.state == State::Running {
            let is_followed = followed
                .as_ref()
                .is_some_and(|(token, _)| *token == task.token);
            if !is_followed {
                let log = sidecar.log(id, task.attempt);
                followed = Some((task.token, LogReader::new(log)));
            }
            if let Some((_, reader)) = &mut followed {
                reader
                    .read(|chunk| printer.chunk(&chunk))
                    .map_err(unreadable)?;
            }
        } else if task.token > 0 && shown != Some(task.token) {
            rest(queue, &task, followed.take(), printer)?;
            shown = Some(task.token);
        }
        printer.flush()?;
        if task.state.is_terminal() {
            return printer.finish();
        }
        if !std::mem::replace(&mut warned, true) {
            warn(context, queue, &task)?;
        }
        pause(&*listener, &watch)?;
    }
}

/// Prints the output that the last claim wrote since the last look.
fn rest<Q: Queue>(
    queue: &Q,
    task: &Task,
    followed: Option<(i64, LogReader)>,
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
    last_log(queue, task, printer)
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

/// Waits until a task ended, a log changed, or the poll interval has passed.
fn pause(listener: &dyn Listening, watch: &OwnedFd) -> Result<()> {
    let readable = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
    let mut fds = [readable(listener.descriptor()), readable(watch.as_fd())];
    let timeout = Timespec::try_from(POLL).ok();
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
