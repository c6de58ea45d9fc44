//! A worker: claims tasks, runs them, records how they ended.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::command::DEFAULT_SHELL;
use super::driver::{Driver, Observer};
use super::executor::Executor;
use super::handlers::Handlers;
use super::inputs;
use super::pacemaker;
use super::protocol::{Config, Unrecorded, WorkerEvent};
use super::standby::Standby;
use super::stop::{self, StopReceiver, Stopper};
use super::system::System;
use super::trust;
use crate::claim::WorkerId;
use crate::error::{Error, Result};
use crate::queue::{Queue, Serves};
use crate::sidecar::Sidecar;
use crate::sidecar::registration::{Registration, sweep_strays};
use crate::sidecar::wakeup::Waker;
use crate::state::State;

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// How many tasks it runs at once.
    pub slots: NonZeroU32,
    /// How many tasks it claims at a time at most; as many as it has free slots unless set.
    pub batch: Option<NonZeroU32>,
    /// The queue it claims from.
    pub queue: String,
    /// Whether it runs commands. Off unless set: a library's worker runs what its program
    /// registered and nothing else.
    pub commands: bool,
    /// Whether it runs commands as root also from a file that others can change.
    pub trust_file: bool,
    /// The handlers it has.
    pub handlers: Handlers,
    /// Whether it ends once nothing it serves is queued, running or scheduled.
    pub drain: bool,
    /// From TERM to KILL where a task is ended; also the time within which a stopping worker has
    /// finished its tasks or handed them back.
    pub grace: Duration,
    /// How long the end of a command's output is waited for after the command's own, where something
    /// that it left running still holds it. Exit code and duration are the command's.
    pub output_grace: Duration,
    /// The shell that runs shell commands of tasks that name none, by name or path.
    pub shell: String,
    /// The directory of commands of tasks that have none; this process's unless set.
    pub folder: Option<PathBuf>,
}

impl WorkerOptions {
    /// A worker that runs commands of the default queue.
    pub fn commands(slots: NonZeroU32) -> Self {
        Self {
            slots,
            commands: true,
            ..Self::default()
        }
    }

    /// A worker that runs these handlers, for tasks of the default queue.
    pub fn handlers(slots: NonZeroU32, handlers: impl Into<Handlers>) -> Self {
        Self {
            slots,
            handlers: handlers.into(),
            ..Self::default()
        }
    }
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            slots: NonZeroU32::MIN,
            batch: None,
            queue: crate::task::DEFAULT_QUEUE.to_owned(),
            commands: false,
            trust_file: false,
            handlers: Handlers::new(),
            drain: false,
            grace: Duration::from_secs(10),
            output_grace: Duration::from_secs(2),
            shell: DEFAULT_SHELL.to_owned(),
            folder: None,
        }
    }
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Tasks it ended well.
    pub succeeded: u64,
    /// Tasks that ended failed under it.
    pub failed: u64,
    /// Tasks it ended because they were cancelled.
    pub cancelled: u64,
    /// Executions after which the task waits again: for a retry, snoozed or handed back.
    pub returned: u64,
    /// Executions whose claim was lost.
    pub lost: u64,
    /// Dead workers it recovered the tasks of.
    pub recovered: u64,
}

impl Summary {
    fn count(&mut self, event: &WorkerEvent) {
        let counter = match event {
            WorkerEvent::Ended { state, .. } => match state {
                Some(State::Succeeded) => &mut self.succeeded,
                Some(State::Failed) => &mut self.failed,
                Some(State::Cancelled) => &mut self.cancelled,
                Some(
                    State::Scheduled
                    | State::Blocked
                    | State::Queued
                    | State::Running
                    | State::Skipped,
                ) => &mut self.returned,
                None => &mut self.lost,
            },
            WorkerEvent::Recovered(recovered) if !recovered.expired => &mut self.recovered,
            WorkerEvent::Started { .. }
            | WorkerEvent::Recovered(_)
            | WorkerEvent::Refused { .. }
            | WorkerEvent::Blind { .. }
            | WorkerEvent::ClockSetBack { .. }
            | WorkerEvent::Short { .. }
            | WorkerEvent::Sufficient
            | WorkerEvent::Waiting(_)
            | WorkerEvent::Left(_)
            | WorkerEvent::Unrecorded(_)
            | WorkerEvent::Unreachable(_)
            | WorkerEvent::Stopping { .. } => return,
        };
        *counter += 1;
    }
}

