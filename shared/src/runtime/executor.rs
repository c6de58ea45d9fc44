//! Runs claimed tasks: commands as child processes, handlers on threads.
//!
//! A task ends when its command exits: exit code and time are taken then. It is reported when its
//! output has ended too, with the last process that could write to it, or a little later.
//! Background processes of the command are left alone, but nobody reads their output any more.
//! After [`Executor::signal`] this is different: TERM goes to the whole process group, and the task
//! ends when its command has exited and no process of the group holds the output open. Then, or on
//! [`Ending::Kill`], the rest of the group gets KILL.
//!
//! One thread waits for everything with one epoll: a child by its pidfd, so that other children
//! of the same process are never touched.

mod adopt;
mod command_inputs;
mod deadlines;
mod event_source;
mod follow;
mod leftovers;
mod logged;
pub(super) mod preparer;
mod slots;
mod spawner;

use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::command::CommandDefaults;
use super::current_settings::ReadSettings;
pub use super::end::{End, Ended, Ending, StartError, Unreachable};
use super::handlers::Handlers;
use super::host::{Batch, StartResult};
use super::inputs;
use super::log_thread::LogThread;
use super::pool::Pool;
use super::stop_reason::StopReason;
use crate::claim::{Claim, ClaimedTask};
use crate::clock::{BootTime, Clock, Now, SystemClock};
use crate::error::{Error, Result};
use crate::sidecar::Sidecar;
use crate::sidecar::records::CommandRecords;
use crate::task::Work;
use deadlines::Deadlines;
use event_source::EventSource;
use leftovers::DYING_MS;
use preparer::Preparer;
use slots::{Job, Occupant};
use spawner::{Began, Spawner, StartOrder};
pub(crate) use spawner::{CommandBatch, StartedBatch};

/// Commands and handlers that run in one worker.
pub struct Executor {
    sidecar: Sidecar,
    /// Writes the logs.
    log_thread: LogThread,
    /// `None` while it starts commands.
    spawner: Option<Spawner>,
    inputs: Option<Arc<dyn inputs::InputSource>>,
    handlers: Arc<Handlers>,
    pool: Option<Pool>,
    epoll: OwnedFd,
    slots: Vec<Option<Occupant>>,
    free: Vec<usize>,
    /// Commands younger than [`WATCH_MS`].
    unwatched: Deadlines,
    /// Commands younger than [`MEMORY_MS`].
    young: Deadlines,
    /// Commands that have exited while other processes hold their output open.
    open: Deadlines,
    /// Time for which such output is read, in milliseconds.
    open_ms: i64,
    /// The same for commands that were killed.
    killed: Deadlines,
    /// Commands that were told to end and did, with remaining processes that go in a moment, or
    /// later.
    dying: Deadlines,
    leftovers: Deadlines,
    /// Commands that have ended, whose logs are being written.
    logging: Deadlines,
    /// Commands whose output is not read until their logs have caught up.
    held: Vec<(usize, Claim)>,
    /// Processes that cannot be ended, to be reported by the next wait.
    unreachable: Vec<Unreachable>,
    /// Executions that were ended before their start, to be reported by the next wait.
    withdrawn: Vec<Ended>,
    /// Commands whose inputs are written.
    prepared: Vec<ClaimedTask>,
    buffer: Box<[u8]>,
    /// Declared after the slots, so that it is dropped later: it removes the input folders of their
    /// commands.
    preparer: Preparer,
}

/// Events taken from the epoll at a time.
const EVENTS: usize = 256;
/// Bytes read from a pipe at a time: all that an ordinary one holds.
const BUFFER_BYTES: usize = 64 << 10;
/// Age in milliseconds from which a running command's output is read. Until then the pipes hold it,
/// and a command that ends before causes one event instead of three.
const WATCH_MS: i64 = 5;
/// Default time in milliseconds for which output is read after the command's end.
const OPEN_MS: i64 = 2_000;
/// The same for a command that was killed with its group: the time that the group takes to die.
const KILLED_MS: i64 = 200;

