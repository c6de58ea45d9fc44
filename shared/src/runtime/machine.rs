//! Worker state machine: it takes in events and returns actions. It reads no clock and makes no
//! system call, so that a simulation can drive it through every interleaving.
//!
//! The driver performs all actions of a step, in order, before the next step, and passes their
//! answers as events. While an action waits for the file, [`Machine::attend`] ends executions in
//! time.

mod backoff;
mod events;
mod firing;
mod recent;
mod resize;
mod running;
mod serving;
mod stop;
mod throttle;

use std::time::Duration;

use super::execution::{Execution, Finished};
use super::protocol::{
    Action, ClaimSlots, Config, Event, LeftRunning, Step, Unrecorded, WorkerEvent,
};
use crate::claim::Claim;
use crate::clock::{BootTime, Now, SMALL_STEP_MS, Timestamp};
use crate::error::Error;
use crate::served::ServedQueues;
use backoff::Backoff;
use firing::NextFiring;
use recent::RecentOutcomes;
use running::Executions;
use serving::Serving;
use throttle::Throttle;

/// Shortest time between two claims for due tasks, should the engine's clock lag behind.
const DUE_PAUSE: Duration = Duration::from_millis(20);
/// A draining worker reports a wait for a scheduled task that is longer than this.
const LONG_WAIT: Duration = Duration::from_secs(60);
/// Interval at which the locks of other workers are tried, while their processes are watched.
const PEERS_INTERVAL: Duration = Duration::from_secs(2);
/// Pause before a dead worker's lock that another process holds is tried again.
const TAKEN_INTERVAL: Duration = Duration::from_millis(100);

/// Bytes of output kept while the file refuses writes. Beyond that no task is claimed, and of each
/// new output only the first and last [`KEPT_OF_EACH`] bytes are kept.
const MOST_KEPT_BYTES: usize = 8 << 20;
const KEPT_OF_EACH: usize = 1 << 10;

/// Worker state machine.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent flag; any combination of them occurs"
)]
pub(crate) struct Machine {
    config: Config,
    serving: Serving,
    running: Executions,
    unsettled: Vec<Finished>,
    recent: RecentOutcomes,
    /// Bytes of output in `unsettled`.
    kept_bytes: usize,
    asked: Vec<Claim>,
    asked_for: usize,
    /// True if a claim may find tasks.
    want_claim: bool,
    /// True if a write of another process may concern a running task.
    want_check: bool,
    want_review: bool,
    want_remaining: bool,
    nothing_left: bool,
    /// True once the wait for a scheduled task was reported.
    reported_wait: bool,
    /// True while a draining worker listens for tasks that end in other workers.
    listening: bool,
    /// True while the worker is marked as idle, so that others wake it.
    idle: bool,
    counter: Option<i64>,
    next_due: Option<Timestamp>,
    next_firing: NextFiring,
    /// Lead of the wall clock at the last step.
    ahead_ms: i64,
    due_from: BootTime,
    claim_backoff: Backoff,
    settle_backoff: Backoff,
    /// Delay of the next registration with the current slots; `None` if they are registered.
    to_register: Option<Backoff>,
    throttle: Throttle,
    poll_at: BootTime,
    peers_at: BootTime,
    stop: Stop,
    /// Error that ended the worker.
    error: Option<Error>,
    /// True once nothing can be recorded any more.
    unusable: bool,
    /// Error of the last call that was refused and repeated.
    refusal: Option<Error>,
    /// Time of the last step if its actions kill executions and the worker is to end.
    killed_at: Option<BootTime>,
    actions: Vec<Action>,
}

/// Phase of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    No,
    /// Tasks may finish until this time.
    Finishing {
        until: BootTime,
    },
    /// Every task is being ended. Outcomes that cannot be recorded by this time are left to
    /// recovery.
    Ending {
        give_up: BootTime,
    },
}

impl Machine {
    /// Creates the machine of a worker that has just been registered.
    pub(crate) fn new(config: Config, now: Now) -> Self {
        Self {
            config,
            serving: Serving::default(),
            running: Executions::default(),
            unsettled: Vec::new(),
            recent: RecentOutcomes::default(),
            kept_bytes: 0,
            asked: Vec::new(),
            asked_for: 0,
            want_claim: true,
            want_check: false,
            want_review: false,
            want_remaining: true,
            nothing_left: false,
            reported_wait: false,
            listening: false,
            idle: false,
            counter: None,
            next_due: None,
            next_firing: NextFiring::new(config.drain, now),
            ahead_ms: now.ahead_ms(),
            due_from: now.boot,
            claim_backoff: Backoff::default(),
            settle_backoff: Backoff::default(),
            to_register: None,
            throttle: Throttle::default(),
            poll_at: now.boot,
            peers_at: now.boot,
            stop: Stop::No,
            error: None,
            unusable: false,
            refusal: None,
            killed_at: None,
            actions: Vec::new(),
        }
    }

