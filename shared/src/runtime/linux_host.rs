//! Real host of a worker: the executor with its processes, the worker's registration and wake
//! socket, and the processes and locks of other workers.

use std::collections::HashMap;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::end::{Ended, Ending, Unreachable};
use super::eventfd::{clear, new_eventfd};
use super::executor::{CommandBatch, Executor, StartedBatch};
use super::host::{Host, Peer, StartResult, Sweeper};
use super::inherited::need_descriptors;
use super::lease_keeper::LeaseHandle;
use super::orphans::ProcFs;
use super::pool::Pool;
use super::protocol::Event;
use super::recover::sweep;
use super::stop::StopReceiver;
use super::stop_reason::StopReason;
use crate::claim::{Claim, ClaimedTask, WorkerId};
use crate::clock::{BootTime, Now};
use crate::error::Result;
use crate::queue::WorkerInfo;
use crate::sidecar::Sidecar;
use crate::sidecar::datagram::Signal;
use crate::sidecar::listener::ListenerSlot;
use crate::sidecar::registration::{DeadLock, Registration, origin_of};
use crate::sidecar::wakeup::Waker;

/// Tokens of the wake socket, of stop requests, of the lease keeper's eventfd and of the eventfd
/// that ends a wait.
const WAKE_TOKEN: u64 = 0;
const STOP_TOKEN: u64 = 1;
const LEASES_TOKEN: u64 = 2;
const NUDGE_TOKEN: u64 = 3;
/// Commands started together, before the worker handles other events.
const TOGETHER: usize = 16;
/// First token of another worker's process.
const FIRST_PEER_TOKEN: u64 = 4;

/// Host of a registered worker.
#[derive(Debug)]
pub(crate) struct LinuxHost {
    executor: Executor,
    registration: Registration,
    stop: StopReceiver,
    lease_eventfd: Option<Arc<OwnedFd>>,
    nudge: Arc<OwnedFd>,
    sidecar: Sidecar,
    waker: Arc<Waker>,
    listening: Option<ListenerSlot>,
    peers: HashMap<WorkerId, Watched>,
    next_token: u64,
    dead: Vec<DeadLock>,
    /// True if more slots may raise this process's limit on open files.
    owns_process: bool,
    ended: Vec<Ended>,
    ready: Vec<u64>,
}

/// Another worker that is watched.
#[derive(Debug)]
struct Watched {
    token: u64,
    /// Its process; `None` if only its lock shows its death.
    process: Option<OwnedFd>,
    /// True if its process has gone.
    gone: bool,
}

impl LinuxHost {
    /// Creates the host of a registered worker.
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
        let nudge = Arc::new(new_eventfd()?);
        executor.watch(nudge.as_fd(), NUDGE_TOKEN)?;
        Ok(Self {
            executor,
            registration,
            stop,
            lease_eventfd: None,
            nudge,
            sidecar,
            waker,
            listening: None,
            peers: HashMap::new(),
            next_token: FIRST_PEER_TOKEN,
            dead: Vec::new(),
            owns_process: false,
            ended: Vec::new(),
            ready: Vec::new(),
        })
    }

    /// Lets more slots raise this process's limit on open files.
    pub(crate) fn own_process(&mut self) {
        self.owns_process = true;
    }

    /// Ends a wait when the lease keeper sends a notice.
    ///
    /// # Errors
    /// When the system refuses to watch a descriptor.
    pub(crate) fn listen_to(&mut self, leases: &LeaseHandle) -> Result<()> {
        let eventfd = leases.eventfd();
        self.executor.watch(eventfd.as_fd(), LEASES_TOKEN)?;
        self.lease_eventfd = Some(eventfd);
        Ok(())
    }

    /// Eventfd that ends a wait.
    pub(super) fn nudge(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.nudge)
    }

    /// Returns the registration of a worker that has ended, and its handlers that have not returned.
    pub(super) fn into_parts(mut self) -> (Registration, Option<Pool>) {
        let handlers = self.executor.take_handlers();
        (self.registration, handlers)
    }

    /// Watches the process of a worker of this boot. If the system refuses, only the lock shows its
    /// death.
    fn watch(&mut self, peer: &WorkerInfo) -> Watched {
        let token = self.next_token;
        self.next_token += 1;
        let mut watched = Watched {
            token,
            process: None,
            gone: false,
        };
        // Workers in this process end with it, and one of them may end before the process does.
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
                        Signal::Stop => Event::Stop,
                        Signal::Slots(slots) => Event::Slots(slots),
                    });
                }
            }
            STOP_TOKEN => {
                for _ in 0..self.stop.received() {
                    events.push(Event::Stop);
                }
            }
            NUDGE_TOKEN => clear(&self.nudge),
            // The driver takes the notices after every wait.
            LEASES_TOKEN => {
                if let Some(eventfd) = &self.lease_eventfd {
                    clear(eventfd);
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

impl Host for LinuxHost {
    type Batch = CommandBatch;

    fn prepare(&mut self, tasks: Vec<ClaimedTask>, now: Now) -> CommandBatch {
        self.executor.prepare(tasks, now)
    }

    fn adopt(&mut self, started: StartedBatch) -> Vec<(Claim, StartResult)> {
        self.executor.adopt(started)
    }

    fn together(&self) -> usize {
        TOGETHER
    }

    fn signal(&mut self, claim: Claim, ending: Ending, reason: StopReason) {
        self.executor.signal(claim, ending, reason);
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
            // Without a slot the worker learns of ends by its poll. It does not wait for the list's
            // lock.
            let taken = ListenerSlot::try_take(&self.sidecar, self.registration.info().id);
            self.listening = taken.ok().flatten();
        }
    }

    fn wake_another(&mut self) {
        self.waker.wake_another(self.registration.parts());
    }

    fn resize(&mut self, slots: u32) -> WorkerInfo {
        if self.owns_process {
            need_descriptors(slots.into());
        }
        self.registration.resize(slots);
        self.registration.info().clone()
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
            // The other worker may not know this one yet, and is to watch it in turn.
            self.waker.wake_peer(peer.id);
        }
        let gone = self.peers.get(&peer.id).is_some_and(|peer| peer.gone);
        Ok(if gone { Peer::Taken } else { Peer::Alive })
    }

    /// Also covers workers whose process lives on after they have ended.
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
