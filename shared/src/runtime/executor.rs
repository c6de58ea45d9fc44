//! Runs what a worker has claimed: commands as child processes, handlers on threads.
//!
//! A task is done when its command exits: exit code and time are taken then. It is told of as ended
//! when its output has ended too, with the last process that could write to it, or a little later.
//! What the command left running in the background is left alone, but then nobody reads its output
//! any more. It is different after [`Executor::signal`]: TERM goes to the whole process group, the
//! task ends when its command has exited and nobody of the group holds the output open, and then, or
//! on [`Ending::Kill`], what is left of the group gets KILL.
//!
//! One thread waits for everything with one epoll: a child by its pidfd, so that other children
//! of the same process are never touched.

mod adopt;
mod ages;
mod follow;
mod given;
mod logged;
pub(super) mod preparer;
mod slots;
mod source;
mod spawner;
mod survivors;

use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::Errno;

use super::command::Surroundings;
pub use super::end::{End, Ended, Ending, StartError, Unreachable};
use super::handlers::Handlers;
use super::inherited::{heed_sigchld, need_descriptors};
use super::inputs;
use super::pool::Pool;
use super::scribe::Scribe;
use super::shell::{Batch, StartResult};
use crate::claim::{Claim, ClaimedTask};
use crate::clock::{BootTime, Clock, Now, SystemClock};
use crate::error::{Error, Result};
use crate::sidecar::Sidecar;
use crate::sidecar::records::CommandRecords;
use crate::task::Work;
use ages::Line;
use preparer::Preparer;
use slots::{Job, Running};
use source::Source;
use spawner::{Began, Order, Spawner};
pub(crate) use spawner::{Commands, Started};
use survivors::DYING_MS;

/// The commands and handlers that run in one worker.
pub struct Executor {
    sidecar: Sidecar,
    /// What writes the logs.
    scribe: Scribe,
    /// Away while it starts something.
    spawner: Option<Spawner>,
    inputs: Option<Arc<dyn inputs::Source>>,
    handlers: Arc<Handlers>,
    pool: Option<Pool>,
    epoll: OwnedFd,
    slots: Vec<Option<Running>>,
    free: Vec<usize>,
    /// Commands that are not [`WATCH_MS`] old.
    unwatched: Line,
    /// Commands that are not [`MEMORY_MS`] old.
    young: Line,
    /// Commands that have exited, whose output others hold, by the time they do so.
    open: Line,
    /// How long that is waited for, in milliseconds.
    open_ms: i64,
    /// The same of commands that were killed.
    killed: Line,
    /// Commands that were told to end and did, of which something is left for a moment, or for longer.
    dying: Line,
    surviving: Line,
    /// Commands that have ended, whose logs are being written.
    logging: Line,
    /// Commands whose output is left unread until their logs have caught up.
    held: Vec<(usize, Claim)>,
    /// What of these cannot be ended, for the next wait to tell of.
    unreachable: Vec<Unreachable>,
    /// What was ended before it was started, for the next wait to tell of.
    withdrawn: Vec<Ended>,
    /// Commands whose inputs are there.
    prepared: Vec<ClaimedTask>,
    buffer: Box<[u8]>,
    /// Below the slots: it removes what their commands were given.
    preparer: Preparer,
}

/// Events taken from the system at a time.
const EVENTS: usize = 256;
/// Bytes read from a pipe at a time: all that an ordinary one holds.
const BUFFER_BYTES: usize = 64 << 10;
/// A command's output is read while it runs once it has run so long, in milliseconds. Until then
/// it has the room of its pipes, and one that is over by then ends with one event instead of three.
const WATCH_MS: i64 = 5;
/// The end of a command's output is waited for so long after its own, in milliseconds, unless
/// somebody says otherwise.
const OPEN_MS: i64 = 2_000;
/// The same of a command that was killed with its group: as long as that takes to die.
const KILLED_MS: i64 = 200;

