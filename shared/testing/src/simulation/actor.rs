//! Simulated worker: its main thread and, if the engine has leases, its lease keeper, a separate
//! actor. Each can be stopped while the other goes on.

use queue_core::ServedQueues;
use queue_core::claim::WorkerId;
use queue_core::clock::BootTime;
use queue_core::internals::driver::{AnswerOf, CallOf, Driver, Turn};
use queue_core::internals::lease_keeper::LeaseKeeper;
use queue_core::queue::Queue;

use super::faulty::Faulty;
use super::host::SimulatedHost;

pub(super) struct SimulatedWorker<Q: Queue> {
    pub(super) id: WorkerId,
    /// Index of the process that it is a thread of.
    pub(super) process: usize,
    pub(super) served: ServedQueues,
    pub(super) driver: Driver<Faulty<Q>, SimulatedHost>,
    /// Slow call under way.
    pub(super) call: Option<SlowCall>,
    pub(super) own: Pace,
    /// Turns since it was last out of work.
    pub(super) busy_turns: u32,
    pub(super) keeper: Option<SimulatedKeeper<Q>>,
}

/// Slow call under way.
pub(super) struct SlowCall {
    pub(super) returns_at: BootTime,
    pub(super) stage: CallStage,
}

/// Stage of a slow call.
pub(super) enum CallStage {
    /// The call is performed when it returns.
    Begun(CallOf<SimulatedHost>),
    /// The call was performed, and its answer is not known yet.
    Done(AnswerOf<SimulatedHost>),
}

pub(super) struct SimulatedKeeper<Q: Queue> {
    pub(super) keeper: LeaseKeeper<Faulty<Q>>,
    pub(super) pace: Pace,
}

/// Half of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Worker,
    LeaseKeeper,
}

/// Time of an actor's next turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    pub(super) stopped_until: Option<BootTime>,
    /// It has nothing to do until this time, or until something happens.
    pub(super) waits_until: Option<BootTime>,
}

impl Pace {
    fn is_ready(self, now: BootTime) -> bool {
        let due = self.waits_until.is_none_or(|until| until <= now);
        due && self.stopped_until.is_none()
    }

    fn go_on(&mut self, now: BootTime) {
        if self.stopped_until.is_some_and(|until| until <= now) {
            *self = Self::default();
        }
    }

    fn next(self) -> Option<BootTime> {
        self.stopped_until.or(self.waits_until)
    }
}

impl<Q: Queue> SimulatedWorker<Q> {
    fn paces(&mut self) -> impl Iterator<Item = &mut Pace> {
        let keeper = self.keeper.as_mut().map(|keeper| &mut keeper.pace);
        std::iter::once(&mut self.own).chain(keeper)
    }

    /// Stops one half, or both, as when its process is stopped.
    pub(super) fn stop(&mut self, half: Option<Half>, until: BootTime) {
        if half != Some(Half::LeaseKeeper) {
            self.own.stopped_until = Some(until);
        }
        if half != Some(Half::Worker)
            && let Some(keeper) = &mut self.keeper
        {
            keeper.pace.stopped_until = Some(until);
        }
    }

    /// Resumes the halves that were stopped until `now`.
    pub(super) fn go_on(&mut self, now: BootTime) {
        self.paces().for_each(|pace| pace.go_on(now));
    }

    /// Lets the main thread look for events. The lease keeper is not woken.
    pub(super) fn wake(&mut self) {
        self.own.waits_until = None;
    }

    /// Returns the halves that could take a turn. `ended` are the workers with ended executions.
    pub(super) fn ready(
        &self,
        now: BootTime,
        ended: &[WorkerId],
    ) -> impl Iterator<Item = Half> + use<Q> {
        let news = self.own.stopped_until.is_none() && ended.contains(&self.id);
        let returns = |call: &SlowCall| call.returns_at <= now;
        let returned = self.own.stopped_until.is_none() && self.call.as_ref().is_some_and(returns);
        let own = (news || returned || self.own.is_ready(now)).then_some(Half::Worker);
        let keeper = self.keeper.as_ref();
        let keeper = keeper.is_some_and(|keeper| keeper.pace.is_ready(now));
        own.into_iter().chain(keeper.then_some(Half::LeaseKeeper))
    }

    /// Time of its next turn without an event.
    pub(super) fn next(&self, now: BootTime) -> Option<BootTime> {
        let keeper = self.keeper.as_ref().and_then(|keeper| keeper.pace.next());
        let call = self.call.as_ref().map(|call| call.returns_at);
        let nexts = [self.own.next(), keeper, call].into_iter().flatten();
        nexts.filter(|until| *until > now).min()
    }
}

impl<Q: Queue> SimulatedKeeper<Q> {
    /// Takes one turn. Returns true if there was something to do.
    pub(super) fn turn(&mut self) -> bool {
        match self.keeper.turn() {
            Turn::Wait(until) => {
                self.pace.waits_until = Some(until);
                false
            }
            Turn::Busy | Turn::Finished => true,
        }
    }
}
