//! `--on-finish`: a command run after every task that ended.
//!
//! What a task is called never becomes part of a command line: it is told in the environment. The
//! worker does not wait for hooks unless they are far behind; one that is still running when the
//! worker ends has ten seconds left.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use crossbeam_channel as queue;

use super::super::screen::note;
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::runtime::WorkerEvent;
use crate::runtime::spawn::{Environment, Spawn, Status};
use crate::state::State;
use crate::task::{Task, TaskId};

/// Hooks that run at once.
const THREADS: usize = 4;
/// Hooks that may wait for their turn before the worker waits for them.
const BACKLOG: usize = 1024;
/// Time for the last hooks once the worker has ended.
const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the hook.
#[derive(Debug)]
pub(super) struct Hooks {
    ended: Option<queue::Sender<Ended>>,
    /// Disconnected once every thread has ended.
    done: Receiver<()>,
}

/// A task that ended.
#[derive(Clone, Debug)]
struct Ended {
    task: TaskId,
    name: String,
    attempt: u32,
    state: State,
    exit_code: Option<i32>,
    signal: Option<i32>,
}

impl Hooks {
    /// Hooks of a worker, which begin in `folder`; where this process is unless set.
    ///
    /// # Errors
    /// When the system does not open `/dev/null`.
    pub(super) fn new(command: &str, database: &Path, folder: Option<&Path>) -> Result<Self> {
        let nothing = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/null")
            .map_err(|error| Error::io("cannot open /dev/null", error))?;
        let (ended, receiver) = queue::bounded(BACKLOG);
        let (alive, done) = channel();
        let hook = Arc::new(Hook {
            command: command.to_owned(),
            database: database.to_owned(),
            folder: folder.map(Path::to_owned),
            base: Environment::handed_on(),
            nothing,
        });
        for _ in 0..THREADS {
            let (hook, receiver, alive) = (Arc::clone(&hook), receiver.clone(), alive.clone());
            std::thread::spawn(move || hook.work(&receiver, &alive));
        }
        Ok(Self {
            ended: Some(ended),
            done,
        })
    }

    /// Hands an ended task on; whatever else happens is passed over.
    pub(super) fn on(&self, event: &WorkerEvent) {
        let WorkerEvent::Ended {
            claim,
            name,
            attempt,
            outcome,
            state: Some(state),
            ..
        } = event
        else {
            return;
        };
        if !state.is_terminal() {
            return;
        }
        let (exit_code, signal) = match outcome {
            Some(Outcome::Succeeded) => (Some(0), None),
            Some(Outcome::Exited { code }) => (Some(*code), None),
            Some(Outcome::Signalled { signal }) => (None, Some(*signal)),
            Some(
                Outcome::TimedOut
                | Outcome::NotStarted { .. }
                | Outcome::HandlerFailed { .. }
                | Outcome::Panicked { .. }
                | Outcome::Returned
                | Outcome::Snoozed { .. },
            )
            | None => (None, None),
        };
        self.send(Ended {
            task: claim.task,
            name: name.clone(),
            attempt: *attempt,
            state: *state,
            exit_code,
            signal,
        });
    }

    /// Hands on a task that the death of its worker ended.
    pub(super) fn on_reaped(&self, task: Task) {
        self.send(Ended {
            task: task.id,
            name: task.name,
            attempt: task.attempt,
            state: task.state,
            exit_code: None,
            signal: None,
        });
    }

    fn send(&self, ended: Ended) {
        if let Some(sender) = &self.ended {
            // The threads live as long as this does.
            let _ = sender.send(ended);
        }
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.ended = None;
        if self.done.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            note("an --on-finish command is still running; it is left to itself");
        }
    }
}

/// The command and what it is told of every task.
struct Hook {
    command: String,
    database: PathBuf,
    folder: Option<PathBuf>,
    /// Variables of all hooks.
    base: Environment,
    nothing: File,
}

impl Hook {
    /// Runs until there are no more tasks; `_alive` tells of the end by being dropped.
    fn work(&self, receiver: &queue::Receiver<Ended>, _alive: &Sender<()>) {
        while let Ok(ended) = receiver.recv() {
            self.run(&ended);
        }
    }

    fn run(&self, ended: &Ended) {
        let number = |value: Option<i32>| value.map_or_else(String::new, |value| value.to_string());
        let variables: [(&str, OsString); 7] = [
            ("QUEUE_TASK_ID", ended.task.to_string().into()),
            ("QUEUE_TASK_NAME", ended.name.clone().into()),
            ("QUEUE_STATE", ended.state.as_str().into()),
            ("QUEUE_EXIT_CODE", number(ended.exit_code).into()),
            ("QUEUE_SIGNAL", number(ended.signal).into()),
            ("QUEUE_ATTEMPT", ended.attempt.to_string().into()),
            ("QUEUE_DB", self.database.clone().into()),
        ];
        let mut own = Environment::default();
        for (name, value) in variables {
            own.set(name, value);
        }
        if let Some(folder) = &self.folder {
            own.set("PWD", folder);
        }
        let shell = Path::new("/bin/sh");
        let spawn = Spawn {
            program: shell,
            arguments: &[
                shell.as_os_str(),
                OsStr::new("-c"),
                OsStr::new(&self.command),
            ],
            base: &self.base,
            variables: &own,
            directory: self.folder.as_deref(),
            streams: [
                self.nothing.as_fd(),
                self.nothing.as_fd(),
                rustix::stdio::stderr(),
            ],
        };
        match spawn.start().map(|hook| hook.wait()) {
            Ok(Status::Exited(0)) => {}
            Ok(status) => note(&format!(
                "--on-finish for task {} ended with {status}",
                ended.task
            )),
            Err(error) => note(&format!("--on-finish could not be started: {error}")),
        }
    }
}
