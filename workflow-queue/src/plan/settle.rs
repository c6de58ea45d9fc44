//! Settle: how executions ended, and what that means for dependents and limits. A dead worker and a
//! lost lease end an execution in the same way.

use std::collections::BTreeMap;

use queue_core::claim::Claim;
use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::outcome::{Outcome, Reason, Settled, Settlement, Verdict, decide, decide_crash};
use queue_core::output::{Chunk, Output};
use queue_core::queue::Reaped;
use queue_core::state::State;
use queue_core::task::TaskId;

use super::ended::End;
use super::writing::Writing;
use crate::slice::{Conclusion, EndedAttempt, Execution, Slice};

/// Bytes kept of the end of an unsuccessful attempt's output.
const TAIL_BYTES: usize = 2048;

/// Who says how the execution ended.
enum Says<'a> {
    /// Its worker, having counted it as an attempt or not.
    Worker {
        counted: bool,
        output: Option<&'a Output>,
        finished_at: Timestamp,
    },
    /// Somebody else, in its place.
    Other,
}

impl Says<'_> {
    /// When the execution ended, if its worker says.
    fn finished_at(&self) -> Option<Timestamp> {
        match self {
            Self::Worker { finished_at, .. } => Some(*finished_at),
            Self::Other => None,
        }
    }
}

impl<S: Slice> Writing<S> {
    /// Records every outcome.
    pub(crate) fn settle(
        &mut self,
        settlements: &[Settlement],
        random: u64,
    ) -> Result<Vec<Settled>> {
        let claims: Vec<Claim> = settlements.iter().map(|one| one.claim).collect();
        let found = self.slice.executions(&claims)?;
        let mut batch = Batch::of(settlements.len());
        let mut settled = Vec::with_capacity(settlements.len());
        for (index, (settlement, found)) in settlements.iter().zip(found).enumerate() {
            let task = settlement.claim.task;
            let Some(found) = found else {
                settled.push(Settled::ClaimLost);
                continue;
            };
            let state = if found.state != State::Running {
                found.state
            } else if let Some(state) = batch.concluded(task) {
                // The same claim again.
                state
            } else {
                let random = random.wrapping_mul(index as u64 * 2 + 1);
                let state = self.settle_one(settlement, &found, random)?;
                batch.note(task, state);
                state
            };
            settled.push(Settled::Recorded(state));
        }
        self.ended(&batch.ends)?;
        Ok(settled)
    }

    fn settle_one(
        &mut self,
        settlement: &Settlement,
        found: &Execution,
        random: u64,
    ) -> Result<State> {
        let counted = !matches!(
            settlement.outcome,
            Outcome::Returned | Outcome::Snoozed { .. }
        );
        let now = self.now();
        let outcome = settlement.outcome.clone();
        let verdict = decide(outcome, found.running(), now.wall, random);
        let output = settlement.output.as_ref();
        let says = Says::Worker {
            counted,
            output,
            finished_at: settlement.finished_at(now),
        };
        let state = self.conclude(settlement.claim, found, verdict, &says)?;
        self.slice
            .store_output(settlement.claim, found.attempt, output)?;
        Ok(state)
    }

    /// Returns the tasks of claims whose worker is dead, or whose lease has run out where that is
    /// asked for. Claims that hold no longer, or still, are left out of the answer.
    pub(crate) fn crash(&mut self, claims: &[Claim], only_expired: bool) -> Result<Vec<Reaped>> {
        let found = self.slice.executions(claims)?;
        let mut batch = Batch::of(claims.len());
        let mut reaped = Vec::with_capacity(claims.len());
        for (claim, found) in claims.iter().zip(found) {
            let Some(found) = found else { continue };
            if found.state != State::Running
                || (only_expired && !found.is_expired)
                || batch.concluded(claim.task).is_some()
            {
                continue;
            }
            let verdict = decide_crash(found.running());
            let state = self.conclude(*claim, &found, verdict, &Says::Other)?;
            batch.note(claim.task, state);
            reaped.push(Reaped {
                claim: *claim,
                state,
            });
        }
        self.ended(&batch.ends)?;
        Ok(reaped)
    }

    /// Writes the end of an execution.
    fn conclude(
        &mut self,
        claim: Claim,
        found: &Execution,
        verdict: Verdict,
        says: &Says<'_>,
    ) -> Result<State> {
        let now = self.now().wall;
        let mut verdict = within_deadline(verdict, found.deadline_at, now);
        if matches!(says, Says::Worker { .. }) && verdict.state.is_terminal() {
            // A hand-back that ends its task is the attempt that did.
            verdict.attempt = found.attempt;
        }
        if let Some(key) = &found.limit_key {
            self.freed.insert(key.clone());
            if verdict.state == State::Queued {
                verdict.state = State::Blocked;
            }
        }
        let finished_at = says.finished_at().unwrap_or(now);
        self.slice.conclude(&Conclusion {
            claim,
            verdict: &verdict,
            finished_at: verdict.state.is_terminal().then_some(finished_at),
            is_lost: matches!(says, Says::Other),
        })?;
        self.record_attempt(claim, found, &verdict, says)?;
        self.effects.scheduled |= verdict.state == State::Scheduled;
        self.effects.ready += usize::from(verdict.state == State::Queued || found.is_gated);
        Ok(verdict.state)
    }

