//! A simulated worker: the one that claims and settles, and its keeper, which is an actor of its
//! own where the engine has leases. Either can be held up while the other goes on.

use queue_core::claim::WorkerId;
use queue_core::clock::BootTime;
use queue_core::internals::driver::{AnswerOf, CallOf, Driver, Turn};
use queue_core::internals::lease_keeper::LeaseKeeper;
use queue_core::queue::Queue;

use super::faulty::Faulty;
use super::host::SimulatedHost;

pub(super) struct SimulatedWorker<Q: Queue> {
    pub(super) id: WorkerId,
    /// The number of the process it is a thread of.
    pub(super) process: usize,
    pub(super) queue: String,
    pub(super) driver: Driver<Faulty<Q>, SimulatedHost>,
    /// A call that takes its time.
    pub(super) call: Option<SlowCall>,
    pub(super) own: Pace,
    /// Turns since it last had nothing to do.
    pub(super) busy_turns: u32,
    pub(super) keeper: Option<SimulatedKeeper<Q>>,
}

/// A call under way.
pub(super) struct SlowCall {
    pub(super) returns_at: BootTime,
    pub(super) stage: CallStage,
}

/// How far a call has come.
pub(super) enum CallStage {
    /// It will do what it is to do at its end.
    Begun(CallOf<SimulatedHost>),
    /// It has done that, and nobody knows yet.
    Done(AnswerOf<SimulatedHost>),
}

pub(super) struct SimulatedKeeper<Q: Queue> {
    pub(super) keeper: LeaseKeeper<Faulty<Q>>,
    pub(super) pace: Pace,
}

/// Which half of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Worker,
    LeaseKeeper,
}

/// What keeps an actor from its next turn.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    pub(super) stopped_until: Option<BootTime>,
    /// It has nothing to do until then, or until something happens.
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

    /// Holds up one half, or both as when its process is stopped.
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

    /// Whoever was stopped until now goes on.
    pub(super) fn go_on(&mut self, now: BootTime) {
        self.paces().for_each(|pace| pace.go_on(now));
    }

    /// Something happened, so that it looks again. The keeper hears of nothing.
    pub(super) fn wake(&mut self) {
        self.own.waits_until = None;
    }

    /// Which halves could do something; `ended` are the workers with executions that have.
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

    /// When it goes on by itself.
    pub(super) fn next(&self, now: BootTime) -> Option<BootTime> {
        let keeper = self.keeper.as_ref().and_then(|keeper| keeper.pace.next());
        let call = self.call.as_ref().map(|call| call.returns_at);
        let nexts = [self.own.next(), keeper, call].into_iter().flatten();
        nexts.filter(|until| *until > now).min()
    }
}

impl<Q: Queue> SimulatedKeeper<Q> {
    /// Does one thing. Returns whether it did any.
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
