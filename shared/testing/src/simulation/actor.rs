//! A simulated worker: the one that claims and settles, and its heart, which is an actor of its
//! own where the engine has leases. Either can be held up while the other goes on.

use queue_core::claim::WorkerId;
use queue_core::clock::BootTime;
use queue_core::internals::driver::{AnswerOf, CallOf, Driver, Turn};
use queue_core::internals::pacemaker::Pacemaker;
use queue_core::queue::Queue;

use super::faulty::Faulty;
use super::shell::SimulatedShell;

pub(super) struct SimulatedWorker<Q: Queue> {
    pub(super) id: WorkerId,
    /// The number of the process it is a thread of.
    pub(super) process: usize,
    pub(super) queue: String,
    pub(super) driver: Driver<Faulty<Q>, SimulatedShell>,
    /// A call that takes its time.
    pub(super) call: Option<SlowCall>,
    pub(super) own: Pace,
    /// Turns since it last had nothing to do.
    pub(super) busy_turns: u32,
    pub(super) heart: Option<Heart<Q>>,
}

/// A call under way.
pub(super) struct SlowCall {
    pub(super) returns_at: BootTime,
    pub(super) stage: CallStage,
}

/// How far a call has come.
pub(super) enum CallStage {
    /// It will do what it is to do at its end.
    Begun(CallOf<SimulatedShell>),
    /// It has done that, and nobody knows yet.
    Done(AnswerOf<SimulatedShell>),
}

pub(super) struct Heart<Q: Queue> {
    pub(super) pacemaker: Pacemaker<Faulty<Q>>,
    pub(super) pace: Pace,
}

/// Which half of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Half {
    Worker,
    Heart,
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
        let heart = self.heart.as_mut().map(|heart| &mut heart.pace);
        std::iter::once(&mut self.own).chain(heart)
    }

    /// Holds up one half, or both as when its process is stopped.
    pub(super) fn stop(&mut self, half: Option<Half>, until: BootTime) {
        if half != Some(Half::Heart) {
            self.own.stopped_until = Some(until);
        }
        if half != Some(Half::Worker)
            && let Some(heart) = &mut self.heart
        {
            heart.pace.stopped_until = Some(until);
        }
    }

    /// Whoever was stopped until now goes on.
    pub(super) fn go_on(&mut self, now: BootTime) {
        self.paces().for_each(|pace| pace.go_on(now));
    }

    /// Something happened, so that it looks again. The heart hears of nothing.
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
        let heart = self.heart.as_ref();
        let heart = heart.is_some_and(|heart| heart.pace.is_ready(now));
        own.into_iter().chain(heart.then_some(Half::Heart))
    }

    /// When it goes on by itself.
    pub(super) fn next(&self, now: BootTime) -> Option<BootTime> {
        let heart = self.heart.as_ref().and_then(|heart| heart.pace.next());
        let call = self.call.as_ref().map(|call| call.returns_at);
        let nexts = [self.own.next(), heart, call].into_iter().flatten();
        nexts.filter(|until| *until > now).min()
    }
}

impl<Q: Queue> Heart<Q> {
    /// Does one thing. Returns whether it did any.
    pub(super) fn turn(&mut self) -> bool {
        match self.pacemaker.turn() {
            Turn::Wait(until) => {
                self.pace.waits_until = Some(until);
                false
            }
            Turn::Busy | Turn::Finished => true,
        }
    }
}