    fn record_attempt(
        &mut self,
        claim: Claim,
        found: &Execution,
        verdict: &Verdict,
        says: &Says<'_>,
    ) -> Result<()> {
        // A hand-back counts as no attempt, but one that ended its task is the answer to how it did.
        let ended = verdict.state.is_terminal();
        let tail = match says {
            Says::Worker { counted: false, .. } if !ended => return Ok(()),
            Says::Worker { output, .. } if verdict.state != State::Succeeded => {
                output.and_then(tail)
            }
            Says::Worker { .. } | Says::Other => None,
        };
        let now = self.now().wall;
        self.slice.record_attempt(&EndedAttempt {
            claim,
            attempt: found.attempt,
            started_at: found.started_at.unwrap_or(now),
            finished_at: says.finished_at().unwrap_or(now),
            verdict,
            tail: tail.as_deref(),
        })
    }
}

/// What a batch of ends did so far.
struct Batch {
    /// The states in which its executions left their tasks; not kept of a single one.
    concluded: Option<BTreeMap<TaskId, State>>,
    /// The tasks that have ended.
    ends: Vec<End>,
}

impl Batch {
    fn of(len: usize) -> Self {
        Self {
            concluded: (len > 1).then(BTreeMap::new),
            ends: Vec::new(),
        }
    }

    fn concluded(&self, task: TaskId) -> Option<State> {
        self.concluded.as_ref()?.get(&task).copied()
    }

    fn note(&mut self, task: TaskId, state: State) {
        if let Some(concluded) = &mut self.concluded {
            concluded.insert(task, state);
        }
        if state.is_terminal() {
            self.ends.push((task, state));
        }
    }
}

/// A task whose deadline is past, or comes before its next attempt, has failed for good.
fn within_deadline(verdict: Verdict, deadline: Option<Timestamp>, now: Timestamp) -> Verdict {
    let Some(deadline) = deadline else {
        return verdict;
    };
    let next = verdict.run_at.map_or(now, |at| at.max(now));
    if verdict.state.is_waiting() && next >= deadline {
        return Verdict {
            state: State::Failed,
            run_at: None,
            reason: Some(Reason::Deadline),
            ..verdict
        };
    }
    if verdict.reason == Some(Reason::Timeout) && now >= deadline {
        return Verdict {
            reason: Some(Reason::Deadline),
            ..verdict
        };
    }
    verdict
}

/// The last bytes of what was written to both streams.
fn tail(output: &Output) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for chunk in output.chunks() {
        let Ok(chunk) = chunk else {
            break;
        };
        if let Chunk::Written { bytes: written, .. } = chunk {
            bytes.extend_from_slice(&written);
        }
        if bytes.len() > 2 * TAIL_BYTES {
            bytes.drain(..bytes.len() - TAIL_BYTES);
        }
    }
    bytes.drain(..bytes.len().saturating_sub(TAIL_BYTES));
    (!bytes.is_empty()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use queue_core::outcome::{Outcome, Settled};
    use queue_core::output::{Output, Stream};
    use queue_core::state::State;
    use queue_core::task::TaskId;

    use super::{TAIL_BYTES, tail};
    use crate::plan::memory::{Memory, settlement};

    #[test]
    fn a_claim_that_is_settled_twice_in_one_batch_is_told_the_first_result() {
        let mut rows = Memory::default();
        rows.run(1);
        let answers = rows.settle(&[
            settlement(TaskId(1), Outcome::Succeeded),
            settlement(TaskId(1), Outcome::Returned),
            settlement(TaskId(2), Outcome::Succeeded),
        ]);
        let recorded = Settled::Recorded(State::Succeeded);
        assert_eq!(answers, [recorded, recorded, Settled::ClaimLost]);
        assert_eq!(rows.state(1), State::Succeeded);
        assert_eq!(rows.written.get("conclude"), Some(&1));
    }

    #[test]
    fn a_claim_that_is_given_up_twice_in_one_batch_is_reaped_once() {
        let mut rows = Memory::default();
        rows.run(1);
        let claim = settlement(TaskId(1), Outcome::Succeeded).claim;
        assert_eq!(rows.crash(&[claim, claim]).len(), 1);
        assert_eq!(rows.state(1), State::Queued);
    }

    #[test]
    fn a_tail_is_the_end_of_both_streams_as_they_arrived() {
        let mut output = Output::default();
        assert_eq!(tail(&output), None);
        output.push(Stream::Stdout, &[b'a'; 9000]);
        output.push_omitted(5);
        output.push(Stream::Stderr, b"the end");
        let kept = tail(&output).unwrap();
        assert_eq!(kept.len(), TAIL_BYTES);
        assert!(kept.ends_with(b"aathe end"));
    }
}
