//! What a process that works does before anything else: it becomes one of its own where a command of
//! another worker started it, and leaves the first place of a container to one that waits for all.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use super::screen::note;
use super::terminal;
use crate::error::{Error, Result};
use crate::runtime::stop::is_ignored;

/// What tells whose a process is, and of which execution. The database stays: it may be what this
/// process is to work on.
const MARKS: [&str; 5] = [
    "QUEUE_WORKER",
    "QUEUE_TASK_ID",
    "QUEUE_TOKEN",
    "QUEUE_TASK_NAME",
    "QUEUE_ATTEMPT",
];

/// Signals that the first process of a container hands on.
const HANDED_ON: [i32; 6] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];

/// To be called before a thread is started or a file opened. Returns in a process that carries no
/// mark of a task and is not the first of its pid namespace; that one ends here, with the exit code
/// of the process it started.
///
/// # Errors
/// When the program cannot be started again.
pub(super) fn begin() -> Result<()> {
    terminal::print_in_background();
    if std::process::id() == 1 {
        std::process::exit(first()?);
    }
    if MARKS.iter().any(|name| std::env::var_os(name).is_some()) {
        // An environment that was handed over stands in `/proc` for good, so only a new one is free
        // of it.
        let error = again()?.exec();
        note(&format!(
            "this worker keeps the mark of the task that started it, and ends with it: the program \
             cannot be started again: {error}"
        ));
    }
    Ok(())
}

/// This program with these arguments, without marks.
fn again() -> Result<Command> {
    let refused = |error| Error::io("cannot find this program", error);
    let program = std::env::current_exe().map_err(refused)?;
    let mut arguments = std::env::args_os();
    let mut command = if program.exists() {
        Command::new(program)
    } else {
        // It was replaced since it was started.
        Command::new("/proc/self/exe")
    };
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    command.args(arguments);
    for name in MARKS {
        command.env_remove(name);
    }
    Ok(command)
}

/// The first process of a pid namespace is given every process whose parent ends, and has to wait for
/// it. A worker waits for its own commands alone, so that it takes the status of no other child; it
/// runs as the second process therefore, and this one waits. Returns the exit code of the second.
fn first() -> Result<i32> {
    let refused = |error| Error::io("cannot start the worker", error);
    let heeded = HANDED_ON.iter().filter(|signal| !is_ignored(**signal));
    let mut signals = Signals::new(heeded).map_err(refused)?;
    // In a group of its own a terminal's signals reach it through this process alone.
    let child = again()?.process_group(0).spawn().map_err(refused)?;
    let pid = Pid::from_child(&child);
    std::thread::Builder::new()
        .name("queue-signals".to_owned())
        .spawn(move || {
            for signal in signals.forever() {
                if let Some(signal) = Signal::from_named_raw(signal) {
                    let _ = kill_process(pid, signal);
                }
            }
        })
        .map_err(refused)?;
    Ok(wait_for_all(&child))
}

/// Waits for every process until that one has ended.
fn wait_for_all(child: &Child) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == Pid::from_child(child) => {
                let status = ExitStatus::from_raw(status.as_raw());
                let by_signal = status.signal().map(|signal| 128 + signal);
                return status.code().or(by_signal).unwrap_or(1);
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return 1,
        }
    }
}
