//! One command: started through `posix_spawn`, in a process group of its own, with both outputs
//! on pipes that never block the worker.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::event::epoll;
use rustix::io::{Errno, ioctl_fionbio};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, kill_process_group, pidfd_open, prlimit,
};

use super::capture::{Capture, LogName};
use super::executor::{End, Ending};
use super::inputs::{self, Inputs};
use super::resolve::{directory_problem, program, quoted};
use super::sidecar::Sidecar;
use crate::claim::ClaimedTask;
use crate::clock::BootTime;
use crate::options::TaskOptions;
use crate::output::{Output, Stream};
use crate::task::Work;

/// Bytes taken from a pipe after its command has ended: the largest pipe an ordinary user can
/// have. What a process left behind writes faster than that is not waited for.
const DRAIN_BYTES: usize = 1 << 20;

/// The exit code reported where another part of the process has taken the child's status.
const UNKNOWN_CODE: i32 = 255;

/// What every command of a worker is started with.
#[derive(Debug)]
pub(super) struct Surroundings {
    /// The database, absolute.
    pub(super) database: PathBuf,
    /// The limit on descriptors the worker was started with, if it has another now.
    pub(super) descriptors: Option<Rlimit>,
    /// Variables of the worker's own that tell of another task's inputs: the worker was started by
    /// a command of a worker.
    pub(super) foreign: Vec<OsString>,
    /// `/dev/null`, opened once: what commands read.
    pub(super) nothing: Option<File>,
}

impl Surroundings {
    fn stdin(&self) -> Stdio {
        let copy = self.nothing.as_ref().map(File::try_clone);
        copy.and_then(io::Result::ok)
            .map_or_else(Stdio::null, Stdio::from)
    }
}

/// A command that runs, or has ended and is not reaped yet.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pub(super) pidfd: OwnedFd,
    stdout: Option<OwnedFd>,
    stderr: Option<OwnedFd>,
    ending: Option<Ending>,
    /// Whether the command itself has ended.
    pub(super) exited: bool,
    /// Whether its pipes may be in the executor's epoll.
    pub(super) watched: bool,
    pub(super) capture: Capture,
    /// What it was given; gone when the process is forgotten.
    _inputs: Option<Inputs>,
}

/// What reading a pipe once came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Read {
    /// So many bytes.
    Some(usize),
    /// Nothing there now.
    Nothing,
    /// Nobody can write to it any more.
    Closed,
}

impl Process {
    /// Starts the command of `task`.
    ///
    /// # Errors
    /// A sentence that says why it cannot be started.
    pub(super) fn start(
        task: &ClaimedTask,
        now: BootTime,
        surroundings: &Surroundings,
        inputs: Option<Inputs>,
    ) -> Result<Self, String> {
        let cwd = task.options.cwd.as_deref().map(Path::new);
        let mut command = match command(&task.work, &task.options, cwd) {
            Ok(command) => command,
            Err(problem) => return Err(cwd.and_then(directory_problem).unwrap_or(problem)),
        };
        if let Some(cwd) = cwd {
            command.current_dir(cwd);
        }
        command
            .envs(task.options.env.iter().map(|(name, value)| (name, value)))
            .env("QUEUE_TASK_ID", task.claim.task.to_string())
            .env("QUEUE_TASK_NAME", &task.name)
            .env("QUEUE_ATTEMPT", task.attempt.to_string())
            .env("QUEUE_TOKEN", task.claim.token.to_string())
            .env("QUEUE_WORKER", task.claim.worker.to_string())
            .env("QUEUE_DB", &surroundings.database)
            .stdin(surroundings.stdin())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        for variable in &surroundings.foreign {
            command.env_remove(variable);
        }
        let mut child =
            spawn(&mut command, inputs.as_ref()).map_err(|error| explain(&error, &command, cwd))?;
        let capture = Capture::new(LogName::of(task), now);
        match Self::adopt(&mut child, surroundings) {
            Ok((pidfd, [stdout, stderr])) => Ok(Self {
                child,
                pidfd,
                stdout,
                stderr,
                ending: None,
                exited: false,
                watched: false,
                capture,
                _inputs: inputs,
            }),
            Err(error) => {
                let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
                let _ = child.wait();
                Err(unwatchable(error))
            }
        }
    }

