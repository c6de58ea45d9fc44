//! Worker: claims tasks, runs them and records their outcomes.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;

use signal_hook::consts::SIGCHLD;

use super::driver::{Driver, Observer};
use super::executor::Executor;
use super::inherited::{heed_sigchld, is_ignored, need_descriptors};
use super::inputs;
use super::lease_keeper::{self, KeeperThread};
use super::left_handlers::LeftHandlers;
use super::linux_host::LinuxHost;
use super::protocol::{Config, Unrecorded, WorkerEvent};
use super::standby::Standby;
use super::stop::{self, StopReceiver, Stopper};
use super::trust;
use super::worker_options::WorkerOptions;
use crate::claim::{Claim, WorkerId};
use crate::error::{Error, Result};
use crate::queue::{Queue, Serves};
use crate::sidecar::Sidecar;
use crate::sidecar::registration::{Registration, sweep_strays};
use crate::sidecar::wakeup::Waker;
use crate::state::State;

/// Counts of a worker's run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// Tasks that succeeded.
    pub succeeded: u64,
    /// Tasks that failed.
    pub failed: u64,
    /// Tasks that were cancelled.
    pub cancelled: u64,
    /// Executions after which the task waits again: for a retry, snoozed or returned.
    pub returned: u64,
    /// Executions whose claim was lost.
    pub lost: u64,
    /// Dead workers that it recovered.
    pub recovered: u64,
    /// Handlers that had not returned when it ended; see [`WorkerEvent::LeftRunning`].
    pub left_running: u64,
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
            WorkerEvent::LeftRunning(tasks) => {
                self.left_running += tasks.len() as u64;
                return;
            }
            WorkerEvent::Started { .. }
            | WorkerEvent::Recovered(_)
            | WorkerEvent::Refused { .. }
            | WorkerEvent::Blind { .. }
            | WorkerEvent::ClockSetBack { .. }
            | WorkerEvent::Short { .. }
            | WorkerEvent::Sufficient
            | WorkerEvent::Resized { .. }
            | WorkerEvent::Waiting(_)
            | WorkerEvent::Left(_)
            | WorkerEvent::Unrecorded(_)
            | WorkerEvent::Unreachable(_)
            | WorkerEvent::Stopping { .. } => return,
        };
        *counter += 1;
    }
}

/// Counts events and passes them on.
struct Counting<'a, O> {
    summary: Summary,
    observer: &'a mut O,
}

impl<O: Observer> Observer for Counting<'_, O> {
    fn on(&mut self, event: &WorkerEvent) {
        self.summary.count(event);
        self.observer.on(event);
    }

    fn tick(&mut self) {
        self.observer.tick();
    }

    fn stuck(&mut self, error: Option<&Error>) {
        self.observer.stuck(error);
    }
}

/// Registered worker that is ready to run. Dropped before, it counts as dead. The drop waits for nothing.
#[derive(Debug)]
pub struct Worker<Q: Queue> {
    queue: Arc<Q>,
    options: WorkerOptions,
    registration: Registration,
    stopper: Stopper,
    stop: StopReceiver,
}

impl<Q: Queue> Worker<Q> {
    /// Registers a worker. From then on others see it as alive.
    ///
    /// # Errors
    /// [`Error::Invalid`] if it has neither handlers nor permission to run commands, and as
    /// [`ServedQueues::check`](crate::served::ServedQueues::check);
    /// [`Error::Unusable`] if it is to run commands as root from a file that others can change;
    /// else as [`Queue::register`], and when the system refuses a file or a socket.
    pub fn new(queue: Arc<Q>, options: WorkerOptions) -> Result<Self> {
        options.queues.check(options.slots.get())?;
        crate::options::check_shell(&options.shell)?;
        if !options.commands && options.handlers.is_empty() {
            return Err(Error::invalid(
                "a worker needs handlers, or permission to run commands",
            ));
        }
        if options.commands && !options.owns_process && is_ignored(SIGCHLD) {
            return Err(Error::invalid(
                "this process ignores SIGCHLD, so that the exit codes of commands are lost; stop \
                 ignoring it, or let the worker do so (`owns_process`)",
            ));
        }
        if options.commands && !options.trust_file {
            trust::check(&**queue.coordination())?;
        }
        let serves = Serves {
            queues: options.queues.clone(),
            commands: options.commands,
            handlers: options.handlers.names().map(str::to_owned).collect(),
        };
        let (stopper, stop) = stop::pair()?;
        let registration = Registration::new(&*queue, options.slots.get(), serves)?;
        sweep_strays(&*queue)?;
        inputs::InputSource::sweep(&*queue)?;
        Ok(Self {
            queue,
            options,
            registration,
            stopper,
            stop,
        })
    }

    /// Id of the worker.
    pub fn id(&self) -> WorkerId {
        self.registration.info().id
    }