    /// Sets the queues that the worker serves.
    pub(crate) fn serving(self, queues: ServedQueues) -> Self {
        let serving = Serving::new(queues);
        Self { serving, ..self }
    }

    /// Takes in events and returns the actions to perform.
    pub(crate) fn step(&mut self, now: Now, events: impl IntoIterator<Item = Event>) -> Step {
        self.hear(now, events);
        let finished = self.finished(now);
        if !finished {
            self.act(now);
        }
        Step {
            actions: std::mem::take(&mut self.actions),
            wake_at: (!finished).then(|| self.wake_at(now)),
            finished,
        }
    }

    /// Takes in events while a call on the file is under way, and returns the actions that do not
    /// depend on it. `finished` is set for a worker that may not wait for the call any longer.
    pub(crate) fn attend(&mut self, now: Now, events: impl IntoIterator<Item = Event>) -> Step {
        self.hear(now, events);
        let finished = self.gives_up(now);
        Step {
            actions: std::mem::take(&mut self.actions),
            wake_at: self.deadline().filter(|_| !finished),
            finished,
        }
    }

    fn hear(&mut self, now: Now, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.take_in(now, event);
        }
        self.watch_clock(now);
        self.end_what_is_overdue(now);
        // The process may be stopped before it kills, so that another step follows at once.
        let kills = self.actions.iter().any(Action::kills);
        if kills || self.killed_at.is_some() {
            self.extend_give_up(now);
        }
        self.killed_at = (kills && self.is_ending()).then_some(now.boot);
    }

    /// Time at which the next execution has to be ended, or the worker's own time is over.
    pub(crate) fn deadline(&self) -> Option<BootTime> {
        let stop = match self.stop {
            Stop::No => None,
            Stop::Finishing { until: at } | Stop::Ending { give_up: at } => Some(at),
        };
        let executions = self.running.iter().filter_map(Execution::acts_at);
        let left = self.running.iter().filter_map(|run| self.left_at(run));
        executions
            .chain(left)
            .chain(stop)
            .chain(self.killed_at)
            .min()
    }

    /// Returns true if the worker was told to stop, or had to.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop != Stop::No
    }

    /// Returns true if the worker was told to end at once, or had to.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.stop, Stop::Ending { .. })
    }

    /// Tasks that ran here and whose outcomes are not in the file, or were in a file that is gone.
    pub(crate) fn unrecorded(&self) -> Vec<Unrecorded> {
        let unsettled = self.unsettled.iter().filter_map(Finished::unrecorded);
        self.recent
            .lost()
            .chain(unsettled)
            .chain(self.running.iter().map(Execution::unrecorded))
            .collect()
    }

    /// Tasks whose handlers have not returned.
    pub(crate) fn left_running(&self) -> Vec<LeftRunning> {
        let handlers = self.running.iter().filter(|run| run.is_handler());
        handlers.map(Execution::left_running).collect()
    }

    /// Returns true if the worker runs the task of that claim, or has yet to record its outcome.
    pub(crate) fn works_at(&self, claim: Claim) -> bool {
        self.running.contains(claim) || self.unsettled.iter().any(|done| done.claim == claim)
    }

    /// Returns true if the worker ended because no task was left for it to run.
    pub(crate) fn has_drained(&self) -> bool {
        self.config.drain && self.nothing_left && !self.is_stopping() && !self.unusable
    }

    /// Takes the error that ended the worker.
    pub(crate) fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    /// Claims after the wall clock was set back: the claim gives retries a new time.
    fn watch_clock(&mut self, now: Now) {
        let before = std::mem::replace(&mut self.ahead_ms, now.ahead_ms());
        let back = before.saturating_sub(self.ahead_ms);
        if back > SMALL_STEP_MS {
            self.want_claim = true;
            self.next_firing.ask();
            let by = Duration::from_millis(back.unsigned_abs());
            self.actions
                .push(Action::Report(WorkerEvent::ClockSetBack { by }));
        }
    }

    fn act(&mut self, now: Now) {
        // First, so that the claim below is the only one of the step: it may fill every free slot.
        if self.due_from <= now.boot && self.next_due.is_some_and(|due| due <= now.wall) {
            self.next_due = None;
            self.want_claim = true;
        }
        if !self.unsettled.is_empty() && self.settle_backoff.until <= now.boot {
            let settlements = self.unsettled.iter().map(Finished::settlement).collect();
            // Settled tasks free their slots.
            let free = self.slots().saturating_sub(self.running.len());
            let action = match self.asks_for(now, free) {
                Some(slots) => Action::SettleAndClaim { settlements, slots },
                None => Action::Settle(settlements),
            };
            self.actions.push(action);
        }
        if self.want_review && self.claim_backoff.until <= now.boot {
            self.want_review = false;
            self.actions.push(Action::ListClaims);
        }
        if self.peers_at <= now.boot {
            self.peers_at = now.boot.after(PEERS_INTERVAL);
            self.actions.push(Action::LookAtPeers);
            // Both share one wakeup, instead of two close to each other.
            self.poll_at = now.boot;
        }
        self.register(now);
        self.check_claims();
        if self.poll_at <= now.boot {
            self.poll_at = now.boot.after(self.config.poll);
            self.recent.asked(now.boot);
            self.actions.push(Action::ReadCounter);
        }
        if !self.is_stopping() && self.next_firing.is_due(now) {
            self.actions.push(Action::Fire);
        }
        let before = self.slots();
        if self.throttle.grow(now, self.config.slots) {
            self.actions.push(Action::Report(WorkerEvent::Sufficient));
        }
        self.want_claim |= self.serving.is_left() && self.slots() > before;
        if let Some(slots) = self.asks_for(now, self.free()) {
            self.actions.push(Action::Claim(slots));
        } else if self.config.drain && self.want_remaining && self.is_out_of_work() {
            self.want_remaining = false;
            self.actions.push(Action::CheckRemaining);
        }
    }

    fn check_claims(&mut self) {
        if std::mem::take(&mut self.want_check) && !self.running.is_empty() {
            self.asked = self.running.iter().map(|run| run.claim).collect();
            self.actions.push(Action::CheckClaims(self.asked.clone()));
        }
    }

    /// Slots to fill now of `free` ones; `None` if no claim is to be made.
    fn asks_for(&mut self, now: Now, free: usize) -> Option<ClaimSlots> {
        let waits = self.claim_backoff.until > now.boot || !self.throttle.allows(now);
        if !self.may_claim(free) || self.want_review || waits {
            return None;
        }
        self.want_claim = false;
        self.nothing_left = false;
        self.asked_for = free.min(self.config.batch);
        Some(self.serving.slots(self.asked_for, free, &self.running))
    }

    fn may_claim(&self, free: usize) -> bool {
        self.want_claim && !self.is_stopping() && free > 0 && !self.may_halt()
    }

    /// Number of free slots. Tasks that are not recorded yet count as running, so that no more is
    /// claimed from a database that refuses writes. If much output is kept, no slot is free.
    fn free(&self) -> usize {
        if self.keeps_much() {
            return 0;
        }
        let taken = self.running.len() + self.unsettled.len();
        self.slots().saturating_sub(taken)
    }

    fn keeps_much(&self) -> bool {
        self.kept_bytes >= MOST_KEPT_BYTES
    }

    fn slots(&self) -> usize {
        self.throttle.slots(self.config.slots)
    }

    fn is_out_of_work(&self) -> bool {
        self.running.is_empty() && self.unsettled.is_empty() && !self.want_claim
    }

    fn set_idle(&mut self, idle: bool) {
        let idle = idle && !self.is_stopping();
        if self.idle != idle {
            self.idle = idle;
            self.actions.push(Action::SetIdle(idle));
        }
    }

    fn set_listening(&mut self, listening: bool) {
        if self.listening != listening {
            self.listening = listening;
            self.actions.push(Action::Listen(listening));
        }
    }

    /// Handles a refused call. It is repeated if it may succeed later; any other error ends the
    /// worker.
    fn refused(&mut self, now: Now, error: Error) {
        self.recent.refused(&error);
        if error.may_pass() {
            self.actions.push(Action::Report(WorkerEvent::Refused {
                message: error.fact(),
                remedy: error.remedy(),
            }));
            self.refusal = Some(error);
            return;
        }
        if matches!(error, Error::Gone { .. }) {
            return self.stop_for(now, error);
        }
        self.unusable = true;
        self.error.get_or_insert(error);
        self.end_all(now);
    }

    fn wake_at(&self, now: Now) -> BootTime {
        let mut wake_at = self.poll_at.min(self.peers_at);
        let mut sooner = |at: Option<BootTime>| wake_at = at.map_or(wake_at, |at| at.min(wake_at));
        // A deadline that has passed is not waited for again while a handler does not end.
        sooner(self.deadline().filter(|at| *at > now.boot));
        sooner(self.killed_at);
        sooner((!self.unsettled.is_empty()).then_some(self.settle_backoff.until));
        let asks = self.may_claim(self.free()) || self.want_review;
        sooner(asks.then_some(self.claim_backoff.until));
        sooner(self.throttle.next(now));
        sooner(self.to_register.map(|backoff| backoff.until));
        let due = self.next_due.filter(|_| !self.is_stopping());
        sooner(due.map(|due| now.until(due).max(self.due_from)));
        let firing = self.next_firing.wake_at(now);
        sooner(firing.filter(|_| !self.is_stopping()));
        wake_at
    }
}

#[cfg(test)]
mod tests;
