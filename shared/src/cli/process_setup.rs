//! First steps of a process that runs tasks. If a command of another worker started it, it starts
//! itself again without the marks of that task. If it is the first process of a container, it
//! starts a second one for the work and only waits for child processes.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus};

use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals;

use super::printer::note;
use super::terminal;
use crate::error::{Error, Result};
use crate::runtime::stop::is_ignored;

/// Variables that mark the processes of an execution. `QUEUE_DB` stays: it may be the database this
/// process is to work on.
const MARKS: [&str; 5] = [
    "QUEUE_WORKER",
    "QUEUE_TASK_ID",
    "QUEUE_TOKEN",
    "QUEUE_TASK_NAME",
    "QUEUE_ATTEMPT",
];

/// Signals that the first process of a container forwards.
const FORWARDED: [i32; 6] = [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2];

/// Must be called before a thread is started or a file opened. Returns in a process that has no
/// mark of a task and is not the first of its pid namespace; a first process ends here, with the
/// exit code of the process it started.
///
/// # Errors
/// When the program cannot be started again.
pub(super) fn set_up() -> Result<()> {
    terminal::print_in_background();
    if std::process::id() == 1 {
        std::process::exit(first()?);
    }
    if MARKS.iter().any(|name| std::env::var_os(name).is_some()) {
        // `/proc` always shows the environment a process was started with, so only a new process is
        // free of the marks.
        let error = same_program()?.exec();
        note(&format!(
            "this worker keeps the mark of the task that started it, and ends with it: the program \
             cannot be started again: {error}"
        ));
    }
    Ok(())
}

/// A command that runs this program with the same arguments, without marks.
fn same_program() -> Result<Command> {
    let refused = |error| Error::io("cannot find this program", error);
    let program = std::env::current_exe().map_err(refused)?;
    let mut arguments = std::env::args_os();
    let mut command = if program.exists() {
        Command::new(program)
    } else {
        // The program file was replaced since the start.
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

/// Runs the worker as the second process of a pid namespace and returns its exit code. The first
/// process inherits every process whose parent ends, and has to wait for them. A worker waits for
/// its own commands only, so that it does not consume the status of another child; therefore it is
/// not the first.
fn first() -> Result<i32> {
    let refused = |error| Error::io("cannot start the worker", error);
    let heeded = FORWARDED.iter().filter(|signal| !is_ignored(**signal));
    let mut signals = Signals::new(heeded).map_err(refused)?;
    // The worker has its own process group, so that a terminal's signals reach it only through this
    // process.
    let child = same_program()?.process_group(0).spawn().map_err(refused)?;
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

/// Waits for all child processes until `child` has ended.
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