impl Executor {
    /// An executor for one worker. This process stops ignoring SIGCHLD if it was started so, which
    /// would throw every exit code away.
    ///
    /// `database` is what commands see as `QUEUE_DB`; logs go beside it, into `sidecar`.
    ///
    /// # Errors
    /// [`Error::Io`] when the system has no descriptors left.
    pub fn new(sidecar: Sidecar, database: &Path, handlers: Arc<Handlers>) -> Result<Self> {
        heed_sigchld()?;
        let surroundings = Surroundings::new(database)?;
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)
            .map_err(|error| Error::io("cannot create an epoll", error))?;
        let executor = Self {
            scribe: Scribe::new(sidecar.clone())?,
            sidecar,
            spawner: Some(Spawner::new(surroundings)),
            inputs: None,
            pool: (!handlers.is_empty()).then(Pool::new).transpose()?,
            handlers,
            epoll,
            slots: Vec::new(),
            free: Vec::new(),
            unwatched: Line::default(),
            young: Line::default(),
            open: Line::default(),
            open_ms: OPEN_MS,
            killed: Line::default(),
            dying: Line::default(),
            surviving: Line::default(),
            logging: Line::default(),
            held: Vec::new(),
            unreachable: Vec::new(),
            withdrawn: Vec::new(),
            prepared: Vec::new(),
            buffer: vec![0; BUFFER_BYTES].into(),
            preparer: Preparer::new()?,
        };
        for (bell, source) in [
            (executor.preparer.bell(), Source::Inputs),
            (executor.scribe.bell(), Source::Logs),
        ] {
            executor
                .add(bell, source)
                .map_err(|error| Error::io("cannot watch an eventfd", error))?;
        }
        if let Some(pool) = &executor.pool {
            executor
                .add(pool.bell(), Source::Handlers)
                .map_err(|error| Error::io("cannot watch the handlers", error))?;
        }
        Ok(executor)
    }

    /// Hands commands what the tasks wrote that theirs depend on.
    #[must_use]
    pub fn with_inputs(mut self, source: Arc<dyn inputs::Source>) -> Self {
        self.inputs = Some(source);
        self
    }

    /// Records every command that is started, for whoever recovers this worker.
    #[must_use]
    pub fn with_records(mut self, records: Option<Arc<CommandRecords>>) -> Self {
        if let Some(surroundings) = self.surroundings() {
            surroundings.records = records;
        }
        self
    }

    /// Raises this process's limit on open files if so many slots need it. Commands get the one it
    /// was started with.
    #[must_use]
    pub fn for_slots(self, slots: usize) -> Self {
        need_descriptors(slots as u64);
        self
    }

    /// Waits so long for the end of a command's output after the command's own; two seconds unless
    /// set.
    #[must_use]
    pub fn with_output_grace(mut self, grace: Duration) -> Self {
        self.open_ms = grace.as_millis().try_into().unwrap_or(i64::MAX);
        self
    }

    /// Runs shell commands of tasks that name no shell with this one; `/bin/sh` unless set.
    #[must_use]
    pub fn with_shell(mut self, shell: String) -> Self {
        if let Some(surroundings) = self.surroundings() {
            surroundings.shell = shell;
        }
        self
    }

    /// Commands of tasks without a folder begin in this one; where this process is unless set.
    #[must_use]
    pub fn in_folder(mut self, folder: Option<PathBuf>) -> Self {
        if let Some(surroundings) = self.surroundings() {
            surroundings.folder = folder;
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

    /// Starts claimed tasks, commands two at a time. Returns those that were not started, each with
    /// the reason.
    ///
    /// A command that depends on very many tasks is prepared first:
    /// [`take_ready`](Self::take_ready) tells when it is to be started again. Until then it can be
    /// ended as any other.
    pub fn start_all(&mut self, tasks: Vec<ClaimedTask>, now: Now) -> Vec<(Claim, StartError)> {
        let started = self.prepare(tasks, now).start();
        let refused = |(claim, started): (Claim, StartResult)| Some((claim, started.err()?));
        self.adopt(started)
            .into_iter()
            .filter_map(refused)
            .collect()
    }

    /// Makes tasks ready to be started; handlers are started at once.
    pub fn prepare(&mut self, tasks: Vec<ClaimedTask>, now: Now) -> Commands {
        let mut known = Vec::new();
        let mut orders = Vec::with_capacity(tasks.len());
        let claims: Vec<Claim> = tasks.iter().map(|task| task.claim).collect();
        for (place, task) in tasks.into_iter().enumerate() {
            let claim = task.claim;
            let prepared = match &task.work {
                Work::Handler { .. } => self.start_handler(&task).map(|()| Some(now.boot)),
                Work::Shell(_) | Work::Argv(_) => self.given(&task).map(|given| {
                    orders.push(Order {
                        place,
                        task,
                        given,
                        now: now.boot,
                    });
                    None
                }),
            };
            known.extend(prepared.transpose().map(|started| (claim, started)));
        }
        Commands {
            now: now.boot,
            claims,
            known,
            orders,
            spawner: self.spawner.take(),
        }
    }

    /// Watches what was started. Returns when each task was, or why it was not.
    pub fn adopt(&mut self, commands: Started) -> Vec<(Claim, StartResult)> {
        let Started {
            now,
            claims,
            mut known,
            done,
            spawner,
        } = commands;
        self.spawner = spawner;
        for (place, started) in done {
            let claim = claims[place];
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

    /// Commands that were prepared during the last [`wait`](Self::wait), to be started if their
    /// claims still hold, or ended.
    pub fn take_ready(&mut self) -> Vec<ClaimedTask> {
        std::mem::take(&mut self.prepared)
    }

    /// What the last [`wait`](Self::wait) found that cannot be ended.
    pub fn take_unreachable(&mut self) -> Vec<Unreachable> {
        std::mem::take(&mut self.unreachable)
    }

    /// Asks for or enforces the end of what runs under `claim`; nothing happens if nothing does.
    /// [`wait`](Self::wait) tells when it has ended.
    pub fn signal(&mut self, claim: Claim, ending: Ending) {
        let running = |slot: &Option<Running>| matches!(slot, Some(own) if own.claim == claim);
        let Some(slot) = self.slots.iter().position(running) else {
            return;
        };
        let Some(Running { job, .. }) = &mut self.slots[slot] else {
            return;
        };
        match job {
            Job::Handler(cancelled) => cancelled.store(true, Ordering::Relaxed),
            Job::Command(process) => {
                let has_exited = process.exited_at().is_some();
                // What a command left running when it ended by itself is left alone.
                if !has_exited || process.lingers() {
                    process.signal(ending);
                }
                if ending == Ending::Kill {
                    let now = SystemClock.now().boot;
                    if has_exited {
                        self.killed.join(now, KILLED_MS, slot, claim);
                    } else {
                        self.dying.join(now, DYING_MS, slot, claim);
                    }
                }
            }
            Job::Preparing(_) | Job::Prepared(_) => self.withdraw(slot),
            Job::Survived(_) | Job::Logging(_) => {}
        }
    }

    /// How many executions have not been told of as ended.
    pub fn running(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// Makes [`wait`](Self::wait) return `token` (below 2⁶³) while `fd` is readable.
    ///
    /// # Errors
    /// [`Error::Io`] when the system refuses, for instance because it is watched already.
    pub fn watch(&mut self, fd: BorrowedFd<'_>, token: u64) -> Result<()> {
        self.add(fd, Source::Watched(token))
            .map_err(|error| Error::io("cannot watch a descriptor", error))
    }

    /// Undoes [`watch`](Self::watch). Do so before `fd` is closed: a copy of it in another process
    /// would keep it watched.
    pub fn unwatch(&mut self, fd: BorrowedFd<'_>) {
        let _ = epoll::delete(&self.epoll, fd);
    }

    /// Blocks until an execution has ended, a command is prepared, a watched descriptor is readable,
    /// or `until` (boot time) has come; for ever if none of that happens. What ended is appended to
    /// `ended`, the tokens of readable descriptors to `ready`.
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
            let due = self.come_of_age(boot, ended);
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
                self.handle(Source::of(event.data.u64()), boot, ended, ready);
            }
            if reached || ended.len() + ready.len() > before || self.has_news() {
                return Ok(());
            }
        }
    }

    fn has_news(&self) -> bool {
        !self.prepared.is_empty() || !self.unreachable.is_empty()
    }

    /// What commands are started with, before the first is.
    fn surroundings(&mut self) -> Option<&mut Surroundings> {
        self.spawner.as_mut()?.surroundings()
    }

    fn add(&self, fd: BorrowedFd<'_>, source: Source) -> rustix::io::Result<()> {
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
        source: Source,
        now: BootTime,
        ended: &mut Vec<Ended>,
        ready: &mut Vec<u64>,
    ) {
        match source {
            Source::Watched(token) => ready.push(token),
            Source::Handlers => self.end_handlers(now, ended),
            Source::Inputs => self.take_prepared(),
            Source::Logs => self.logs_written(now, ended),
            Source::Pipe(slot, stream) => self.read_pipe(slot, stream, now, ended),
            Source::Child(slot) => self.child_exited(slot, now, ended),
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
    /// Nothing runs on without a worker: what is left is killed, and handlers are asked to end.
    fn drop(&mut self) {
        for running in self.slots.iter_mut().flatten() {
            match &mut running.job {
                Job::Handler(cancelled) | Job::Preparing(cancelled) => {
                    cancelled.store(true, Ordering::Relaxed);
                }
                Job::Command(process) => process.end_now(),
                Job::Prepared(_) | Job::Survived(_) | Job::Logging(_) => {}
            }
        }
    }
}
