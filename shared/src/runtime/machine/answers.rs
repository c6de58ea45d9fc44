//! What the machine makes of what it is told: answers to what it asked for, and news.

use super::super::end::{Ended, StartError};
use super::super::execution::{Cause, Execution, Finished};
use super::super::heart::News;
use super::super::protocol::{Action, Event, WorkerEvent};
use super::super::rest::Rest;
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
            Event::Heard(answer) => self.heard(now, answer),
            Event::Told(News::Stands(claim, held)) => self.stands(now, claim, held),
            Event::Told(News::Refused { message, remedy }) => {
                self.actions
                    .push(Action::Report(WorkerEvent::Refused { message, remedy }));
            }
            Event::Started { claim, at } => {
                // What was started meanwhile is ended now.
                self.put_off(now);
                // What was claimed last is started last.
                let mut running = self.running.iter_mut().rev();
                let started = running.find(|run| run.claim == claim);
                self.actions.extend(started.map(|run| run.started(at)));
            }
            Event::NotStarted { claim, error } => self.not_started(now, claim, error),
            Event::Unsure(claim) => {
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
            Event::TasksSettled => self.want_rest = true,
            Event::CancelRequested => self.want_word = true,
            Event::PeersChanged => self.peers_at = now.boot,
            Event::PeerTaken => self.peers_at = now.boot.after(TAKEN_INTERVAL),
            Event::Counter(answer) => self.counted(now, answer),
            Event::Rest(Ok(rest)) => self.looked_for_rest(now, rest),
            Event::Rest(Err(error)) => {
                self.want_rest = true;
                self.refused(now, error);
            }
            Event::Stop => self.stop(now),
        }
    }

    fn not_started(&mut self, now: Now, claim: Claim, error: StartError) {
        let Some(execution) = self.take_running(claim) else {
            return;
        };
        match error {
            StartError::Refused(message) => self.unsettled.push(execution.not_started(message)),
            // It says nothing of the task, which another worker may be able to start.
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

    /// What ended after the look and before the worker listens is told to nobody, so it looks once
    /// more.
    fn looked_for_rest(&mut self, now: Now, rest: Rest) {
        let is_left = matches!(rest, Rest::Goes | Rest::Due(_));
        self.nothing_left = !is_left;
        self.want_rest |= is_left && !self.listening;
        self.set_listening(is_left);
        match rest {
            Rest::Due(due) if due.at > now.wall.after(LONG_WAIT) && !self.told_of_wait => {
                self.told_of_wait = true;
                self.actions.push(Action::Report(WorkerEvent::Waiting(due)));
            }
            Rest::Held(obstacles) if self.has_drained() => {
                self.actions
                    .push(Action::Report(WorkerEvent::Left(obstacles)));
            }
            Rest::Nothing | Rest::Goes | Rest::Due(_) | Rest::Held(_) => {}
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
        if !claims.tasks.is_empty() {
            self.set_listening(false);
            self.put_off(now);
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
                self.actions.push(Action::PassOn);
            }
            return;
        }
        self.next_due = claims.next_due;
        self.due_from = now.boot.after(DUE_PAUSE);
        self.want_rest = true;
        // A task enqueued after the claim and before the mark woke nobody, so look once more. From
        // then on the mark stays as long as there are free slots, and every enqueue wakes.
        self.want_claim |= !self.idle;
        self.set_idle(true);
    }

    fn claim_refused(&mut self, now: Now, error: Error) {
        if !matches!(error, Error::Promoted { .. }) {
            return self.refused(now, error);
        }
        // The new owner waits for the claims of this one, which may still be settled.
        self.stop_for(now, error);
    }

    /// Takes a task into a slot. Returns what is left to do, which is done together for several.
    fn start(&mut self, task: ClaimedTask) -> Option<Action> {
        if self.is_stopping() {
            self.unsettled.push(Finished::returned(task.claim));
            return None;
        }
        self.running.push(Execution::new(&task));
        Some(Action::Start(Box::new(task)))
    }

    /// What was told to end meanwhile, the system ends without having started it.
    fn prepared(&mut self, task: Box<ClaimedTask>) {
        let runs = |run: &Execution| run.claim == task.claim && !run.is_ending();
        if self.running.iter().any(runs) {
            self.actions.push(Action::Start(task));
        }
    }

    /// After a claim of which nobody knows whether it was committed: what it claimed runs nowhere,
    /// so it is handed back.
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
                // What runs may end all the same, and is told of then.
                self.unusable |= matches!(error, Error::Gone { .. });
                return self.refused(now, error);
            }
        };
        self.settle_backoff.over();
        self.want_rest = true;
        let count = settled.len().min(self.unsettled.len());
        for (finished, settled) in self.unsettled.drain(..count).zip(settled) {
            let state = match settled {
                Settled::Recorded(state) => {
                    if let Some(task) = finished.unrecorded() {
                        self.lately.recorded(now.boot, task);
                    }
                    Some(state)
                }
                Settled::ClaimLost => None,
            };
            // It will run again, and the next claim tells when.
            self.want_claim |= state.is_some_and(State::is_waiting);
            self.actions.extend(finished.report(state));
        }
        self.kept_bytes = self.unsettled.iter().map(Finished::bytes).sum();
    }

    fn heard(&mut self, now: Now, answer: Result<Vec<Held>>) {
        let held = match answer {
            Ok(held) => held,
            Err(error) => {
                self.counter = None;
                return self.refused(now, error);
            }
        };
        for (claim, held) in std::mem::take(&mut self.asked).into_iter().zip(held) {
            self.stands(now, claim, held);
        }
    }

    /// What has ended meanwhile is passed over: its settle tells.
    fn stands(&mut self, now: Now, claim: Claim, held: Held) {
        let kill_at = now.boot.after(self.config.grace);
        let Some(execution) = self.running.iter_mut().find(|run| run.claim == claim) else {
            return;
        };
        let action = match held {
            Held::Held => None,
            Held::CancelRequested => execution.terminate(Cause::Cancel, now, kill_at),
            Held::Lost => execution.kill(Cause::Lost, now),
        };
        self.actions.extend(action);
    }

    fn ended(&mut self, now: Now, ended: Ended) {
        let Some(execution) = self.take_running(ended.claim) else {
            return;
        };
        self.put_off(now);
        match execution.end(ended) {
            Ok(mut finished) => {
                if self.keeps_much() {
                    finished.shorten(KEPT_OF_EACH);
                }
                self.kept_bytes += finished.bytes();
                self.unsettled.push(finished);
            }
            Err(lost) => self.actions.push(Action::Report(lost)),
        }
    }

    fn take_running(&mut self, claim: Claim) -> Option<Execution> {
        let position = self.running.iter().position(|run| run.claim == claim)?;
        Some(self.running.swap_remove(position))
    }

    fn counted(&mut self, now: Now, answer: Result<i64>) {
        match answer {
            Ok(counter) => {
                self.lately.found();
                if self.counter.replace(counter) != Some(counter) {
                    self.want_claim = true;
                    self.want_word = true;
                }
            }
            Err(error) => self.refused(now, error),
        }
    }
}