    /// Returns a stopper, for another thread or for signals.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Runs until it is stopped or, if it drains, until no task is left. Blocks the calling thread.
    /// Commands run as child processes, handlers on threads, and `observer` on this thread, or on
    /// another while this one waits for the file.
    ///
    /// A stopped worker asks its handlers to end, and returns once its grace time is over, even if
    /// some have not: [`Summary::left_running`] counts them. Their claims live on, on a thread that
    /// records what they return and then closes the queue, so nobody else runs their tasks before
    /// they have returned or this process has ended. Its own threads then have a second each to end:
    /// one that a disk or another process blocks is left behind, and keeps the file open meanwhile.
    ///
    /// # Errors
    /// The error that made the database or the system unusable. Its commands have been ended by
    /// then, and tasks whose outcomes could not be recorded are returned by the next worker as
    /// crashed.
    pub fn run(self, observer: &mut (impl Observer + Send)) -> Result<Summary> {
        let queue = self.queue;
        let coordination = queue.coordination();
        let sidecar = Sidecar::at(coordination.folder());
        let handlers = Arc::new(self.options.handlers);
        let inputs: Arc<dyn inputs::InputSource> = queue.clone();
        let settings = {
            let queue = Arc::clone(&queue);
            Arc::new(move || queue.settings())
        };
        let size = |number: NonZeroU32| usize::try_from(number.get()).unwrap_or(usize::MAX);
        if self.options.owns_process {
            heed_sigchld()?;
            need_descriptors(u64::from(self.options.slots.get()));
        }
        let executor = Executor::new(sidecar.clone(), coordination.location().path(), handlers)?
            .with_inputs(inputs)
            .with_settings(settings)
            .with_records(self.registration.records())
            .with_output_grace(self.options.output_grace)
            .with_shell(self.options.shell)
            .in_folder(self.options.folder);
        let waker = Arc::new(Waker::new(sidecar.clone()));
        let info = self.registration.info().clone();
        let mut host = LinuxHost::new(executor, self.registration, self.stop, sidecar, waker)?;
        if self.options.owns_process {
            host.own_process();
        }
        let (leases, keeper) = match queue.lease() {
            Some(lease) => {
                let (leases, keeper) = lease_keeper::pair(Arc::clone(&queue), lease)?;
                host.listen_to(&leases)?;
                (Some(leases), Some(keeper.start()?))
            }
            None => (None, None),
        };
        let config = Config {
            slots: size(self.options.slots),
            batch: self.options.batch.map_or(usize::MAX, size),
            drain: self.options.drain,
            halt: self.options.halt,
            grace: self.options.grace,
            ..Config::default()
        };
        let mut counting = Counting {
            summary: Summary::default(),
            observer,
        };
        let driver = Driver::new(Arc::clone(&queue), host, info.id, info.serves, config);
        let driver = driver.under_leases(leases);
        let standby = Standby::new(Arc::clone(&queue), driver, &mut counting)?;
        standby.run(|driver, result| {
            let left = driver.left_running();
            let mut unrecorded = driver.unrecorded();
            unrecorded.retain(|task| left.iter().all(|own| own.claim != task.claim));
            let given_up: Vec<Claim> = unrecorded.iter().map(|task| task.claim).collect();
            if !left.is_empty() {
                standby.report(&WorkerEvent::LeftRunning(left));
            }
            let path = queue.coordination().location().path();
            let report = |event: &WorkerEvent| standby.report(event);
            let result = judged(path, result, unrecorded, report);
            let mut closed = Ok(());
            let leave = || closed = leave(&queue, driver, keeper, &given_up);
            standby.while_known(result, leave)?;
            closed.or_else(|error| if error.may_pass() { Ok(()) } else { Err(error) })
        })?;
        drop(standby);
        Ok(counting.summary)
    }
}

/// Deregisters the worker, unless it gave up claims: then the next worker recovers it. If handlers
/// have not returned, its registration and its lease keeper live on with them.
fn leave<Q: Queue>(
    queue: &Arc<Q>,
    driver: Driver<Q, LinuxHost>,
    keeper: Option<KeeperThread>,
    given_up: &[Claim],
) -> Result<()> {
    let is_clean = given_up.is_empty();
    let (host, leases) = driver.into_host();
    let (registration, handlers) = host.into_parts();
    let Some(pool) = handlers else {
        return if is_clean {
            registration.close(&**queue)
        } else {
            Ok(())
        };
    };
    if let Some(leases) = &leases {
        leases.let_go(given_up);
    }
    let left_handlers = LeftHandlers {
        queue: Arc::clone(queue),
        pool,
        registration,
        is_clean,
        leases,
        keeper,
    };
    left_handlers.follow_on_thread();
    Ok(())
}

/// Result of a worker with these outcomes unrecorded.
fn judged(
    path: &Path,
    result: Result<()>,
    unrecorded: Vec<Unrecorded>,
    report: impl Fn(&WorkerEvent),
) -> Result<()> {
    if unrecorded.is_empty() {
        return result;
    }
    let error = match result {
        Err(error @ Error::Gone { .. }) => error,
        Ok(()) => left_behind(path, &unrecorded, None),
        Err(error) => left_behind(path, &unrecorded, Some(error)),
    };
    report(&WorkerEvent::Unrecorded(unrecorded));
    Err(error)
}

/// Error that tells why these outcomes are not in the file: it took no write, or processes are
/// alive that cannot be ended.
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

/// Sentence about tasks with processes that this user cannot end.
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
