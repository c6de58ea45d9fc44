//! The worker as a pure machine: it is told what happened and says what to do. It reads no clock
//! and touches no system, so that a simulation can drive it through every interleaving.
//!
//! Whoever drives it performs all actions of a step, in order, before the next step, and hands
//! their answers back as events. While one of those actions waits for the file, what happens
//! meanwhile is attended to: [`Machine::attend`] ends what is to be ended and asks the file nothing.

mod answers;
mod lately;
mod throttle;

use std::time::Duration;

use super::end::Ending;
use super::execution::{Cause, Execution, Finished};
use super::protocol::{Action, Config, Event, Step, Unrecorded, WorkerEvent};
use crate::claim::Claim;
use crate::clock::{BootTime, Now, SMALL_STEP_MS, Timestamp};
use crate::error::Error;
use lately::Lately;
use throttle::Throttle;

/// The first delay after a refused write; it doubles up to [`LONGEST_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_millis(20);
const LONGEST_BACKOFF: Duration = Duration::from_secs(1);
/// The shortest time between two claims for tasks whose time has come, should the engine's clock
/// lag behind the worker's.
const DUE_PAUSE: Duration = Duration::from_millis(20);
/// A draining worker that waits longer than this for a task's time says so.
const LONG_WAIT: Duration = Duration::from_secs(60);
/// How often the other workers' locks are tried, beside watching their processes.
const PEERS_INTERVAL: Duration = Duration::from_secs(2);
/// How soon the lock of a worker that died is tried again if somebody else holds it.
const TAKEN_INTERVAL: Duration = Duration::from_millis(100);
/// How long a worker told to end at once goes on trying to record what it ran, at most.
const LAST_WRITES: Duration = Duration::from_secs(5);
/// The part of that which a grace time, however short, does not take away.
const LEAST_WRITES: Duration = Duration::from_secs(1);

/// Bytes of output that are kept while the file does not take them. Beyond that no task is claimed, and
/// of each output that comes [`KEPT_OF_EACH`] bytes are kept from its beginning and from its end.
const MOST_KEPT_BYTES: usize = 8 << 20;
const KEPT_OF_EACH: usize = 1 << 10;

/// A worker's mind.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a wish or a mark of its own; any combination of them occurs"
)]
pub(crate) struct Machine {
    config: Config,
    running: Vec<Execution>,
    unsettled: Vec<Finished>,
    lately: Lately,
    /// Bytes of output in these.
    kept_bytes: usize,
    asked: Vec<Claim>,
    asked_for: usize,
    /// A claim may find something.
    want_claim: bool,
    /// What somebody wrote may concern a running task.
    want_word: bool,
    want_review: bool,
    want_rest: bool,
    nothing_left: bool,
    /// What it waits for was said.
    told_of_wait: bool,
    /// Draining, it is told when tasks end elsewhere: the last one may.
    listening: bool,
    /// The mark that makes others wake this worker is set.
    idle: bool,
    counter: Option<i64>,
    next_due: Option<Timestamp>,
    /// How far the wall clock was ahead at the last step.
    ahead_ms: i64,
    due_from: BootTime,
    claim_backoff: Backoff,
    settle_backoff: Backoff,
    throttle: Throttle,
    poll_at: BootTime,
    peers_at: BootTime,
    stop: Stop,
    /// What ended the worker.
    error: Option<Error>,
    /// Nothing can be recorded any more.
    unusable: bool,
    /// The last call that was refused and repeated.
    refusal: Option<Error>,
    actions: Vec<Action>,
}

/// How far a request to stop has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    No,
    /// Tasks may finish until then.
    Finishing {
        until: BootTime,
    },
    /// Every task is being ended; outcomes that cannot be recorded by then are left to recovery.
    Ending {
        give_up: BootTime,
    },
}

#[derive(Clone, Copy, Debug, Default)]
struct Backoff {
    delay: Duration,
    until: BootTime,
}

impl Backoff {
    fn refused(&mut self, now: Now) {
        self.delay = (self.delay * 2).clamp(FIRST_BACKOFF, LONGEST_BACKOFF);
        self.until = now.boot.after(self.delay);
    }
    fn over(&mut self) {
        *self = Self::default();
    }
}

impl Machine {
    /// A worker that has just been registered.
    pub(crate) fn new(config: Config, now: Now) -> Self {
        Self {
            config,
            running: Vec::new(),
            unsettled: Vec::new(),
            lately: Lately::default(),
            kept_bytes: 0,
            asked: Vec::new(),
            asked_for: 0,
            want_claim: true,
            want_word: false,
            want_review: false,
            want_rest: true,
            nothing_left: false,
            told_of_wait: false,
            listening: false,
            idle: false,
            counter: None,
            next_due: None,
            ahead_ms: now.ahead_ms(),
            due_from: now.boot,
            claim_backoff: Backoff::default(),
            settle_backoff: Backoff::default(),
            throttle: Throttle::default(),
            poll_at: now.boot,
            peers_at: now.boot,
            stop: Stop::No,
            error: None,
            unusable: false,
            refusal: None,
            actions: Vec::new(),
        }
    }

