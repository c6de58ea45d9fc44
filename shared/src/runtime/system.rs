//! The real system around a worker: the executor with its processes, the worker's registration,
//! its wake socket, and the other workers' processes and locks.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::event::Timespec;
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::end::{Ended, Ending, Unreachable};
use super::eventfd::{new_bell, silence};
use super::executor::{Commands, Executor, Started};
use super::inputs;
use super::orphans::{Found, OrphanEnd, ProcFs, Processes, Search};
use super::overdue::Overdue;
use super::pacemaker::Pulse;
use super::protocol::Event;
use super::recovery::{Recovered, Recovery, RecoveryAction, RecoveryAnswer, Sweep};
use super::shell::{Peer, Shell, StartResult, Sweeper};
use super::stop::StopReceiver;
use crate::claim::{Claim, ClaimedTask, WorkerId};
use crate::clock::{BootTime, Now};
use crate::coordination::Origin;
use crate::error::{Error, Result, is_shortage};
use crate::queue::{Queue, WorkerInfo};
use crate::sidecar::Sidecar;
use crate::sidecar::listener::Place;
use crate::sidecar::records::{self, CommandRecord, Namespace, RecordFile};
use crate::sidecar::registration::{DeadLock, Registration, origin_of};
use crate::sidecar::wakeup::{Signal, Waker};

/// What the executor calls the wake socket, the requests to stop, the heart's bell and the one that
/// ends a wait.
const WAKE_TOKEN: u64 = 0;
const STOP_TOKEN: u64 = 1;
const HEART_TOKEN: u64 = 2;
const NUDGE_TOKEN: u64 = 3;
/// Commands started before anything else is looked at.
const TOGETHER: usize = 16;
/// Other workers' processes are counted from here.
const FIRST_PEER_TOKEN: u64 = 4;