impl Executor {
    /// Creates an executor for one worker. This process must not ignore SIGCHLD, which would discard
    /// every exit code.
    ///
    /// Commands see `database` as `QUEUE_DB`; logs go into `sidecar`.
    ///
    /// # Errors
    /// [`Error::Io`] when the system has no descriptors left.
    pub fn new(sidecar: Sidecar, database: &Path, handlers: Arc<Handlers>) -> Result<Self> {
        let defaults = CommandDefaults::new(database)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|error| Error::io("cannot create an epoll", error))?;
        let executor = Self {
            log_thread: LogThread::new(sidecar.clone())?,
            sidecar,
            spawner: Some(Spawner::new(defaults)),
            inputs: None,
            pool: (!handlers.is_empty()).then(Pool::new).transpose()?,
            handlers,
            epoll,
            slots: Vec::new(),
            free: Vec::new(),
            unwatched: Deadlines::default(),
            young: Deadlines::default(),
            open: Deadlines::default(),
            open_ms: OPEN_MS,
            killed: Deadlines::default(),
            dying: Deadlines::default(),
            leftovers: Deadlines::default(),
            logging: Deadlines::default(),
            held: Vec::new(),
            unreachable: Vec::new(),
            withdrawn: Vec::new(),
            prepared: Vec::new(),
            buffer: vec![0; BUFFER_BYTES].into(),
            preparer: Preparer::new()?,
        };
        for (eventfd, source) in [
            (executor.preparer.eventfd(), EventSource::Inputs),
            (executor.log_thread.eventfd(), EventSource::Logs),
        ] {
            executor
                .add(eventfd, source)
                .map_err(|error| Error::io("cannot watch an eventfd", error))?;
        }
        if let Some(pool) = &executor.pool {
            executor
                .add(pool.eventfd(), EventSource::Handlers)
                .map_err(|error| Error::io("cannot watch the handlers", error))?;
        }
        Ok(executor)
    }

    /// Gives commands the outputs of their tasks' dependencies.
    #[must_use]
    pub fn with_inputs(mut self, source: Arc<dyn inputs::InputSource>) -> Self {
        self.inputs = Some(source);
        self
    }

    /// Bounds the logs by the settings that this reads; by the defaults unless set.
    #[must_use]
    pub fn with_settings(mut self, read: ReadSettings) -> Self {
        self.log_thread.read_settings(read);
        self
    }

    /// Records every started command, for the recovery of this worker.
    #[must_use]
    pub fn with_records(mut self, records: Option<Arc<CommandRecords>>) -> Self {
        if let Some(defaults) = self.defaults() {
            defaults.records = records;
        }
        self
    }

    /// Sets the time for which output is read after the command's end; two seconds unless set.
    #[must_use]
    pub fn with_output_grace(mut self, grace: Duration) -> Self {
        self.open_ms = grace.as_millis().try_into().unwrap_or(i64::MAX);
        self
    }

    /// Sets the shell of tasks that name none; `/bin/sh` unless set.
    #[must_use]
    pub fn with_shell(mut self, shell: String) -> Self {
        if let Some(defaults) = self.defaults() {
            defaults.shell = shell;
        }
        self
    }

    /// Sets the directory of tasks that name none; this process's directory unless set.
    #[must_use]
    pub fn in_folder(mut self, folder: Option<PathBuf>) -> Self {
        if let Some(defaults) = self.defaults() {
            defaults.folder = folder;
        }
        self
    }

    /// Starts a claimed task.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(&mut self, task: &ClaimedTask, now: Now) -> Result<(), StartError> {
        let mut started = self.start_all(vec![task.clone()], now);
        started.pop().map_or(Ok(()), |(_, problem)| Err(problem))
    }

    /// Starts claimed tasks, commands two at a time. Returns the tasks that were not started, each
    /// with the reason.
    ///
    /// For a command that depends on very many tasks the inputs are written first;
    /// [`take_ready`](Self::take_ready) returns it when it is to be started again. Until then it
    /// can be ended like any other.
    pub fn start_all(&mut self, tasks: Vec<ClaimedTask>, now: Now) -> Vec<(Claim, StartError)> {
        let started = self.prepare(tasks, now).start();
        let refused = |(claim, started): (Claim, StartResult)| Some((claim, started.err()?));
        self.adopt(started)
            .into_iter()
            .filter_map(refused)
            .collect()
    }

    /// Prepares tasks for their start. Handlers are started at once.
    pub fn prepare(&mut self, tasks: Vec<ClaimedTask>, now: Now) -> CommandBatch {
        let mut known = Vec::new();
        let mut orders = Vec::with_capacity(tasks.len());
        let claims: Vec<Claim> = tasks.iter().map(|task| task.claim).collect();
        for (index, task) in tasks.into_iter().enumerate() {
            let claim = task.claim;
            let prepared = match &task.work {
                Work::Handler { .. } => self.start_handler(task).map(|()| Some(now.boot)),
                Work::Shell(_) | Work::Argv(_) => self.command_inputs(&task).map(|inputs| {
                    orders.push(StartOrder {
                        index,
                        task,
                        inputs,
                        now: now.boot,
                    });
                    None
                }),
            };
            known.extend(prepared.transpose().map(|started| (claim, started)));
        }
        CommandBatch {
            now: now.boot,
            claims,
            known,
            orders,
            spawner: self.spawner.take(),
        }
    }

    /// Watches the started tasks. Returns the start time of each, or the reason why it was not
    /// started.
    pub fn adopt(&mut self, commands: StartedBatch) -> Vec<(Claim, StartResult)> {
        let StartedBatch {
            now,
            claims,
            mut known,
            done,
            spawner,
        } = commands;
        self.spawner = spawner;
        for (index, started) in done {
            let claim = claims[index];
            let adopted = started.and_then(|began| match began {
                Began::Runs(process, at) => {
                    self.adopt_process(claim, process, now).map(|()| Some(at))
                }
                Began::Waits(task) => self.postpone(*task).map(|()| None),
            });
            known.extend(adopted.transpose().map(|started| (claim, started)));
        }
        known
    }

    /// Commands whose inputs were written during the last [`wait`](Self::wait). They are to be
    /// started if their claims still hold, or ended.
    pub fn take_ready(&mut self) -> Vec<ClaimedTask> {
        std::mem::take(&mut self.prepared)
    }

    /// Processes that cannot be ended, as found by the last [`wait`](Self::wait).
    pub fn take_unreachable(&mut self) -> Vec<Unreachable> {
        std::mem::take(&mut self.unreachable)
    }

    /// Asks for or enforces the end of the execution under `claim`. Does nothing if there is none.
    /// [`wait`](Self::wait) reports its end.
    pub fn signal(&mut self, claim: Claim, ending: Ending, reason: StopReason) {
        if let Some(pool) = &self.pool
            && pool.ask_to_end(claim, reason)
        {
            return;
        }
        let running = |slot: &Option<Occupant>| matches!(slot, Some(own) if own.claim == claim);
        let Some(slot) = self.slots.iter().position(running) else {
            return;
        };
        let Some(Occupant { job, .. }) = &mut self.slots[slot] else {
            return;
        };
        match job {
            Job::Command(process) => {
                let has_exited = process.exited_at().is_some();
                // Background processes of a command that ended by itself are left alone.
                if !has_exited || process.lingers() {
                    process.signal(ending);
                }
                if ending == Ending::Kill {
                    let now = SystemClock.now().boot;
                    if has_exited {
                        self.killed.push(now, KILLED_MS, slot, claim);
                    } else {
                        self.dying.push(now, DYING_MS, slot, claim);
                    }
                }
            }
            Job::Preparing(_) | Job::Prepared(_) => self.withdraw(slot),
            Job::Leftover(_) | Job::Logging(_) => {}
        }
    }

    /// Number of executions whose end has not been reported.
    pub fn running(&self) -> usize {
        let handlers = self.pool.as_ref().map_or(0, Pool::running);
        self.slots.len() - self.free.len() + handlers
    }

    /// Takes the handlers whose end has not been reported, to be followed without this executor.
    pub(super) fn take_handlers(&mut self) -> Option<Pool> {
        self.pool.take().filter(|pool| pool.running() > 0)
    }

    /// Makes [`wait`](Self::wait) return `token` (below 2⁶³) while `fd` is readable.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses, for instance because it is watched already.
    pub fn watch(&mut self, fd: BorrowedFd<'_>, token: u64) -> Result<()> {
        self.add(fd, EventSource::Watched(token))
            .map_err(|error| Error::io("cannot watch a descriptor", error))
    }

    /// Undoes [`watch`](Self::watch). Do so before `fd` is closed: a copy of it in another process
    /// would keep it watched.
    pub fn unwatch(&mut self, fd: BorrowedFd<'_>) {
        let _ = epoll::delete(&self.epoll, fd);
    }

    /// Blocks until an execution has ended, a command is prepared, a watched descriptor is
    /// readable, or `until` (boot time) has come; for ever if none of that happens. Appends ended
    /// executions to `ended`, and the tokens of readable descriptors to `ready`.
    ///
    /// # Errors
    /// [`Error::Io`] when the system cannot wait.
    pub fn wait(
        &mut self,
        now: Now,
        until: Option<BootTime>,
        ended: &mut Vec<Ended>,
        ready: &mut Vec<u64>,
    ) -> Result<()> {
        let before = ended.len() + ready.len();
        let mut boot = now.boot;
        ended.append(&mut self.withdrawn);
        loop {
            let due = self.handle_deadlines(boot, ended);
            let reached = until.is_some_and(|until| until <= boot);
            let something = ended.len() + ready.len() > before || self.has_news();
            let wake = match (until, due) {
                _ if reached || something => Some(boot),
                (Some(until), Some(due)) => Some(until.min(due)),
                (until, due) => until.or(due),
            };
            let mut room = [const { MaybeUninit::uninit() }; EVENTS];
            let events = self.poll(&mut room, wake.map(|wake| wake.since(boot)))?;
            boot = SystemClock.now().boot;
            for event in events {
                self.handle(EventSource::of(event.data.u64()), boot, ended, ready);
            }
            if reached || ended.len() + ready.len() > before || self.has_news() {
                return Ok(());
            }
        }
    }

    fn has_news(&self) -> bool {
        !self.prepared.is_empty() || !self.unreachable.is_empty()
    }

    /// Common settings of commands; `None` once a command has been started.
    fn defaults(&mut self) -> Option<&mut CommandDefaults> {
        self.spawner.as_mut()?.defaults()
    }

    fn add(&self, fd: BorrowedFd<'_>, source: EventSource) -> rustix::io::Result<()> {
        source.watch(&self.epoll, fd)
    }

    fn poll<'r>(
        &self,
        room: &'r mut [MaybeUninit<epoll::Event>],
        timeout: Option<Duration>,
    ) -> Result<&'r [epoll::Event]> {
        let timeout = timeout.map(|timeout| Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        });
        match epoll::wait(&self.epoll, room, timeout.as_ref()) {
            Ok((events, _)) => Ok(events),
            Err(Errno::INTR) => Ok(&[]),
            Err(error) => Err(Error::io("cannot wait for commands", error)),
        }
    }

    fn handle(
        &mut self,
        source: EventSource,
        now: BootTime,
        ended: &mut Vec<Ended>,
        ready: &mut Vec<u64>,
    ) {
        match source {
            EventSource::Watched(token) => ready.push(token),
            EventSource::Handlers => self.end_handlers(now, ended),
            EventSource::Inputs => self.take_prepared(),
            EventSource::Logs => self.logs_written(now, ended),
            EventSource::Pipe(slot, stream) => self.read_pipe(slot, stream, now, ended),
            EventSource::Child(slot) => self.child_exited(slot, now, ended),
        }
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Executor")
            .field("running", &self.running())
            .finish_non_exhaustive()
    }
}

impl Drop for Executor {
    /// Nothing runs on without a worker: commands are killed, and handlers are asked to end.
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.ask_all_to_end(StopReason::Shutdown);
        }
        for running in self.slots.iter_mut().flatten() {
            match &mut running.job {
                Job::Preparing(cancelled) => cancelled.store(true, Ordering::Relaxed),
                Job::Command(process) => process.end_now(),
                Job::Prepared(_) | Job::Leftover(_) | Job::Logging(_) => {}
            }
        }
    }
}
