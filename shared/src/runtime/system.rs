//! The real system around a worker: the executor with its processes, the worker's registration,
//! its wake socket, and the other workers' processes and locks.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::Timespec;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::executor::{Ended, Ending, Executor, StartError};
use super::inputs;
use super::listener::Place;
use super::orphans::{OrphanEnd, ProcFs, Processes, Whose};
use super::pacemaker::{Pulse, silence};
use super::presence::{DeadLock, Registration, boot_id};
use super::protocol::Event;
use super::recovery::{Recovered, Recovery, RecoveryAction, RecoveryAnswer, Sweep};
use super::shell::{Peer, Shell};
use super::sidecar::Sidecar;
use super::stop::StopReceiver;
use super::wakeup::{Signal, Waker};
use crate::claim::{Claim, ClaimedTask, WorkerId};
use crate::clock::{BootTime, Now};
use crate::error::{Error, Result};
use crate::queue::{Queue, WorkerInfo};

/// What the executor calls the wake socket, the requests to stop and the heart's bell.
const WAKE_TOKEN: u64 = 0;
const STOP_TOKEN: u64 = 1;
const HEART_TOKEN: u64 = 2;
/// Commands started before anything else is looked at.
const TOGETHER: usize = 16;
/// Other workers' processes are counted from here.
const FIRST_PEER_TOKEN: u64 = 3;

/// The system as the worker registered with it sees it.
#[derive(Debug)]
pub struct System {
    executor: Executor,
    registration: Registration,
    stop: StopReceiver,
    bell: Option<Arc<OwnedFd>>,
    sidecar: Sidecar,
    waker: Arc<Waker>,
    listening: Option<Place>,
    peers: HashMap<WorkerId, Watched>,
    next_token: u64,
    dead: Vec<DeadLock>,
    ended: Vec<Ended>,
    ready: Vec<u64>,
}

/// Another worker, watched.
#[derive(Debug)]
struct Watched {
    token: u64,
    /// Its process; `None` if only its lock can tell of its death.
    process: Option<OwnedFd>,
    /// Its process has gone.
    gone: bool,
}

impl System {
    /// The system of a registered worker.
    ///
    /// # Errors
    /// When the system refuses to watch a descriptor.
    pub fn new(
        mut executor: Executor,
        registration: Registration,
        stop: StopReceiver,
        sidecar: Sidecar,
        waker: Arc<Waker>,
    ) -> Result<Self> {
        executor.watch(registration.socket(), WAKE_TOKEN)?;
        executor.watch(stop.as_fd(), STOP_TOKEN)?;
        Ok(Self {
            executor,
            registration,
            stop,
            bell: None,
            sidecar,
            waker,
            listening: None,
            peers: HashMap::new(),
            next_token: FIRST_PEER_TOKEN,
            dead: Vec::new(),
            ended: Vec::new(),
            ready: Vec::new(),
        })
    }

    /// Ends a wait once the heart has news.
    ///
    /// # Errors
    /// When the system refuses to watch a descriptor.
    pub fn listen_to(&mut self, pulse: &Pulse) -> Result<()> {
        let bell = pulse.bell();
        self.executor.watch(bell.as_fd(), HEART_TOKEN)?;
        self.bell = Some(bell);
        Ok(())
    }

    /// The worker's registration, to be closed after it has ended.
    pub fn into_registration(self) -> Registration {
        self.registration
    }