/// Counts what it passes on.
struct Counting<'a, O> {
    summary: Summary,
    observer: &'a mut O,
}

impl<O: Observer> Observer for Counting<'_, O> {
    fn on(&mut self, event: &WorkerEvent) {
        self.summary.count(event);
        self.observer.on(event);
    }

    fn beat(&mut self) {
        self.observer.beat();
    }

    fn stuck(&mut self, error: Option<&Error>) {
        self.observer.stuck(error);
    }
}

/// A registered worker, ready to run.
#[derive(Debug)]
pub struct Worker<Q: Queue> {
    queue: Arc<Q>,
    options: WorkerOptions,
    registration: Registration,
    stopper: Stopper,
    stop: StopReceiver,
}

impl<Q: Queue> Worker<Q> {
    /// Registers a worker. From now on others see it as alive.
    ///
    /// # Errors
    /// [`Error::Invalid`] if there is nothing it could run; [`Error::Unusable`] if it is to run
    /// commands as root from a file that others can change; else as [`Queue::register`], and when
    /// the system refuses a file or a socket.
    pub fn new(queue: Arc<Q>, options: WorkerOptions) -> Result<Self> {
        crate::task::check_name("a queue's name", &options.queue)?;
        crate::options::check_shell(&options.shell)?;
        if !options.commands && options.handlers.is_empty() {
            return Err(Error::invalid(
                "a worker needs handlers, or leave to run commands",
            ));
        }
        if options.commands && !options.trust_file {
            trust::check(&**queue.coordination())?;
        }
        let serves = Serves {
            queue: options.queue.clone(),
            commands: options.commands,
            handlers: options.handlers.names().map(str::to_owned).collect(),
        };
        let (stopper, stop) = stop::pair()?;
        let registration = Registration::new(&*queue, options.slots.get(), serves)?;
        sweep_strays(&*queue)?;
        inputs::Source::sweep(&*queue)?;
        Ok(Self {
            queue,
            options,
            registration,
            stopper,
            stop,
        })
    }

    /// Its name.
    pub fn id(&self) -> WorkerId {
        self.registration.info().id
    }

    /// What stops it, for another thread or for signals.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Works until it is stopped or, draining, until nothing is left. Blocks; a thread of its own
    /// is a good place. Commands run as child processes, handlers on threads, `observer` on this
    /// thread, or on another while this one waits for the file.
    ///
    /// # Errors
    /// Whatever made the database or the system unusable; its commands have been ended by then,
    /// and what could not be recorded is returned by the next worker as a crash.
    pub fn run(self, observer: &mut (impl Observer + Send)) -> Result<Summary> {
        let queue = self.queue;
        let coordination = queue.coordination();
        let sidecar = Sidecar::at(coordination.folder());
        let handlers = Arc::new(self.options.handlers);
        let inputs: Arc<dyn inputs::Source> = queue.clone();
        let size = |number: NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
        let executor = Executor::new(sidecar.clone(), coordination.location().path(), handlers)?
            .with_inputs(inputs)
            .with_records(self.registration.records())
            .for_slots(size(self.options.slots))
            .with_output_grace(self.options.output_grace)
            .with_shell(self.options.shell)
            .in_folder(self.options.folder);
        let waker = Arc::new(Waker::new(sidecar.clone()));
        let info = self.registration.info().clone();
        let mut system = System::new(executor, self.registration, self.stop, sidecar, waker)?;
        let (pulse, beating) = match queue.lease() {
            Some(lease) => {
                let (pulse, pacemaker) = pacemaker::pair(Arc::clone(&queue), lease)?;
                system.listen_to(&pulse)?;
                (Some(pulse), Some(pacemaker.start()?))
            }
            None => (None, None),
        };
        let config = Config {
            slots: size(self.options.slots),
            batch: self.options.batch.map_or(usize::MAX, size),
            drain: self.options.drain,
            grace: self.options.grace,
            ..Config::default()
        };
        let mut counting = Counting {
            summary: Summary::default(),
            observer,
        };
        let driver = Driver::new(Arc::clone(&queue), system, info.id, info.serves, config);
        let driver = driver.under_leases(pulse);
        let standby = Standby::new(Arc::clone(&queue), driver, &mut counting)?;
        standby.run(|driver, result| {
            let ended = leave(&*queue, driver, result, |event| standby.report(event));
            standby.while_known(ended, || drop(beating))
        })?;
        drop(standby);
        Ok(counting.summary)
    }
}