/// The system as the worker registered with it sees it.
#[derive(Debug)]
pub(crate) struct System {
    executor: Executor,
    registration: Registration,
    stop: StopReceiver,
    bell: Option<Arc<OwnedFd>>,
    nudge: Arc<OwnedFd>,
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
    pub(crate) fn new(
        mut executor: Executor,
        registration: Registration,
        stop: StopReceiver,
        sidecar: Sidecar,
        waker: Arc<Waker>,
    ) -> Result<Self> {
        executor.watch(registration.socket(), WAKE_TOKEN)?;
        executor.watch(stop.as_fd(), STOP_TOKEN)?;
        let nudge = Arc::new(new_bell()?);
        executor.watch(nudge.as_fd(), NUDGE_TOKEN)?;
        Ok(Self {
            executor,
            registration,
            stop,
            bell: None,
            nudge,
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
    pub(crate) fn listen_to(&mut self, pulse: &Pulse) -> Result<()> {
        let bell = pulse.bell();
        self.executor.watch(bell.as_fd(), HEART_TOKEN)?;
        self.bell = Some(bell);
        Ok(())
    }

    /// A bell that ends a wait.
    pub(super) fn nudge(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.nudge)
    }

    /// The worker's registration, to be closed after it has ended.
    pub(crate) fn into_registration(self) -> Registration {
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
            NUDGE_TOKEN => silence(&self.nudge),
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
    type Batch = Commands;

    fn prepare(&mut self, tasks: Vec<ClaimedTask>, now: Now) -> Commands {
        self.executor.prepare(tasks, now)
    }

    fn adopt(&mut self, started: Started) -> Vec<(Claim, StartResult)> {
        self.executor.adopt(started)
    }

    fn together(&self) -> usize {
        TOGETHER
    }

    fn signal(&mut self, claim: Claim, ending: Ending) {
        self.executor.signal(claim, ending);
    }

    fn cannot_end(&self, claims: &[Claim]) -> Vec<Unreachable> {
        self.executor.cannot_end(claims)
    }

    fn set_idle(&mut self, idle: bool) {
        self.registration.set_idle(idle);
    }

    fn set_listening(&mut self, listening: bool) {
        self.listening = None;
        if listening {
            // Without a place the slow poll tells; a worker waits for nobody who has the list.
            let taken = Place::try_take(&self.sidecar, self.registration.info().id);
            self.listening = taken.ok().flatten();
        }
    }

    fn pass_on(&mut self) {
        self.waker.wake(1);
    }

    fn look_at(&mut self, peer: &WorkerInfo) -> Result<Peer> {
        if let Some(lock) = DeadLock::take(&self.sidecar, peer.id)? {
            self.forget(peer.id);
            let origin = origin_of(&self.sidecar, peer)?;
            self.dead.push(lock);
            return Ok(Peer::Dead { origin });
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

    fn sweeper(&mut self) -> Sweeper {
        let sidecar = self.sidecar.clone();
        Sweeper::new(move |search, now| sweep(&ProcFs, &sidecar, search, now))
    }

    fn release(&mut self, dead: WorkerId, keep_files: bool) {
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
        let unreachable = self.executor.take_unreachable().into_iter();
        events.extend(unreachable.map(Event::Unreachable));
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
/// When the system does not list processes, or refuses to read what their worker recorded.
pub(crate) fn sweep(
    processes: &impl Processes,
    sidecar: &Sidecar,
    search: &mut Search,
    now: Now,
) -> Result<Sweep> {
    let commands = recorded(sidecar, search.claims())?;
    let scan = search
        .scan(processes, &commands, now.boot)
        .map_err(|error| Error::io("cannot list processes", error))?;
    complete(sidecar, &commands, &scan.found, now);
    let mut sweep = Sweep {
        hidden: scan.hidden,
        ..Sweep::default()
    };
    for found in scan.found {
        match processes.end(&found.process) {
            OrphanEnd::Killed => sweep.signalled.push(found),
            OrphanEnd::Gone => {}
            OrphanEnd::Refused(error) if is_shortage(&error) => {
                return Err(Error::io("cannot end a process", error));
            }
            OrphanEnd::Refused(_) => sweep.unreachable.push(found),
        }
    }
    Ok(sweep)
}

/// Notes which sessions are those of commands whose worker was killed between their start and their
/// record, before anything is ended: what is left of one is found by its session later.
fn complete(sidecar: &Sidecar, commands: &[CommandRecord], found: &[Found], now: Now) {
    for command in commands.iter().filter(|one| one.process.is_none()) {
        let leads =
            |one: &&Found| one.claim == command.claim && one.process.pid == one.process.session;
        // What it started in sessions of their own began later.
        let leader = found
            .iter()
            .filter(leads)
            .min_by_key(|one| one.process.started);
        if let Some(leader) = leader {
            records::complete(sidecar, command.claim, leader.process.pid, now.boot);
        }
    }
}

/// The processes of a dead worker's claims that are alive and that this user cannot end. Nothing is
/// done to them.
///
/// # Errors
/// As [`sweep`].
pub(crate) fn unreachable(sidecar: &Sidecar, claims: Vec<Claim>, now: Now) -> Result<Vec<Found>> {
    let commands = recorded(sidecar, &claims)?;
    let mut search = Search::new(claims, now.boot);
    let scan = search
        .scan(&ProcFs, &commands, now.boot)
        .map_err(|error| Error::io("cannot list processes", error))?;
    let mut found = scan.found;
    found.retain(|one| !ProcFs.is_reachable(&one.process));
    Ok(found)
}

/// What the workers of these claims recorded, as far as process ids mean the same here.
fn recorded(sidecar: &Sidecar, claims: &[Claim]) -> Result<Vec<CommandRecord>> {
    let mut workers: Vec<WorkerId> = claims.iter().map(|claim| claim.worker).collect();
    workers.sort_unstable();
    workers.dedup();
    let own = Namespace::own()?;
    let mut commands = Vec::new();
    for worker in workers {
        if let Some(file) = RecordFile::read(sidecar, worker)?
            && file.namespace == own
        {
            commands.extend(file.commands);
        }
    }
    Ok(commands)
}

/// Recovers every worker that is dead and that nobody else recovers, without being a worker.
///
/// # Errors
/// As [`Queue::workers`] and [`Queue::reap`], and when the system refuses a lock or does not list
/// processes.
pub fn recover_once<Q: Queue>(queue: &Q) -> Result<Vec<Recovered>> {
    let sidecar = Sidecar::at(queue.coordination().folder());
    let mut recovered = Vec::new();
    for worker in queue.workers()? {
        if let Some(lock) = DeadLock::take(&sidecar, worker.id)? {
            let origin = queue.coordination().origin_of(&worker)?;
            recovered.push(recover_locked(queue, lock, origin)?);
        }
    }
    inputs::Source::sweep(queue)?;
    Ok(recovered)
}

/// Recovers a worker whose lock the caller took; its files go with its last task.
///
/// # Errors
/// As [`recover_once`].
pub(crate) fn recover_locked<Q: Queue>(
    queue: &Q,
    lock: DeadLock,
    origin: Origin,
) -> Result<Recovered> {
    let sidecar = Sidecar::at(queue.coordination().folder());
    let recovery = Recovery::new(lock.worker(), origin, queue.now());
    let recovered = recover(queue, &sidecar, recovery)?;
    if recovered.kept.is_empty() {
        lock.remove(&sidecar);
    }
    Ok(recovered)
}

/// Recovers a worker that the caller knows to be dead, with processes of `further` claims of its that
/// the file does not tell of. Its records are beside `sidecar`.
///
/// # Errors
/// As [`recover_once`].
pub(crate) fn recover_dead<Q: Queue>(
    queue: &Q,
    sidecar: &Sidecar,
    (worker, origin): (WorkerId, Origin),
    further: Vec<Claim>,
) -> Result<Recovered> {
    let recovery = Recovery::new(worker, origin, queue.now()).and_of(further);
    recover(queue, sidecar, recovery)
}

/// Returns claims whose lease has run out, after their processes were ended. Where there are any, that
/// takes a third of the lease: their workers may yet extend them.
///
/// # Errors
/// As [`recover_once`], and when the file takes no write.
pub(crate) fn recover_expired<Q: Queue>(queue: &Q) -> Result<Vec<Recovered>> {
    let mut of_worker: BTreeMap<WorkerId, Vec<Claim>> = BTreeMap::new();
    for claim in long_overdue(queue)? {
        of_worker.entry(claim.worker).or_default().push(claim);
    }
    let sidecar = Sidecar::at(queue.coordination().folder());
    let recover = |(worker, claims)| {
        let recovery = Recovery::of_expired(worker, claims, queue.now());
        recover(queue, &sidecar, recovery)
    };
    of_worker.into_iter().map(recover).collect()
}

/// The claims that are overdue, once that is known of each.
fn long_overdue<Q: Queue>(queue: &Q) -> Result<Vec<Claim>> {
    let mut overdue = Overdue::new(queue.lease().unwrap_or_default());
    loop {
        let found = queue.expired()?;
        let over = overdue.found(&found);
        if over.len() == found.len() {
            return Ok(over);
        }
        let began = queue.now().boot;
        queue.probe(&found)?;
        let now = queue.now();
        overdue.wrote(began, now.boot);
        sleep(now, overdue.look_at().unwrap_or(now.boot));
    }
}

/// Waits until then, unless interrupted.
fn sleep(now: Now, until: BootTime) {
    let pause = until.since(now.boot);
    let timeout = Timespec {
        tv_sec: pause.as_secs().try_into().unwrap_or(i64::MAX),
        tv_nsec: pause.subsec_nanos().into(),
    };
    let _ = rustix::event::poll(&mut [], Some(&timeout));
}

fn recover<Q: Queue>(queue: &Q, sidecar: &Sidecar, mut recovery: Recovery) -> Result<Recovered> {
    let dead = recovery.worker();
    loop {
        let now = queue.now();
        let answer = match recovery.next(now) {
            RecoveryAction::ListClaims => RecoveryAnswer::Listed(queue.claims_of(dead)),
            RecoveryAction::Sweep if !recovery.is_sure(queue, now) => continue,
            RecoveryAction::Sweep => {
                RecoveryAnswer::Swept(Ok(sweep(&ProcFs, sidecar, recovery.search(), now)?))
            }
            RecoveryAction::Reap => RecoveryAnswer::Reaped(match recovery.expired() {
                Some(claims) => queue.expire(&claims),
                None => queue.reap_except(dead, recovery.kept()),
            }),
            RecoveryAction::Release => return recovery.into_result(),
            RecoveryAction::Wait(until) => {
                // Interrupted or not, the machine says what to do next.
                sleep(now, until);
                continue;
            }
        };
        // Whoever is told of it tries again.
        if let RecoveryAnswer::Reaped(Err(error @ Error::Shortage { .. })) = answer {
            return Err(error);
        }
        recovery.answer(queue.now(), answer);
    }
}
