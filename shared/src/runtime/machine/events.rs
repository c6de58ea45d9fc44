//! Events of the machine: answers to its actions, and other events.

use super::super::drain::Remaining;
use super::super::end::{End, Ended, StartError};
use super::super::execution::{Execution, Finished};
use super::super::leases::LeaseNotice;
use super::super::protocol::{Action, Event, WorkerEvent};
use super::super::stop_reason::StopReason;
use super::backoff::LONGEST_BACKOFF;
use super::{DUE_PAUSE, KEPT_OF_EACH, LONG_WAIT, Machine, TAKEN_INTERVAL};
use crate::claim::{Claim, ClaimedTask, Claims, Held};
use crate::clock::Now;
use crate::error::{Error, Result};
use crate::outcome::Settled;
use crate::state::State;

impl Machine {
    pub(super) fn take_in(&mut self, now: Now, event: Event) {
        match event {
            Event::Claimed(answer) => self.claimed(now, answer),
            Event::OwnClaims(answer) => self.reviewed(now, answer),
            Event::Settled(answer) => self.settled(now, answer),
            Event::NotClaimed { unknown } => {
                self.want_claim = true;
                self.want_review |= unknown;
            }
            Event::ClaimsChecked(answer) => self.claims_checked(now, answer),
            Event::Lease(LeaseNotice::Changed(claim, held)) => self.claim_changed(now, claim, held),
            Event::Lease(LeaseNotice::Refused { message, remedy }) => {
                self.actions
                    .push(Action::Report(WorkerEvent::Refused { message, remedy }));
            }
            Event::Started { claim, at } => {
                // A task that was started meanwhile may have to be ended now.
                self.extend_give_up(now);
                let started = self.running.get_mut(claim);
                self.actions.extend(started.map(|run| run.started(at)));
            }
            Event::NotStarted { claim, error } => self.not_started(now, claim, error),
            Event::Unconfirmed(claim) => {
                if self.take_running(claim).is_some() {
                    self.unsettled.push(Finished::returned(claim));
                }
            }
            Event::Prepared(task) => self.prepared(task),
            Event::Ended(ended) => self.ended(now, ended),
            Event::Unreachable(what) => {
                self.actions
                    .push(Action::Report(WorkerEvent::Unreachable(what)));
            }
            Event::TasksWaiting => self.want_claim = true,
            Event::TasksSettled => self.want_remaining = true,
            Event::CancelRequested => self.want_check = true,
            Event::PeersChanged => self.peers_at = now.boot,
            Event::PeerTaken => self.peers_at = now.boot.after(TAKEN_INTERVAL),
            Event::Counter(answer) => self.counted(now, answer),
            Event::Fired(Ok(next)) => self.next_firing.fired(now, next),
            Event::Fired(Err(error)) => {
                self.next_firing.refused(now.boot.after(LONGEST_BACKOFF));
                self.refused(now, error);
            }
            Event::Remaining(Ok(rest)) => self.remaining(now, rest),
            Event::Remaining(Err(error)) => {
                self.want_remaining = true;
                self.refused(now, error);
            }
            Event::Stop => self.stop(now),
            Event::Slots(slots) => self.resize(slots),
            Event::Registered(answer) => self.registered(now, answer),
        }
    }

    fn not_started(&mut self, now: Now, claim: Claim, error: StartError) {
        let Some(execution) = self.take_running(claim) else {
            return;
        };
        match error {
            StartError::Refused(message) => self.unsettled.push(execution.not_started(message)),
            // This is not the task's fault: another worker may be able to start it.
            StartError::Shortage(message) => {
                self.unsettled.push(Finished::returned(claim));
                self.want_claim = true;
                self.set_idle(false);
                let running = self.running.iter().filter(|run| run.has_started()).count();
                let begins = self.throttle.short(now, running, self.config.slots);
                let told = begins.map(|slots| WorkerEvent::Short { message, slots });
                self.actions.extend(told.map(Action::Report));
            }
        }
    }

    /// Takes in the remaining tasks. A task may end after they were read and before the worker
    /// listens, so they are read once more.
    fn remaining(&mut self, now: Now, rest: Remaining) {
        let is_left = matches!(rest, Remaining::Proceeds | Remaining::Due(_));
        self.nothing_left = !is_left;
        self.want_remaining |= is_left && !self.listening;
        self.set_listening(is_left);
        match rest {
            Remaining::Due(due) if due.at > now.wall.after(LONG_WAIT) && !self.reported_wait => {
                self.reported_wait = true;
                self.actions.push(Action::Report(WorkerEvent::Waiting(due)));
            }
            Remaining::Held(obstacles) if self.has_drained() => {
                self.actions
                    .push(Action::Report(WorkerEvent::Left(obstacles)));
            }
            Remaining::Nothing | Remaining::Proceeds | Remaining::Due(_) | Remaining::Held(_) => {}
        }
    }

    fn claimed(&mut self, now: Now, answer: Result<Claims>) {
        let claims = match answer {
            Ok(claims) => claims,
            Err(error) => {
                self.want_claim = true;
                self.want_review |= error.is_unknown();
                self.claim_backoff.refused(now);
                return self.claim_refused(now, error);
            }
        };
        self.claim_backoff.over();
        let filled = claims.tasks.len() >= self.asked_for;
        let passes_on = self.serving.claimed(&claims);
        if !claims.tasks.is_empty() {
            self.set_listening(false);
            self.extend_give_up(now);
        }
        let starts: Vec<_> = claims
            .tasks
            .into_iter()
            .filter_map(|task| self.start(task))
            .collect();
        self.actions.extend(starts);
        if filled {
            self.want_claim = true;
            self.set_idle(false);
            if !self.is_stopping() {
                self.actions.push(Action::WakeAnother);
            }
            return;
        }
        if passes_on && !self.is_stopping() {
            self.actions.push(Action::WakeAnother);
        }
        self.next_due = claims.next_due;
        self.next_firing.heard(claims.next_firing);
        self.due_from = now.boot.after(DUE_PAUSE);
        self.want_remaining = true;
        // A task that was enqueued after the claim and before the idle mark woke nobody, so claim
        // once more. From then on the mark stays while there are free slots, and every enqueue
        // wakes this worker.
        self.want_claim |= !self.idle;
        self.set_idle(true);
    }

