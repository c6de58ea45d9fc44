//! `--on-finish`: a command run after every task that ended.
//!
//! The name of a task never becomes part of a command line: hooks find it in their environment. The
//! worker never waits for hooks. A few run at once, each for a limited time; others wait for their
//! turn. If too many wait, further tasks get no hook and are counted in the log. When the worker
//! ends, hooks have ten seconds left, or none if the worker has to end at once.

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
use super::super::print_thread::PrintThread;
use crate::clock::{BootTime, Clock, SystemClock};
use crate::error::{Error, Result};
use crate::outcome::Outcome;
use crate::runtime::spawn::{Environment, Spawn, Spawned, Status};
use crate::runtime::{Stopper, WorkerEvent};
use crate::state::State;
use crate::task::{Task, TaskId};

/// Number of hooks that run at once.
const THREADS: usize = 4;
/// Most tasks that wait for their hook.
const BACKLOG: usize = 10_000;
/// Number of waiting tasks at which a line reports that hooks lag, once until they have caught up.
const LAGGING: usize = 1_000;
/// Time for the last hooks once the worker has ended.
const PATIENCE: Duration = Duration::from_secs(10);
/// Time from TERM to KILL of a hook that took too long.
const KILL_DELAY: Duration = Duration::from_secs(1);
/// Interval of checks for a request to stop while the last hooks end.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Settings of a worker's hooks.
pub(super) struct Settings<'a> {
    pub(super) command: &'a str,
    /// Time that a hook may run.
    pub(super) timeout: Duration,
    pub(super) database: &'a Path,
    /// Folder in which they start; that of this process if unset.
    pub(super) folder: Option<&'a Path>,
    /// Thread that prints errors.
    pub(super) print_thread: PrintThread,
    /// Function that reads a task.
    pub(super) find: Box<Find>,
}

type Find = dyn Fn(TaskId) -> Option<Task> + Send + Sync;

/// Threads that run the hook.
#[derive(Debug)]
pub(super) struct Hooks {
    waiting: Option<Sender<HookTask>>,
    hook: Arc<Hook>,
    /// Disconnected once every thread has ended.
    done: Receiver<()>,
}

/// A task for which the hook runs.
#[derive(Debug)]
enum HookTask {
    Ended(Ended),
    /// A task that ended because its worker died.
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
    /// If the system refuses `/dev/null`, a descriptor or a thread.
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
            print_thread: settings.print_thread,
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

    /// Queues the hook of an ended task; ignores other events.
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
        self.send(HookTask::Ended(Ended {
            task: claim.task,
            name: name.clone(),
            attempt: *attempt,
            state: *state,
            exit_code,
            signal,
        }));
    }

    /// Queues the hook of a task that ended because its worker died.
    pub(super) fn on_reaped(&self, task: TaskId) {
        self.send(HookTask::Reaped(task));
    }

    fn send(&self, task: HookTask) {
        let Some(waiting) = &self.waiting else {
            return;
        };
        let refused = waiting.try_send(task).is_err();
        if refused {
            self.hook.passed_over.fetch_add(1, Ordering::Relaxed);
        }
        let length = waiting.len();
        let begins = length >= LAGGING && !self.hook.lags.swap(true, Ordering::Relaxed);
        if begins {
            self.hook.print_thread.say(format!(
                "--on-finish lags behind: {length} tasks wait for it, {THREADS} run at once; \
                 beyond {BACKLOG} tasks are passed over"
            ));
        }
    }

    /// Ends the running hooks and starts no more.
    pub(super) fn end_at_once(&self) {
        self.hook.quits.store(true, Ordering::Relaxed);
        let _ = rustix::io::write(&self.hook.quit, &1_u64.to_ne_bytes());
    }

    /// Gives the last hooks some time to end, unless `stopper` is asked a second time.
    pub(super) fn finish(mut self, stopper: &Stopper) {
        let waiting = self.waiting.take();
        let left = waiting.as_ref().map_or(0, Sender::len);
        drop(waiting);
        let until = SystemClock.now().boot.after(PATIENCE);
        while self.done.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            let over = until <= SystemClock.now().boot;
            if over {
                self.hook.print_thread.say(format!(
                    "--on-finish did not end in time; it was ended, and {left} tasks waited for it \
                     as the worker ended"
                ));
            }
            if over || stopper.requests(Duration::ZERO) > 1 {
                self.end_at_once();
                let _ = self.done.recv_timeout(2 * KILL_DELAY);
                return;
            }
        }
    }
}

/// The command and the values that every run of it gets.
struct Hook {
    command: String,
    timeout: Duration,
    database: PathBuf,
    folder: Option<PathBuf>,
    /// Environment of all hooks.
    base: Environment,
    nothing: File,
    print_thread: PrintThread,
    find: Box<Find>,
    /// Readable once the hooks are to end.
    quit: OwnedFd,
    quits: AtomicBool,
    /// True while a reported lag lasts.
    lags: AtomicBool,
    /// Number of tasks that got no hook.
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
    fn work(&self, waiting: &Receiver<HookTask>) {
        for task in waiting {
            if self.quits.load(Ordering::Relaxed) {
                return;
            }
            match task {
                HookTask::Ended(ended) => self.run(&ended),
                // A task that cannot be read was pruned, or the worker is about to end.
                HookTask::Reaped(id) => {
                    if let Some(task) = (self.find)(id) {
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
            self.print_thread.say(format!(
                "--on-finish was not run for {passed_over} tasks, because it lagged behind"
            ));
        }
    }

    fn run(&self, ended: &Ended) {
        let spawned = match self.start(ended) {
            Ok(spawned) => spawned,
            Err(problem) => return self.print_thread.say(problem),
        };
        let task = ended.task;
        match self.wait(&spawned) {
            Ok(Status::Exited(0)) | Err(EndCause::Quit) => {}
            Ok(status) => self
                .print_thread
                .say(format!("--on-finish for task {task} ended with {status}")),
            Err(EndCause::TimedOut) => self.print_thread.say(format!(
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

    /// Waits for the end of the hook, and ends it at its timeout or when the hooks have to end.
    fn wait(&self, hook: &Spawned) -> Result<Status, EndCause> {
        let until = SystemClock.now().boot.after(self.timeout);
        let cause = loop {
            if let Some(status) = hook.try_wait() {
                return Ok(status);
            }
            if self.quits.load(Ordering::Relaxed) {
                break EndCause::Quit;
            }
            if until <= SystemClock.now().boot {
                break EndCause::TimedOut;
            }
            let mut ready = [
                PollFd::new(&hook.pidfd, PollFlags::IN),
                PollFd::new(&self.quit, PollFlags::IN),
            ];
            wait_for(&mut ready, until);
        };
        let _ = kill_process_group(hook.pid, Signal::TERM);
        let _ = kill_process_group(hook.pid, Signal::CONT);
        if cause == EndCause::TimedOut {
            let until = SystemClock.now().boot.after(KILL_DELAY);
            wait_for(&mut [PollFd::new(&hook.pidfd, PollFlags::IN)], until);
        }
        let _ = kill_process_group(hook.pid, Signal::KILL);
        hook.wait();
        Err(cause)
    }
}

/// Cause for which a hook was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EndCause {
    TimedOut,
    Quit,
}

/// Waits until one of `ready` is ready or the time has come. It may return early; the caller checks
/// again.
fn wait_for(ready: &mut [PollFd<'_>], until: BootTime) {
    let pause = until.since(SystemClock.now().boot);
    let timeout = Timespec {
        tv_sec: pause.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: pause.subsec_nanos().into(),
    };
    let _ = poll(ready, Some(&timeout));
}