    /// Takes in what happened and says what to do.
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

    /// Takes in what happened while a call on the file is under way, and says what need not wait
    /// for it. Finished is a worker that may not wait for it any longer.
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
    }

    /// When an execution is to be ended at the latest, or the worker's own time is over.
    pub(crate) fn deadline(&self) -> Option<BootTime> {
        let stop = match self.stop {
            Stop::No => None,
            Stop::Finishing { until: at } | Stop::Ending { give_up: at } => Some(at),
        };
        let executions = self.running.iter().filter_map(Execution::acts_at);
        executions.chain(stop).min()
    }

    /// Whether the worker was told to stop, or had to.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop != Stop::No
    }

    /// Whether the worker was told to end at once, or had to.
    pub(crate) fn is_ending(&self) -> bool {
        matches!(self.stop, Stop::Ending { .. })
    }

    /// What ran here and is not in the file, or in one that was taken away.
    pub(crate) fn unrecorded(&self) -> Vec<Unrecorded> {
        let unsettled = self.unsettled.iter().filter_map(Finished::unrecorded);
        self.lately
            .lost()
            .chain(unsettled)
            .chain(self.running.iter().map(Execution::unrecorded))
            .collect()
    }

    /// Whether the worker runs the task of that claim, or is about to record how it ended.
    pub(crate) fn works_at(&self, claim: Claim) -> bool {
        let running = self.running.iter().map(|run| run.claim);
        let unsettled = self.unsettled.iter().map(|done| done.claim);
        running.chain(unsettled).any(|own| own == claim)
    }

    /// Whether the worker ended because nothing was left for it to run.
    pub(crate) fn has_drained(&self) -> bool {
        self.config.drain && self.nothing_left && !self.is_stopping() && !self.unusable
    }

    /// What ended the worker before its time.
    pub(crate) fn take_error(&mut self) -> Option<Error> {
        self.error.take()
    }

    /// Where the wall clock was set back, a claim gives retries a new time.
    fn watch_clock(&mut self, now: Now) {
        let before = std::mem::replace(&mut self.ahead_ms, now.ahead_ms());
        let back = before.saturating_sub(self.ahead_ms);
        if back > SMALL_STEP_MS {
            self.want_claim = true;
            let by = Duration::from_millis(back.unsigned_abs());
            self.actions
                .push(Action::Report(WorkerEvent::ClockSetBack { by }));
        }
    }

    fn stop(&mut self, now: Now) {
        self.stop = match self.stop {
            Stop::No => {
                self.set_idle(false);
                // A wake this worker took and will not act on belongs to another.
                self.actions.push(Action::PassOn);
                let until = now
                    .boot
                    .after(self.config.grace.saturating_sub(self.last_grace()));
                Stop::Finishing { until }
            }
            Stop::Finishing { .. } | Stop::Ending { .. } => {
                self.end_all(now);
                self.stop
            }
        };
        self.actions.push(Action::Report(WorkerEvent::Stopping {
            running: self.running.len(),
            at_once: !matches!(self.stop, Stop::Finishing { .. }),
        }));
    }

    /// The part of the grace time that lies between TERM and KILL when the worker stops.
    fn last_grace(&self) -> Duration {
        (self.config.grace / 2).min(Duration::from_secs(2))
    }

    fn end_what_is_overdue(&mut self, now: Now) {
        if let Stop::Finishing { until } = self.stop
            && until <= now.boot
        {
            let kill_at = now.boot.after(self.last_grace());
            let give_up = kill_at.after(self.last_writes());
            self.stop = Stop::Ending { give_up };
            for execution in &mut self.running {
                self.actions
                    .extend(execution.terminate(Cause::Stop, now, kill_at));
            }
        }
        let kill_at = now.boot.after(self.config.grace);
        let mut killed = false;
        for execution in &mut self.running {
            let action = execution.overdue(now, kill_at);
            killed |=
                matches!(&action, Some(Action::Signal { ending, .. }) if *ending == Ending::Kill);
            self.actions.extend(action);
        }
        // A worker that was stopped itself may send it late.
        if killed {
            self.put_off(now);
        }
    }

    /// Nothing is left to recovery that was never tried to be recorded.
    fn put_off(&mut self, now: Now) {
        let later = now.boot.after(self.last_writes());
        if let Stop::Ending { give_up } = &mut self.stop {
            *give_up = later.max(*give_up);
        }
    }

    /// How long the outcomes of what was ended may take to be recorded.
    fn last_writes(&self) -> Duration {
        self.config
            .grace
            .saturating_add(LEAST_WRITES)
            .min(LAST_WRITES)
    }

    fn gives_up(&self, now: Now) -> bool {
        matches!(self.stop, Stop::Ending { give_up } if give_up <= now.boot)
    }

    fn finished(&mut self, now: Now) -> bool {
        let gives_up = self.gives_up(now);
        // A handler is not left behind: it would run on beside whoever has its task next.
        if self.running.iter().any(|run| !gives_up || run.is_handler()) {
            return false;
        }
        if gives_up && !(self.unsettled.is_empty() && self.running.is_empty()) {
            self.unusable = true;
            self.error = self.error.take().or(self.refusal.take());
        }
        let ends = self.is_stopping() || (self.config.drain && self.nothing_left);
        self.unusable || (ends && self.unsettled.is_empty() && !self.want_review)
    }

    fn act(&mut self, now: Now) {
        if !self.unsettled.is_empty() && self.settle_backoff.until <= now.boot {
            let settlements = self.unsettled.iter().map(Finished::settlement).collect();
            // What is recorded leaves its slots.
            let free = self.slots().saturating_sub(self.running.len());
            let action = match self.asks_for(now, free) {
                Some(limit) => Action::SettleAndClaim { settlements, limit },
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
            // One wake for both, or every second one would be a wake of its own.
            self.poll_at = now.boot;
        }
        self.ask_after_claims();
        if self.poll_at <= now.boot {
            self.poll_at = now.boot.after(self.config.poll);
            self.lately.asked(now.boot);
            self.actions.push(Action::ReadCounter);
        }
        if self.due_from <= now.boot && self.next_due.is_some_and(|due| due <= now.wall) {
            self.next_due = None;
            self.want_claim = true;
        }
        if self.throttle.grow(now, self.config.slots) {
            self.actions.push(Action::Report(WorkerEvent::Sufficient));
        }
        if let Some(limit) = self.asks_for(now, self.free()) {
            self.actions.push(Action::Claim { limit });
        } else if self.config.drain && self.want_rest && self.at_rest() {
            self.want_rest = false;
            self.actions.push(Action::LookForRest);
        }
    }

    fn ask_after_claims(&mut self) {
        if std::mem::take(&mut self.want_word) && !self.running.is_empty() {
            self.asked = self.running.iter().map(|run| run.claim).collect();
            self.actions.push(Action::AskAfter(self.asked.clone()));
        }
    }

    /// How many tasks to claim now for so many free slots; `None` if no claim is to be made.
    fn asks_for(&mut self, now: Now, free: usize) -> Option<usize> {
        let waits = self.claim_backoff.until > now.boot || !self.throttle.allows(now);
        if !self.may_claim(free) || self.want_review || waits {
            return None;
        }
        self.want_claim = false;
        self.nothing_left = false;
        self.asked_for = free.min(self.config.batch);
        Some(self.asked_for)
    }

    fn may_claim(&self, free: usize) -> bool {
        self.want_claim && !self.is_stopping() && free > 0
    }

    /// Slots without a task; what is not recorded yet still counts, so that a database that
    /// refuses to record is not asked for more, and as much output as is kept for it leaves none free.
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

    fn at_rest(&self) -> bool {
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

    /// A call that failed is repeated if it may succeed later; anything else ends the worker. A
    /// file that is being promoted still takes the outcomes of what was claimed before.
    fn refused(&mut self, now: Now, error: Error) {
        self.lately.refused(&error);
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

    /// Stops as a request would, because of something that what runs is not to blame for.
    fn stop_for(&mut self, now: Now, error: Error) {
        self.error.get_or_insert(error);
        if !self.is_stopping() {
            self.stop(now);
        }
    }

    /// Kills what runs; what is left to record is tried for a while.
    fn end_all(&mut self, now: Now) {
        self.set_idle(false);
        for execution in &mut self.running {
            self.actions.extend(execution.kill(Cause::Stop, now));
        }
        let give_up = now.boot.after(self.last_writes());
        self.stop = Stop::Ending { give_up };
    }

    fn wake_at(&self, now: Now) -> BootTime {
        let mut wake_at = self.poll_at.min(self.peers_at);
        let mut sooner = |at: Option<BootTime>| wake_at = at.map_or(wake_at, |at| at.min(wake_at));
        // A time that is over is waited for no more, where a handler does not end.
        sooner(self.deadline().filter(|at| *at > now.boot));
        sooner((!self.unsettled.is_empty()).then_some(self.settle_backoff.until));
        let asks = self.may_claim(self.free()) || self.want_review;
        sooner(asks.then_some(self.claim_backoff.until));
        sooner(self.throttle.next(now));
        let due = self.next_due.filter(|_| !self.is_stopping());
        sooner(due.map(|due| {
            let ahead = u64::try_from(due.since(now.wall)).unwrap_or(0);
            now.boot
                .after(Duration::from_millis(ahead))
                .max(self.due_from)
        }));
        wake_at
    }
}

#[cfg(test)]
mod tests;
