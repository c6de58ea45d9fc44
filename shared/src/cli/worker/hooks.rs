//! `--on-finish`: a command run after every task that ended.
//!
//! What a task is called never becomes part of a command line: it is told in the environment. The
//! worker never waits for hooks. A few run at once, each for a limited time; the others wait for
//! their turn, and where too many do, tasks are passed over and counted in the log. When the worker
//! ends, hooks have ten seconds left, and none when it was told to end at once.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::process::{Signal, kill_process_group};

use super::super::moment;
use super::super::printer::Printer;
use crate::clock::{BootTime, Clock, SystemClock};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::runtime::spawn::{Environment, Spawn, Spawned, Status};
use crate::runtime::{Stopper, WorkerEvent};
use crate::state::State;
use crate::task::{Task, TaskId};

/// Hooks that run at once.
const THREADS: usize = 4;
/// Tasks that may wait for their hook.
const BACKLOG: usize = 10_000;
/// That hooks lag is said once so many wait, and again after they had caught up.
const LAGGING: usize = 1_000;
/// Time for the last hooks once the worker has ended.
const PATIENCE: Duration = Duration::from_secs(10);
/// From TERM to KILL of a hook that took too long.
const LAST_WORDS: Duration = Duration::from_secs(1);
/// How often a request to stop is looked for while the last hooks end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// What a worker's hooks are.
pub(super) struct Settings<'a> {
    pub(super) command: &'a str,
    /// How long one may run.
    pub(super) timeout: Duration,
    pub(super) database: &'a Path,
    /// Where they begin; where this process is unless set.
    pub(super) folder: Option<&'a Path>,
    /// Where it is said what went wrong.
    pub(super) printer: Printer,
    /// Reads a task.
    pub(super) find: Box<Find>,
}

type Find = dyn Fn(TaskId) -> Option<Task> + Send + Sync;

/// Runs the hook.
#[derive(Debug)]
pub(super) struct Hooks {
    waiting: Option<Sender<Told>>,
    hook: Arc<Hook>,
    /// Disconnected once every thread has ended.
    done: Receiver<()>,
}

/// What a hook is to be told.
#[derive(Debug)]
enum Told {
    Ended(Ended),
    /// A task that the death of its worker ended.
    Reaped(TaskId),
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
    /// Hooks of a worker.
    ///
    /// # Errors
    /// When the system refuses `/dev/null`, a descriptor or a thread.
    pub(super) fn new(settings: Settings<'_>) -> Result<Self> {
        let nothing = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/null")
            .map_err(|error| Error::io("cannot open /dev/null", error))?;
        let quit = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)
            .map_err(|error| Error::io("cannot create an eventfd", error))?;
        let (waiting, receiver) = bounded(BACKLOG);
        let (alive, done) = bounded(0);
        let hook = Arc::new(Hook {
            command: settings.command.to_owned(),
            timeout: settings.timeout,
            database: settings.database.to_owned(),
            folder: settings.folder.map(Path::to_owned),
            base: Environment::handed_on(),
            nothing,
            printer: settings.printer,
            find: settings.find,
            quit,
            quits: AtomicBool::new(false),
            lags: AtomicBool::new(false),
            passed_over: AtomicU64::new(0),
        });
        for _ in 0..THREADS {
            let (hook, receiver, alive) = (Arc::clone(&hook), receiver.clone(), alive.clone());
            std::thread::Builder::new()
                .name("queue-hook".to_owned())
                .spawn(move || {
                    hook.work(&receiver);
                    drop(alive);
                })
                .map_err(|error| Error::io("cannot start a thread for hooks", error))?;
        }
        Ok(Self {
            waiting: Some(waiting),
            hook,
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
        self.send(Told::Ended(Ended {
            task: claim.task,
            name: name.clone(),
            attempt: *attempt,
            state: *state,
            exit_code,
            signal,
        }));
    }

    /// Hands on a task that the death of its worker ended.
    pub(super) fn on_reaped(&self, task: TaskId) {
        self.send(Told::Reaped(task));
    }

    fn send(&self, told: Told) {
        let Some(waiting) = &self.waiting else {
            return;
        };
        let refused = waiting.try_send(told).is_err();
        if refused {
            self.hook.passed_over.fetch_add(1, Ordering::Relaxed);
        }
        let length = waiting.len();
        let begins = length >= LAGGING && !self.hook.lags.swap(true, Ordering::Relaxed);
        if begins {
            self.hook.printer.say(format!(
                "--on-finish lags behind: {length} tasks wait for it, {THREADS} run at once; \
                 beyond {BACKLOG} tasks are passed over"
            ));
        }
    }

    /// Ends the hooks that run, and runs no more.
    pub(super) fn end_at_once(&self) {
        self.hook.quits.store(true, Ordering::Relaxed);
        let _ = rustix::io::write(&self.hook.quit, &1_u64.to_ne_bytes());
    }

    /// Lets the last hooks end for a while, unless `stopper` is asked a second time.
    pub(super) fn finish(mut self, stopper: &Stopper) {
        let waiting = self.waiting.take();
        let left = waiting.as_ref().map_or(0, Sender::len);
        drop(waiting);
        let until = SystemClock.now().boot.after(PATIENCE);
        while self.done.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            let over = until <= SystemClock.now().boot;
            if over {
                self.hook.printer.say(format!(
                    "--on-finish did not end in time; it was ended, and {left} tasks waited for it \
                     as the worker ended"
                ));
            }
            if over || stopper.requests(Duration::ZERO) > 1 {
                self.end_at_once();
                let _ = self.done.recv_timeout(2 * LAST_WORDS);
                return;
            }
        }
    }
}

