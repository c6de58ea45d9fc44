//! `--background`: starts the program again, detached from the terminal.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::pipe::{PipeFlags, pipe_with};
use serde::Serialize;

use super::super::printer::note;
use super::super::program::{Access, Context};
use super::super::{Failure, served};
use super::{Arguments, Extra, control};
use crate::error::{Error, Result};
use crate::queue::{Queue, Serves};
use crate::runtime::spawn::{Environment, Spawn, Spawned, Status, current_folder};
use crate::sidecar::files;

/// Most bytes of the log that are printed when the worker could not start.
const LOG_TAIL_BYTES: u64 = 4096;

#[derive(Serialize)]
struct View {
    pid: u32,
    log: PathBuf,
    /// False if a worker that runs already serves the same queues.
    started: bool,
}

/// Starts the worker and waits until it is registered. Starts none if one serves the same queues
/// already, unless another is asked for or it ends by itself.
pub(super) fn start<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    extra: &impl Extra<Q>,
) -> Result<(), Failure> {
    // Errors of the database are better reported here than in a log.
    let queue = context.open(Access::Create)?;
    let log = queue.coordination().folder().join("worker.log");
    if !arguments.another && !arguments.drain {
        let options = arguments.options(extra);
        let serves = Serves {
            queues: options.queues,
            commands: options.commands,
            handlers: Vec::new(),
        };
        if let Some(running) = control::same(&queue, &serves)? {
            note(&control::runs_already(context, &running, options.slots));
            let view = View {
                pid: running.pid,
                log,
                started: false,
            };
            let pid = running.pid.to_string();
            return context.printer.of_done().say(&pid, &view);
        }
    }
    drop(queue);
    let mut file = files::open_to_append(&log)
        .map_err(|error| Error::io(format!("cannot open {}", log.display()), error))?;
    let before = file
        .metadata()
        .map_err(|error| Error::io("cannot read the log's size", error))?
        .len();
    let (worker, word) = spawn(context, arguments, extra, &file)?;
    if registered(word) {
        let pid = worker.pid.as_raw_nonzero().get().unsigned_abs();
        let view = View {
            pid,
            log,
            started: true,
        };
        return context.printer.of_done().say(&pid.to_string(), &view);
    }
    Err(failure(worker.wait(), &log_tail(&mut file, before)))
}

/// Starts the worker, detached from the folder, the terminal and the descriptors of this process.
/// Returns it with the pipe on which it reports its registration.
fn spawn<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    extra: &impl Extra<Q>,
    log: &File,
) -> Result<(Spawned, OwnedFd)> {
    let refused = |error| Error::io("cannot start the worker", error);
    let program = std::env::current_exe().map_err(refused)?;
    let nothing = File::open("/dev/null").map_err(refused)?;
    let (word, words) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| refused(error.into()))?;
    let mut list = vec![program.clone().into_os_string()];
    list.extend(own_arguments(context, arguments)?);
    list.extend(extra.words()?.into_iter().map(OsString::from));
    let list: Vec<&OsStr> = list.iter().map(OsString::as_os_str).collect();
    let mut variables = Environment::default();
    variables.set("PWD", "/");
    let spawn = Spawn {
        program: &program,
        arguments: &list,
        base: &Environment::handed_on(),
        variables: &variables,
        directory: Some(Path::new("/")),
        streams: [nothing.as_fd(), words.as_fd(), log.as_fd()],
    };
    let worker = spawn
        .start()
        .map_err(|failed| refused(failed.errno.into()))?;
    Ok((worker, word))
}

/// Arguments of the worker in the background.
fn own_arguments<Q: Queue>(context: &Context<Q>, arguments: &Arguments) -> Result<Vec<OsString>> {
    let refused = |error| Error::io("cannot start the worker", error);
    let database = std::path::absolute(context.path()).map_err(refused)?;
    let mut list: Vec<OsString> = vec!["worker".into(), "--db".into(), database.into()];
    let mut add = |name: &str, value: &OsStr| {
        list.push(name.into());
        list.push(value.to_owned());
    };
    // A deleted folder has no name; hooks then start in the folder of the worker.
    if let Ok(folder) = current_folder() {
        add("--folder", folder.as_os_str());
    }
    if let Some(slots) = arguments.slots {
        add("--slots", slots.to_string().as_ref());
    }
    let queues = served::words(&arguments.served.queues());
    list.extend(queues.into_iter().map(OsString::from));
    list.extend(arguments.commands.words().into_iter().map(OsString::from));
    list.push("--detached".into());
    if arguments.drain {
        list.push("--drain".into());
    }
    list.extend(context.durability_option().map(OsString::from));
    Ok(list)
}

/// Waits until the worker reports its registration; false if it ends before.
fn registered(word: OwnedFd) -> bool {
    File::from(word).read_exact(&mut [0]).is_ok()
}

fn log_tail(log: &mut File, before: u64) -> String {
    let mut bytes = Vec::new();
    let read = log
        .seek(SeekFrom::Start(before))
        .and_then(|_| log.take(LOG_TAIL_BYTES).read_to_end(&mut bytes));
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).trim().to_owned(),
        Err(error) => format!("and its log cannot be read: {error}"),
    }
}

/// Failure with the worker's last output and its exit code.
fn failure(status: Status, words: &str) -> Failure {
    let sentence = format!("the worker did not start: {words}");
    match status {
        Status::Exited(2) => Failure::Usage(sentence),
        Status::Exited(4) => Failure::Unfinished(sentence),
        Status::Exited(_) | Status::Signalled(_) | Status::Unknown => Failure::Error(Error::io(
            "cannot start the worker",
            std::io::Error::other(format!("{status}: {words}")),
        )),
    }
}

/// Starts a new session, so that signals and the end of the terminal do not reach the worker.
pub(super) fn leave_terminal() -> Result<()> {
    match rustix::process::setsid() {
        // It leads a session or group already.
        Ok(_) | Err(rustix::io::Errno::PERM) => Ok(()),
        Err(error) => Err(Error::io("cannot leave the terminal", error)),
    }
}

/// Reports to the waiting parent that this worker is registered, and closes the pipe.
pub(super) fn announce() -> Result<()> {
    let refused = |error| Error::io("cannot report to the starting process", error);
    std::io::stdout().write_all(b"\n").map_err(refused)?;
    std::io::stdout().flush().map_err(refused)?;
    let null = OpenOptions::new()
        .write(true)
        .open("/dev/null")
        .map_err(refused)?;
    rustix::stdio::dup2_stdout(null).map_err(|error| refused(error.into()))
}