    fn claim_refused(&mut self, now: Now, error: Error) {
        if !matches!(error, Error::Promoted { .. }) {
            return self.refused(now, error);
        }
        // A promoted file still takes the outcomes of earlier claims, and its new owner waits for
        // them.
        self.stop_for(now, error);
    }

    /// Puts a task into a slot. Returns the action that starts it.
    fn start(&mut self, task: ClaimedTask) -> Option<Action> {
        if self.is_stopping() {
            self.unsettled.push(Finished::returned(task.claim));
            return None;
        }
        self.running.push(Execution::new(&task));
        Some(Action::Start(Box::new(task)))
    }

    /// Starts a task whose inputs are written, unless it was told to end: then the host ends it
    /// unstarted.
    fn prepared(&mut self, task: Box<ClaimedTask>) {
        let run = self.running.get_mut(task.claim);
        if run.is_some_and(|run| !run.is_ending()) {
            self.actions.push(Action::Start(task));
        }
    }

    /// Returns claims that this worker does not know, after a claim whose commit is unknown: their
    /// tasks run nowhere.
    fn reviewed(&mut self, now: Now, answer: Result<Vec<Claim>>) {
        match answer {
            Ok(claims) => {
                for claim in claims {
                    if !self.works_at(claim) {
                        self.unsettled.push(Finished::returned(claim));
                    }
                }
            }
            Err(error) => {
                self.want_review = true;
                self.claim_backoff.refused(now);
                self.refused(now, error);
            }
        }
    }

    fn settled(&mut self, now: Now, answer: Result<Vec<Settled>>) {
        let settled = match answer {
            Ok(settled) => settled,
            Err(error) => {
                self.settle_backoff.refused(now);
                // Running tasks may still end, and are reported then.
                self.unusable |= matches!(error, Error::Gone { .. });
                return self.refused(now, error);
            }
        };
        self.settle_backoff.over();
        self.want_remaining = true;
        let count = settled.len().min(self.unsettled.len());
        let mut failed = false;
        for (finished, settled) in self.unsettled.drain(..count).zip(settled) {
            let state = match settled {
                Settled::Recorded(state) => {
                    if let Some(task) = finished.unrecorded() {
                        self.recent.recorded(now.boot, task);
                    }
                    Some(state)
                }
                Settled::ClaimLost => None,
            };
            // The task will run again, and the next claim returns the time.
            self.want_claim |= state.is_some_and(State::is_waiting);
            failed |= state == Some(State::Failed);
            self.actions.extend(finished.report(state));
        }
        self.kept_bytes = self.unsettled.iter().map(Finished::bytes).sum();
        if failed {
            self.halt(now);
        }
    }

    fn claims_checked(&mut self, now: Now, answer: Result<Vec<Held>>) {
        let held = match answer {
            Ok(held) => held,
            Err(error) => {
                self.counter = None;
                return self.refused(now, error);
            }
        };
        for (claim, held) in std::mem::take(&mut self.asked).into_iter().zip(held) {
            self.claim_changed(now, claim, held);
        }
    }

    /// Takes in a changed claim. An execution that has ended meanwhile is skipped: its settle shows
    /// the change.
    fn claim_changed(&mut self, now: Now, claim: Claim, held: Held) {
        let kill_at = now.boot.after(self.config.grace);
        let Some(execution) = self.running.get_mut(claim) else {
            return;
        };
        let action = match held {
            Held::Held => None,
            Held::CancelRequested => execution.terminate(StopReason::Cancelled, now, kill_at),
            Held::Lost => execution.kill(StopReason::ClaimLost, now),
        };
        self.actions.extend(action);
    }

    fn ended(&mut self, now: Now, ended: Ended) {
        let Some(execution) = self.take_running(ended.claim) else {
            return;
        };
        self.extend_give_up(now);
        if ended.end == End::Dropped {
            self.stop_for(now, runtime_is_gone());
        }
        let is_handler = execution.is_handler();
        match execution.end(ended) {
            Ok(mut finished) => {
                // Half of a result is none.
                if self.keeps_much() && !is_handler {
                    finished.shorten(KEPT_OF_EACH);
                }
                self.kept_bytes += finished.bytes();
                self.unsettled.push(finished);
            }
            Err(lost) => self.actions.push(Action::Report(lost)),
        }
    }

    /// Takes an execution out of its slot, which may be for a task that the last claim left.
    fn take_running(&mut self, claim: Claim) -> Option<Execution> {
        let execution = self.running.take(claim)?;
        self.want_claim |= self.serving.is_left();
        Some(execution)
    }

    fn counted(&mut self, now: Now, answer: Result<i64>) {
        match answer {
            Ok(counter) => {
                self.recent.found();
                if self.counter.replace(counter) != Some(counter) {
                    self.want_claim = true;
                    self.want_check = true;
                    self.next_firing.ask();
                }
            }
            Err(error) => self.refused(now, error),
        }
    }
}

/// Error of a worker whose asynchronous handlers are dropped: it would claim their tasks for ever.
fn runtime_is_gone() -> Error {
    Error::invalid(
        "the runtime of the asynchronous handlers was shut down while they ran; stop the worker, and \
         keep the runtime until its `run` has returned",
    )
}
