//! `--background`: the same program again, away from the terminal.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use serde::Serialize;

use super::super::Failure;
use super::super::program::{Access, Context};
use super::{Arguments, Extras, duration};
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::runtime::sidecar::files;

/// Bytes of the log that are repeated when the worker could not start.
const LAST_WORDS: u64 = 4096;

#[derive(Serialize)]
struct View {
    pid: u32,
    log: PathBuf,
}

/// Starts the worker and waits until it is registered.
pub(super) fn start<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    extras: &Extras,
) -> Result<(), Failure> {
    // What is wrong with the database is better said here than in a log.
    let log = context
        .open(Access::Create)?
        .sidecar()
        .folder()
        .join("worker.log");
    let mut file = files::open_to_append(&log)
        .map_err(|error| Error::io(format!("cannot open {}", log.display()), error))?;
    let before = file
        .metadata()
        .map_err(|error| Error::io("cannot read the log's size", error))?
        .len();
    let mut child = spawn(context, arguments, extras, &file)?;
    if registered(child.stdout.take()) {
        let pid = child.id();
        let view = View { pid, log };
        return context.screen.of_done().say(&pid.to_string(), &view);
    }
    let status = child
        .wait()
        .map_err(|error| Error::io("cannot wait for the worker", error))?;
    Err(failure(status, &last_words(&mut file, before)))
}

fn spawn<Q: Queue>(
    context: &Context<Q>,
    arguments: &Arguments,
    extras: &Extras,
    log: &File,
) -> Result<Child> {
    let refused = |error| Error::io("cannot start the worker", error);
    let program = std::env::current_exe().map_err(refused)?;
    let database = std::path::absolute(&context.path).map_err(refused)?;
    let grace = duration::show(arguments.grace);
    let output_grace = duration::show(arguments.output_grace);
    let mut command = Command::new(program);
    command
        .args([OsString::from("worker"), "--db".into(), database.into()])
        .args(["--detached", "--grace", &grace, "--queue", &arguments.queue])
        .args(["--output-grace", &output_grace]);
    if let Some(slots) = arguments.slots {
        command.args(["--slots", &slots.to_string()]);
    }
    command.args(&extras.arguments);
    command.args(context.durability_option());
    if arguments.drain {
        command.arg("--drain");
    }
    if arguments.trust_file {
        command.arg("--trust-file");
    }
    if let Some(hook) = &arguments.on_finish {
        command.args(["--on-finish", hook]);
    }
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log.try_clone().map_err(refused)?)
        .spawn()
        .map_err(refused)
}

/// Waits for the child's word that it is registered; false if it ends without.
fn registered(stdout: Option<ChildStdout>) -> bool {
    let mut byte = [0];
    stdout.is_some_and(|mut pipe| pipe.read_exact(&mut byte).is_ok())
}

fn last_words(log: &mut File, before: u64) -> String {
    let mut bytes = Vec::new();
    let read = log
        .seek(SeekFrom::Start(before))
        .and_then(|_| log.take(LAST_WORDS).read_to_end(&mut bytes));
    match read {
        Ok(_) => String::from_utf8_lossy(&bytes).trim().to_owned(),
        Err(error) => format!("and its log cannot be read: {error}"),
    }
}

/// What the worker said, under the exit code it ended with.
fn failure(status: ExitStatus, words: &str) -> Failure {
    let sentence = format!("the worker did not start: {words}");
    match status.code() {
        Some(2) => Failure::Usage(sentence),
        Some(4) => Failure::Error(Error::Busy { what: sentence }),
        _ => Failure::Error(Error::io(
            "cannot start the worker",
            std::io::Error::other(format!("{status}: {words}")),
        )),
    }
}

/// Begins a session of its own, so that the terminal's signals and end do not reach the worker.
pub(super) fn leave_terminal() -> Result<()> {
    match rustix::process::setsid() {
        // It leads a session or group already.
        Ok(_) | Err(rustix::io::Errno::PERM) => Ok(()),
        Err(error) => Err(Error::io("cannot leave the terminal", error)),
    }
}

/// Tells the waiting parent that this worker is registered, and lets go of its pipe.
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