    fn adopt(
        child: &mut Child,
        surroundings: &Surroundings,
    ) -> rustix::io::Result<(OwnedFd, [Option<OwnedFd>; 2])> {
        let pid = Pid::from_child(child);
        if let Some(limit) = &surroundings.descriptors {
            // A program that sizes tables by the limit, or still calls select(), must not meet
            // the worker's. Too late or not permitted is no reason to fail.
            let _ = prlimit(Some(pid), Resource::Nofile, *limit);
        }
        let pipes = [
            child.stdout.take().map(OwnedFd::from),
            child.stderr.take().map(OwnedFd::from),
        ];
        for pipe in pipes.iter().flatten() {
            ioctl_fionbio(pipe, true)?;
        }
        Ok((pidfd_open(pid, PidfdFlags::empty())?, pipes))
    }

    /// Signals the process group. Never after the child was reaped: its number may be another's.
    pub(super) fn signal(&mut self, ending: Ending) {
        let signal = match ending {
            Ending::Terminate => Signal::TERM,
            Ending::Kill => Signal::KILL,
        };
        if self.ending != Some(Ending::Kill) {
            self.ending = Some(ending);
        }
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }

    /// Whether its group was told to end and may still be at it: the command itself has ended,
    /// but a process that got its TERM holds the output open.
    pub(super) fn lingers(&self) -> bool {
        self.ending == Some(Ending::Terminate) && (self.stdout.is_some() || self.stderr.is_some())
    }

    pub(super) fn pipe(&self, stream: Stream) -> Option<&OwnedFd> {
        match stream {
            Stream::Stdout => self.stdout.as_ref(),
            Stream::Stderr => self.stderr.as_ref(),
        }
    }

    /// Closes a pipe that nobody can write to any more. A descriptor that another thread's fork
    /// copied stays in the epoll when it is closed, so it is taken out first.
    pub(super) fn close(&mut self, stream: Stream, watcher: &OwnedFd) {
        let pipe = match stream {
            Stream::Stdout => self.stdout.take(),
            Stream::Stderr => self.stderr.take(),
        };
        if let Some(pipe) = pipe
            && self.watched
        {
            let _ = epoll::delete(watcher, &pipe);
        }
    }

    /// Takes everything out of the epoll, as [`close`](Self::close) does.
    pub(super) fn unwatch(&self, watcher: &OwnedFd) {
        if self.watched {
            for pipe in [&self.stdout, &self.stderr].into_iter().flatten() {
                let _ = epoll::delete(watcher, pipe);
            }
        }
        let _ = epoll::delete(watcher, &self.pidfd);
    }

    /// Takes what fits into `buffer` from a pipe.
    pub(super) fn read(
        &mut self,
        stream: Stream,
        buffer: &mut [u8],
        now: BootTime,
        logs: &Sidecar,
    ) -> Read {
        let Some(pipe) = self.pipe(stream) else {
            return Read::Closed;
        };
        match rustix::io::read(pipe, &mut *buffer) {
            Ok(0) => Read::Closed,
            Ok(length) => {
                self.capture.write(stream, &buffer[..length], now, logs);
                Read::Some(length)
            }
            Err(Errno::AGAIN | Errno::INTR) => Read::Nothing,
            Err(_) => Read::Closed,
        }
    }

    /// Takes what is left in a pipe, without waiting. Returns whether it is closed.
    pub(super) fn drain(
        &mut self,
        stream: Stream,
        buffer: &mut [u8],
        now: BootTime,
        logs: &Sidecar,
    ) -> bool {
        let mut drained = 0;
        while drained < DRAIN_BYTES {
            match self.read(stream, buffer, now, logs) {
                Read::Some(length) => drained += length,
                Read::Nothing => return false,
                Read::Closed => return true,
            }
        }
        false
    }