/// The command and what it is told of every task.
struct Hook {
    command: String,
    timeout: Duration,
    database: PathBuf,
    folder: Option<PathBuf>,
    /// Variables of all hooks.
    base: Environment,
    nothing: File,
    printer: Printer,
    find: Box<Find>,
    /// Readable once the hooks are to end.
    quit: OwnedFd,
    quits: AtomicBool,
    /// It was said that hooks lag.
    lags: AtomicBool,
    /// Tasks without a hook.
    passed_over: AtomicU64,
}

impl fmt::Debug for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hook")
            .field("command", &self.command)
            .finish_non_exhaustive()
    }
}

impl Hook {
    /// Runs until there are no more tasks.
    fn work(&self, waiting: &Receiver<Told>) {
        for told in waiting {
            if self.quits.load(Ordering::Relaxed) {
                return;
            }
            match told {
                Told::Ended(ended) => self.run(&ended),
                // A task that cannot be read now was pruned, or the worker is about to end.
                Told::Reaped(task) => {
                    if let Some(task) = (self.find)(task) {
                        self.run(&Ended {
                            task: task.id,
                            name: task.name,
                            attempt: task.attempt,
                            state: task.state,
                            exit_code: None,
                            signal: None,
                        });
                    }
                }
            }
            self.caught_up(waiting.len());
        }
    }

    fn caught_up(&self, length: usize) {
        if length >= LAGGING / 2 {
            return;
        }
        self.lags.store(false, Ordering::Relaxed);
        let passed_over = self.passed_over.swap(0, Ordering::Relaxed);
        if passed_over > 0 {
            self.printer.say(format!(
                "--on-finish was not run for {passed_over} tasks, because it lagged behind"
            ));
        }
    }

    fn run(&self, ended: &Ended) {
        let spawned = match self.start(ended) {
            Ok(spawned) => spawned,
            Err(problem) => return self.printer.say(problem),
        };
        let task = ended.task;
        match self.wait(&spawned) {
            Ok(Status::Exited(0)) | Err(Cut::Quit) => {}
            Ok(status) => self
                .printer
                .say(format!("--on-finish for task {task} ended with {status}")),
            Err(Cut::TimedOut) => self.printer.say(format!(
                "--on-finish for task {task} was ended after {}; --hook-timeout allows more",
                moment::rough(self.timeout)
            )),
        }
    }

    fn start(&self, ended: &Ended) -> Result<Spawned, String> {
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
        spawn
            .start()
            .map_err(|error| format!("--on-finish could not be started: {error}"))
    }

    /// Waits for the hook's end, which comes at its timeout and at the worker's at the latest.
    fn wait(&self, hook: &Spawned) -> Result<Status, Cut> {
        let until = SystemClock.now().boot.after(self.timeout);
        let cut = loop {
            if let Some(status) = hook.try_wait() {
                return Ok(status);
            }
            if self.quits.load(Ordering::Relaxed) {
                break Cut::Quit;
            }
            if until <= SystemClock.now().boot {
                break Cut::TimedOut;
            }
            let mut ready = [
                PollFd::new(&hook.pidfd, PollFlags::IN),
                PollFd::new(&self.quit, PollFlags::IN),
            ];
            wait_for(&mut ready, until);
        };
        let _ = kill_process_group(hook.pid, Signal::TERM);
        let _ = kill_process_group(hook.pid, Signal::CONT);
        if cut == Cut::TimedOut {
            let until = SystemClock.now().boot.after(LAST_WORDS);
            wait_for(&mut [PollFd::new(&hook.pidfd, PollFlags::IN)], until);
        }
        let _ = kill_process_group(hook.pid, Signal::KILL);
        hook.wait();
        Err(cut)
    }
}

/// Why a hook was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    TimedOut,
    Quit,
}

/// Waits until one of them is ready, or until then. Interrupted or not, the caller looks again.
fn wait_for(ready: &mut [PollFd<'_>], until: BootTime) {
    let pause = until.since(SystemClock.now().boot);
    let timeout = Timespec {
        tv_sec: pause.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: pause.subsec_nanos().into(),
    };
    let _ = poll(ready, Some(&timeout));
}