    /// Watches the process of a worker of this boot. If that cannot be done its lock alone tells.
    fn watch(&mut self, peer: &WorkerInfo) -> Watched {
        let token = self.next_token;
        self.next_token += 1;
        let mut watched = Watched {
            token,
            process: None,
            gone: false,
        };
        // The death of this process needs no watching, and ends no worker of another thread alone.
        if peer.boot_id != self.registration.info().boot_id || peer.pid == std::process::id() {
            return watched;
        }
        let Some(pid) = i32::try_from(peer.pid).ok().and_then(Pid::from_raw) else {
            return watched;
        };
        match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) if self.executor.watch(process.as_fd(), token).is_ok() => {
                watched.process = Some(process);
            }
            Err(Errno::SRCH) => watched.gone = true,
            Ok(_) | Err(_) => {}
        }
        watched
    }

    fn forget(&mut self, peer: WorkerId) {
        if let Some(watched) = self.peers.remove(&peer)
            && let Some(process) = watched.process
        {
            self.executor.unwatch(process.as_fd());
        }
    }

    fn happened(&mut self, token: u64, events: &mut Vec<Event>) {
        match token {
            WAKE_TOKEN => {
                for signal in self.registration.received() {
                    events.push(match signal {
                        Signal::Tasks => Event::TasksWaiting,
                        Signal::Cancel => Event::CancelRequested,
                        Signal::Peers => Event::PeersChanged,
                        Signal::Settled => Event::TasksSettled,
                    });
                }
            }
            STOP_TOKEN => {
                for _ in 0..self.stop.received() {
                    events.push(Event::Stop);
                }
            }
            // The driver takes the news after every wait.
            HEART_TOKEN => {
                if let Some(bell) = &self.bell {
                    silence(bell);
                }
            }
            token => {
                let executor = &mut self.executor;
                let mut peers = self.peers.values_mut();
                if let Some(peer) = peers.find(|peer| peer.token == token) {
                    peer.gone = true;
                    if let Some(process) = peer.process.take() {
                        executor.unwatch(process.as_fd());
                    }
                }
                events.push(Event::PeersChanged);
            }
        }
    }
}

impl Shell for System {
    fn start(&mut self, task: &ClaimedTask, now: Now) -> Result<(), StartError> {
        self.executor.start(task, now)
    }

    fn start_all(&mut self, tasks: Vec<ClaimedTask>, now: Now) -> Vec<(Claim, StartError)> {
        self.executor.start_all(tasks, now)
    }

    fn together(&self) -> usize {
        TOGETHER
    }

    fn signal(&mut self, claim: Claim, ending: Ending) {
        self.executor.signal(claim, ending);
    }

    fn set_idle(&mut self, idle: bool) {
        self.registration.set_idle(idle);
    }

    fn set_listening(&mut self, listening: bool) {
        self.listening = None;
        if listening {
            // Without a place the slow poll tells.
            self.listening = Place::take(&self.sidecar, self.registration.info().id).ok();
        }
    }

    fn pass_on(&mut self) {
        self.waker.wake(1);
    }

    fn look_at(&mut self, peer: &WorkerInfo) -> Result<Peer> {
        if let Some(lock) = DeadLock::take(&self.sidecar, peer.id)? {
            self.forget(peer.id);
            self.dead.push(lock);
            let this_boot = peer.boot_id == self.registration.info().boot_id;
            return Ok(Peer::Dead { this_boot });
        }
        if !self.peers.contains_key(&peer.id) {
            let watched = self.watch(peer);
            self.peers.insert(peer.id, watched);
            // It may not know of this worker yet, which it is to watch in turn.
            self.waker.wake_peer(peer.id);
        }
        let gone = self.peers.get(&peer.id).is_some_and(|peer| peer.gone);
        Ok(if gone { Peer::Taken } else { Peer::Alive })
    }

    /// A process may outlive its workers, so its end alone would not let go of them.
    fn watch_only(&mut self, peers: &[WorkerInfo]) {
        let left = |id: &&WorkerId| !peers.iter().any(|peer| peer.id == **id);
        let left: Vec<_> = self.peers.keys().filter(left).copied().collect();
        for peer in left {
            self.forget(peer);
        }
    }

    fn sweep(&mut self, whose: Whose<'_>) -> Result<Sweep> {
        sweep(&ProcFs, whose)
    }

    fn release(&mut self, dead: WorkerId, keep_files: bool) {
        // What is left is met again by the next one.
        let _ = self.executor.sweep_inputs();
        let Some(position) = self.dead.iter().position(|lock| lock.worker() == dead) else {
            return;
        };
        let lock = self.dead.swap_remove(position);
        if !keep_files {
            lock.remove(&self.sidecar);
        }
    }