/// Says goodbye. A worker that cannot, or leaves something behind, is recovered by the next one.
fn leave<Q: Queue>(
    queue: &Q,
    driver: Driver<Q, System>,
    result: Result<()>,
    report: impl FnOnce(&WorkerEvent),
) -> Result<()> {
    let unrecorded = driver.unrecorded();
    let registration = driver.into_shell().into_registration();
    if unrecorded.is_empty() {
        let closed = registration.close(queue);
        result?;
        return closed.or_else(|error| if error.may_pass() { Ok(()) } else { Err(error) });
    }
    let error = match result {
        Err(error @ Error::Gone { .. }) => error,
        Ok(()) => left_behind(queue.coordination().location().path(), &unrecorded, None),
        Err(error) => left_behind(
            queue.coordination().location().path(),
            &unrecorded,
            Some(error),
        ),
    };
    report(&WorkerEvent::Unrecorded(unrecorded));
    Err(error)
}

/// Why these outcomes are not in the file: it took none, or processes live that cannot be ended.
fn left_behind(path: &Path, unrecorded: &[Unrecorded], refusal: Option<Error>) -> Error {
    let survives = |task: &&Unrecorded| !task.processes.is_empty();
    let outlived: Vec<&Unrecorded> = unrecorded.iter().filter(survives).collect();
    let count = unrecorded.len() - outlived.len();
    let outlived = (!outlived.is_empty()).then(|| others_processes(&outlived));
    let lost = match count {
        1 => "the outcome of 1 task could not be recorded, so that it counts".to_owned(),
        _ => format!("the outcomes of {count} tasks could not be recorded, so that they count"),
    };
    let unwritten = format!(
        "{lost} as ended by this worker's death; see that the file can be written, then start a \
         worker"
    );
    let what = match outlived {
        Some(what) if count == 0 => return Error::Outlived { what },
        Some(what) => format!("{unwritten}; {what}"),
        None => unwritten,
    };
    Error::Unusable {
        path: path.to_owned(),
        what,
        remedy: None,
        source: refusal.map(Into::into),
    }
}

/// The sentence about tasks of which processes live that this user cannot end.
fn others_processes(tasks: &[&Unrecorded]) -> String {
    const SHOWN: usize = 20;
    let name = |task: &&&Unrecorded| {
        let pids: Vec<String> = task.processes.iter().map(u32::to_string).collect();
        format!("pid {} of task {}", pids.join(", "), task.claim.task)
    };
    let mut named: Vec<String> = tasks.iter().take(SHOWN).map(|task| name(&task)).collect();
    if tasks.len() > SHOWN {
        named.push(format!("those of {} more tasks", tasks.len() - SHOWN));
    }
    format!(
        "the worker has ended, but not {}, which has become another user's: its user or root has to \
         end it; until then no worker that sees it runs the task",
        named.join("; ")
    )
}
