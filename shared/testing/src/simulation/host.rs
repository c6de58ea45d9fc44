//! Host of a simulated worker: its registration and the locks of dead workers are real, its
//! processes are simulated.

use std::sync::Arc;

use super::Plant;
use super::world::Shared;
use crate::conformance::ManualClock;
use queue_core::claim::{Claim, ClaimedTask, WorkerId};
use queue_core::clock::{BootTime, Clock, Now};
use queue_core::coordination::Origin;
use queue_core::error::Result;
use queue_core::internals::executor::{Ending, Unreachable};
use queue_core::internals::host::{Batch, Host, Peer, StartResult, Sweeper};
use queue_core::internals::listener::ListenerSlot;
use queue_core::internals::protocol::Event;
use queue_core::internals::registration::DeadLock;
use queue_core::queue::WorkerInfo;
use queue_core::runtime::StopReason;
use queue_core::sidecar::Registration;
use queue_core::sidecar::Sidecar;
use queue_core::sidecar::{Signal, Waker};

#[derive(Debug)]
pub(super) struct SimulatedHost {
    pub(super) registration: Registration,
    pub(super) world: Shared,
    pub(super) clock: Arc<ManualClock>,
    pub(super) sidecar: Sidecar,
    pub(super) waker: Arc<Waker>,
    pub(super) listening: Option<ListenerSlot>,
    pub(super) greeted: Vec<WorkerId>,
    pub(super) dead: Vec<DeadLock>,
    pub(super) stops: u32,
}

impl SimulatedHost {
    fn id(&self) -> WorkerId {
        self.registration.info().id
    }
}

/// Tasks to be started in the world.
#[derive(Debug)]
pub(super) struct Ready {
    tasks: Vec<ClaimedTask>,
    world: Shared,
    clock: Arc<ManualClock>,
}

impl Batch for Ready {
    type Started = Vec<(Claim, StartResult)>;

    fn is_quick(&self) -> bool {
        false
    }

    fn start(self) -> Self::Started {
        let now = self.clock.now();
        let mut world = self.world.lock();
        let start = |task: &ClaimedTask| {
            let started = world.start(task, now).map(|()| now.boot);
            (task.claim, started)
        };
        self.tasks.iter().map(start).collect()
    }
}

impl Host for SimulatedHost {
    type Batch = Ready;

    fn prepare(&mut self, tasks: Vec<ClaimedTask>, _: Now) -> Ready {
        Ready {
            tasks,
            world: self.world.clone(),
            clock: Arc::clone(&self.clock),
        }
    }

    fn adopt(&mut self, started: Vec<(Claim, StartResult)>) -> Vec<(Claim, StartResult)> {
        started
    }

    fn signal(&mut self, claim: Claim, ending: Ending, _: StopReason) {
        let now = self.clock.now().boot;
        self.world.lock().signal(claim, ending, now);
    }

    fn cannot_end(&self, _: &[Claim]) -> Vec<Unreachable> {
        Vec::new()
    }

    fn set_idle(&mut self, idle: bool) {
        self.registration.set_idle(idle);
    }

    fn set_listening(&mut self, listening: bool) {
        self.listening = None;
        if listening {
            self.listening = ListenerSlot::take(&self.sidecar, self.id()).ok();
        }
    }

    fn wake_another(&mut self) {
        self.waker.wake_another(self.registration.parts());
    }

    fn resize(&mut self, slots: u32) -> WorkerInfo {
        self.registration.resize(slots);
        self.registration.info().clone()
    }

    fn look_at(&mut self, peer: &WorkerInfo) -> Result<Peer> {
        if let Some(lock) = DeadLock::take(&self.sidecar, peer.id)? {
            self.dead.push(lock);
            let origin = Origin::Here;
            return Ok(Peer::Dead { origin });
        }
        if !self.greeted.contains(&peer.id) {
            self.greeted.push(peer.id);
            self.waker.wake_peer(peer.id);
        }
        Ok(Peer::Alive)
    }

    fn watch_only(&mut self, peers: &[WorkerInfo]) {
        self.greeted
            .retain(|id| peers.iter().any(|peer| peer.id == *id));
    }

    fn sweeper(&mut self) -> Sweeper {
        let world = self.world.clone();
        Sweeper::new(move |search, now| world.lock().sweep(search, now.boot))
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

    /// Never blocks: the simulation advances time when all workers are out of work.
    fn wait(&mut self, now: Now, _: Option<BootTime>, events: &mut Vec<Event>) -> Result<()> {
        let signals = self.registration.received();
        let mut world = self.world.lock();
        let ended = world.ended(self.id(), now.boot);
        events.extend(ended.into_iter().map(Event::Ended));
        for signal in signals {
            if !world.draining && world.chance(100) {
                continue;
            }
            match signal {
                Signal::Tasks => events.push(Event::TasksWaiting),
                Signal::Cancel => events.push(Event::CancelRequested),
                Signal::Peers => events.push(Event::PeersChanged),
                Signal::Settled => events.push(Event::TasksSettled),
                Signal::Stop => events.push(Event::Stop),
                Signal::Slots(slots) => events.push(Event::Slots(slots)),
            }
        }
        if world.has_notice(self.id()) && !world.plant(Plant::NobodyDies) {
            events.push(Event::PeersChanged);
        }
        for _ in 0..std::mem::take(&mut self.stops) {
            events.push(Event::Stop);
        }
        Ok(())
    }
}