    fn wait(&mut self, now: Now, until: Option<BootTime>, events: &mut Vec<Event>) -> Result<()> {
        self.executor
            .wait(now, until, &mut self.ended, &mut self.ready)?;
        events.extend(self.ended.drain(..).map(Event::Ended));
        let prepared = self.executor.take_ready().into_iter();
        events.extend(prepared.map(|task| Event::Prepared(Box::new(task))));
        let mut ready = std::mem::take(&mut self.ready);
        for token in ready.drain(..) {
            self.happened(token, events);
        }
        self.ready = ready;
        Ok(())
    }
}

/// Looks once for processes that nobody is to run any more, and ends what it finds.
///
/// # Errors
/// When the system does not list processes.
pub fn sweep(processes: &impl Processes, whose: Whose<'_>) -> Result<Sweep> {
    let scan = processes
        .marked(whose)
        .map_err(|error| Error::io("cannot list processes", error))?;
    let mut sweep = Sweep {
        signalled: Vec::new(),
        unreachable: Vec::new(),
        hidden: scan.hidden,
    };
    for found in scan.found {
        match processes.end(&found, whose) {
            OrphanEnd::Killed => sweep.signalled.push(found.pid),
            OrphanEnd::Gone => {}
            OrphanEnd::Refused(_) => sweep.unreachable.push(found.pid),
        }
    }
    Ok(sweep)
}

/// Recovers every worker that is dead and that nobody else recovers, without being a worker.
///
/// # Errors
/// As [`Queue::workers`] and [`Queue::reap`], and when the system refuses a lock or does not list
/// processes.
pub fn recover_once<Q: Queue>(queue: &Q) -> Result<Vec<Recovered>> {
    let mut recovered = Vec::new();
    let boot = boot_id()?;
    for worker in queue.workers()? {
        if let Some(lock) = DeadLock::take(queue.sidecar(), worker.id)? {
            let this_boot = worker.boot_id == boot;
            let recovery = Recovery::new(worker.id, this_boot, queue.now());
            recovered.push(recover(queue, recovery)?);
            lock.remove(queue.sidecar());
        }
    }
    inputs::Source::sweep(queue)?;
    Ok(recovered)
}

/// Recovers a worker that the caller knows to be dead. `is_local` says whether it may have left
/// processes here.
///
/// # Errors
/// As [`recover_once`].
pub fn recover_dead<Q: Queue>(queue: &Q, worker: WorkerId, is_local: bool) -> Result<Recovered> {
    recover(queue, Recovery::new(worker, is_local, queue.now()))
}

/// Returns claims whose lease has run out, after their processes were ended.
///
/// # Errors
/// As [`recover_once`].
pub fn recover_expired<Q: Queue>(queue: &Q) -> Result<Vec<Recovered>> {
    let mut of_worker: BTreeMap<WorkerId, Vec<Claim>> = BTreeMap::new();
    for claim in queue.expired()? {
        of_worker.entry(claim.worker).or_default().push(claim);
    }
    let recover =
        |(worker, claims)| recover(queue, Recovery::of_expired(worker, claims, queue.now()));
    of_worker.into_iter().map(recover).collect()
}

fn recover<Q: Queue>(queue: &Q, mut recovery: Recovery) -> Result<Recovered> {
    let dead = recovery.worker();
    loop {
        let now = queue.now();
        let answer = match recovery.next(now) {
            RecoveryAction::Sweep => RecoveryAnswer::Swept(sweep(&ProcFs, recovery.whose())?),
            RecoveryAction::Reap => RecoveryAnswer::Reaped(match recovery.expired() {
                Some(claims) => queue.expire(claims),
                None => queue.reap(dead),
            }),
            RecoveryAction::Release => return recovery.into_result(),
            RecoveryAction::Wait(until) => {
                let pause = until.since(now.boot);
                let timeout = Timespec {
                    tv_sec: pause.as_secs().try_into().unwrap_or(i64::MAX),
                    tv_nsec: pause.subsec_nanos().into(),
                };
                // Interrupted or not, the machine says what to do next.
                let _ = rustix::event::poll(&mut [], Some(&timeout));
                continue;
            }
        };
        recovery.answer(queue.now(), answer);
    }
}