    /// How the command ended; `None` while it runs. What was told to end takes its whole group
    /// along.
    pub(super) fn reap(&mut self) -> Option<End> {
        if self.ending.is_some() {
            let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        }
        match self.child.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(match (status.code(), status.signal()) {
                (Some(code), _) => End::Exited(code),
                (None, Some(signal)) => End::Signalled(signal),
                (None, None) => End::Exited(UNKNOWN_CODE),
            }),
            Err(_) => Some(End::Exited(UNKNOWN_CODE)),
        }
    }

    /// Kills the whole group and waits for the command, which KILL does not let linger.
    pub(super) fn end_now(&mut self) {
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }

    /// Ends a command that cannot be watched, so that it does not run unseen.
    pub(super) fn abandon(mut self, error: Errno) -> String {
        self.end_now();
        unwatchable(error)
    }

    /// What is to be stored with the settle.
    pub(super) fn into_output(self) -> Option<Output> {
        self.capture.finish()
    }
}

fn command(work: &Work, options: &TaskOptions, cwd: Option<&Path>) -> Result<Command, String> {
    match work {
        Work::Shell(text) => {
            let mut command = Command::new("/bin/sh");
            command.arg("-c");
            // Without it the shell takes such a command for options of its own.
            if text.starts_with(['-', '+']) {
                command.arg("--");
            }
            command.arg(text);
            Ok(command)
        }
        Work::Argv(arguments) => {
            let (name, arguments) = arguments
                .split_first()
                .ok_or_else(|| "the command has no program".to_owned())?;
            let path = search_path(options);
            let mut command = Command::new(program(name, cwd, path.as_deref())?);
            command.arg0(name).args(arguments);
            Ok(command)
        }
        Work::Handler { handler, .. } => Err(format!("{handler:?} is a handler, not a command")),
    }
}

/// Starts the command with what it is given. Where that is too long together with everything else,
/// the short outputs are left to their files.
fn spawn(command: &mut Command, inputs: Option<&Inputs>) -> io::Result<Child> {
    let Some(inputs) = inputs else {
        return command.spawn();
    };
    command.env(inputs::FOLDER, inputs.folder());
    let variables = inputs.variables();
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    match command.spawn() {
        Err(error) if error.raw_os_error() == Some(Errno::TOOBIG.raw_os_error()) => {
            for (name, _) in variables {
                command.env_remove(name);
            }
            command.spawn()
        }
        result => result,
    }
}

/// The child's `PATH`: the task's own before the worker's.
fn search_path(options: &TaskOptions) -> Option<OsString> {
    let own = options.env.iter().rev().find(|(name, _)| name == "PATH");
    own.map_or_else(
        || std::env::var_os("PATH"),
        |(_, value)| Some(OsStr::new(value).to_owned()),
    )
}

fn explain(error: &io::Error, command: &Command, cwd: Option<&Path>) -> String {
    if let Some(problem) = cwd.and_then(directory_problem) {
        return problem;
    }
    let program = quoted(Path::new(command.get_program()));
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::NOEXEC) => format!(
            "{program} is not a program this system can run; a script needs a first line like \
             #!/bin/sh"
        ),
        Some(Errno::NOENT) => format!(
            "{program} cannot be started: the interpreter named in its first line, or its loader, \
             is missing"
        ),
        Some(Errno::TOOBIG) => {
            "the command and its environment together are longer than the system takes".to_owned()
        }
        Some(Errno::AGAIN) => format!("{program} cannot be started: too many processes"),
        Some(Errno::MFILE | Errno::NFILE) => {
            format!("{program} cannot be started: too many open files; use fewer slots")
        }
        Some(_) | None => format!("{program} cannot be started: {error}"),
    }
}

fn unwatchable(error: Errno) -> String {
    format!("the command was started but cannot be watched: {error}")
}
