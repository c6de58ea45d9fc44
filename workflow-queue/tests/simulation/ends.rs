//! The ends of executions, and their required effect on tasks.

use std::time::Duration;

use queue_core::claim::Claim;
use queue_core::clock::Timestamp;
use queue_core::outcome::{Outcome, Reason, Settled, Settlement};
use queue_core::queue::Reaped;
use queue_core::state::State;

use crate::checks::{At, Checks, MAX_BACKOFF_MS};
use crate::model::{Node, Phase};
use crate::seen::Sight;

/// An end of an execution, for the model.
struct End {
    /// True if it counts as an attempt.
    counted: bool,
    crashed: bool,
    /// The states it may lead to.
    may: Vec<State>,
}

impl Checks {
    pub(crate) fn settled(&mut self, settlement: &Settlement, settled: Settled, at: At<'_>) {
        let claim = settlement.claim;
        let node = &self.model.nodes[&claim.task];
        if !self.model.is_live(claim) {
            let repeated = node.claim == Some(claim) && node.settled;
            at.check(repeated || settled == Settled::ClaimLost, || {
                format!("{claim:?} is stale and was {settled:?}")
            });
            if !repeated {
                self.seen.saw(Sight::StaleSettle);
            }
            return;
        }
        let Settled::Recorded(state) = settled else {
            return at
                .ledger
                .violated(format!("{claim:?} is live and was lost"));
        };
        let counted = !matches!(
            settlement.outcome,
            Outcome::Returned | Outcome::Snoozed { .. }
        );
        let end = End {
            counted,
            crashed: false,
            may: may_become(node, &settlement.outcome, at.now.wall),
        };
        if matches!(settlement.outcome, Outcome::Snoozed { .. }) {
            self.seen.saw(Sight::Snooze);
        }
        self.model.node(claim.task).settled = true;
        self.concluded(claim, state, &end, at);
    }

    pub(crate) fn crashed(&mut self, reaped: &Reaped, at: At<'_>) {
        let claim = reaped.claim;
        let live = self.model.is_live(claim);
        at.check(live, || format!("{claim:?} was returned and was not live"));
        let node = self.model.node(claim.task);
        node.crashes += 1;
        let may = if node.cancel_requested {
            State::Cancelled
        } else if node.crashes >= node.max_crashes || over(node, at.now.wall) {
            State::Failed
        } else {
            State::Queued
        };
        let end = End {
            counted: false,
            crashed: true,
            may: vec![may],
        };
        if live {
            self.concluded(claim, reaped.state, &end, at);
        }
    }

    /// Records that an execution ended and left its task in this state.
    fn concluded(&mut self, claim: Claim, state: State, end: &End, at: At<'_>) {
        let id = claim.task;
        let waits = state.is_waiting();
        let allowed = end.may.contains(&if waits { State::Queued } else { state });
        at.check(allowed, || {
            format!("{id} became {state}; it may become {:?}", end.may)
        });
        let row_run_at = self.rows.get(&id).and_then(|row| row.run_at);
        let node = self.model.node(id);
        // A return that ends its task counts as an attempt.
        node.attempts += u32::from(end.counted || !end.crashed && !waits);
        node.lost = end.crashed;
        node.recorded += usize::from(end.counted || end.crashed || !waits);
        node.expires_at = node.deadline_at;
        let recorded = node.recorded;
        if waits {
            node.phase = Phase::Free;
            if state == State::Scheduled {
                node.run_at = row_run_at;
            }
        } else {
            self.model.end(id, state);
        }
        let attempts = at.queue.attempts(id).unwrap_or_default();
        at.check(attempts.len() == recorded, || {
            format!(
                "{id} has {} attempts on record instead of {recorded}",
                attempts.len()
            )
        });
        let told = end.counted || end.crashed || !waits;
        let last = attempts.last().filter(|_| told);
        at.check(
            last.is_none_or(|last| last.token == claim.token && last.state == state),
            || format!("the last attempt of {id} is recorded as {last:?}"),
        );
        if last.is_some_and(|last| last.reason == Some(Reason::Deadline)) {
            self.seen.saw(Sight::Deadline);
        }
    }
}

/// True if the deadline of a task has passed.
fn over(node: &Node, next: Timestamp) -> bool {
    node.deadline_at.is_some_and(|deadline| deadline <= next)
}

/// The states that an outcome may give a running task; queued stands for every waiting state.
fn may_become(node: &Node, outcome: &Outcome, now: Timestamp) -> Vec<State> {
    let by_deadline = |next: Timestamp| {
        if over(node, next.max(now)) {
            State::Failed
        } else {
            State::Queued
        }
    };
    let succeeded = *outcome == Outcome::Succeeded;
    if node.cancel_requested && !succeeded {
        return vec![State::Cancelled];
    }
    match outcome {
        Outcome::Succeeded => vec![State::Succeeded],
        Outcome::Returned => vec![by_deadline(now)],
        Outcome::Snoozed { until } => vec![by_deadline(*until)],
        Outcome::HandlerFailed { fatal: true, .. } => vec![State::Failed],
        Outcome::Exited { .. }
        | Outcome::Signalled { .. }
        | Outcome::TimedOut
        | Outcome::NotStarted { .. }
        | Outcome::HandlerFailed { .. }
        | Outcome::Panicked { .. }
        | _ => {
            let latest = now.after(Duration::from_millis(MAX_BACKOFF_MS));
            let spent = node.attempts + 1 - node.attempts_before;
            if spent >= node.max_attempts || over(node, now) {
                vec![State::Failed]
            } else if over(node, latest) {
                // The jitter decides if the deadline comes before the retry.
                vec![State::Queued, State::Failed]
            } else {
                vec![State::Queued]
            }
        }
    }
}
