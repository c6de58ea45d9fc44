//! Settle: records the ends of executions, and their consequences for dependents and limits. A dead
//! worker and an expired lease end an execution in the same way.

use std::collections::BTreeMap;

use queue_core::Usage;
use queue_core::claim::Claim;
use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::outcome::{Outcome, Reason, Settled, Settlement, Verdict, decide, decide_crash};
use queue_core::output::{Chunk, Output};
use queue_core::queue::Reaped;
use queue_core::state::State;
use queue_core::task::TaskId;

use super::ended::EndedTask;
use super::writing::Writing;
use crate::slice::{Conclusion, Execution, Slice};

/// Bytes kept from the end of an unsuccessful attempt's output.
const TAIL_BYTES: usize = 2048;

/// The origin of an execution's end.
enum EndedBy<'a> {
    /// The worker of the execution. `uncounted` is the kind of an end that does not count as an
    /// attempt.
    Worker {
        uncounted: Option<EventKind>,
        output: Option<&'a Output>,
        finished_at: Timestamp,
        usage: Usage,
    },
    /// A recovery, in place of a dead worker or after its lease.
    Recovery,
}

impl EndedBy<'_> {
    /// End of the execution, if its worker reported it.
    fn finished_at(&self) -> Option<Timestamp> {
        match self {
            Self::Worker { finished_at, .. } => Some(*finished_at),
            Self::Recovery => None,
        }
    }

    /// Resources that it used, which its worker alone knows.
    fn usage(&self) -> Usage {
        match self {
            Self::Worker { usage, .. } => *usage,
            Self::Recovery => Usage::default(),
        }
    }

    /// Kind of the event. A return or snooze that ends its task is the end of the task.
    fn kind(&self, state: State) -> EventKind {
        match (state, self) {
            (State::Succeeded, _) => EventKind::Succeeded,
            (State::Failed, _) => EventKind::Failed,
            (State::Cancelled, _) => EventKind::Cancelled,
            (State::Skipped, _) => EventKind::Skipped,
            (_, Self::Recovery) => EventKind::Crashed,
            (_, Self::Worker { uncounted, .. }) => uncounted.unwrap_or(EventKind::Retrying),
        }
    }

    /// The end of its output, which is kept of an attempt that did not succeed.
    fn tail(&self, kind: EventKind) -> Option<Vec<u8>> {
        match self {
            Self::Worker { output, .. } if kind != EventKind::Succeeded && !kind.is_hand_back() => {
                output.and_then(tail)
            }
            Self::Worker { .. } | Self::Recovery => None,
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
        let mut batch = EndBatch::of(settlements.len());
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
                // The same claim a second time.
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
        let uncounted = match settlement.outcome {
            Outcome::Returned => Some(EventKind::Returned),
            Outcome::Snoozed { .. } => Some(EventKind::Snoozed),
            Outcome::Succeeded
            | Outcome::Exited { .. }
            | Outcome::Signalled { .. }
            | Outcome::TimedOut
            | Outcome::NotStarted { .. }
            | Outcome::HandlerFailed { .. }
            | Outcome::Panicked { .. }
            | _ => None,
        };
        let now = self.now();
        let outcome = settlement.outcome.clone();
        let verdict = decide(outcome, found.running(), now.wall, random);
        let output = settlement.output.as_ref();
        let ended_by = EndedBy::Worker {
            uncounted,
            output,
            finished_at: settlement.finished_at(now),
            usage: settlement.usage,
        };
        let state = self.conclude(settlement.claim, found, verdict, &ended_by)?;
        self.slice
            .store_output(settlement.claim, found.attempt, output)?;
        Ok(state)
    }

    /// Returns the tasks of claims whose worker is dead or, with `only_expired`, whose lease has
    /// run out. Claims that are already lost, or whose lease still runs, are left out of the
    /// answer.
    pub(crate) fn crash(&mut self, claims: &[Claim], only_expired: bool) -> Result<Vec<Reaped>> {
        let found = self.slice.executions(claims)?;
        let mut batch = EndBatch::of(claims.len());
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
            let state = self.conclude(*claim, &found, verdict, &EndedBy::Recovery)?;
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
        ended_by: &EndedBy<'_>,
    ) -> Result<State> {
        let now = self.now().wall;
        let mut verdict = within_deadline(verdict, found.deadline_at, now);
        if matches!(ended_by, EndedBy::Worker { .. }) && verdict.state.is_terminal() {
            // A returned or snoozed task that ends is the attempt that ended it.
            verdict.attempt = found.attempt;
        }
        if let Some(key) = &found.limit_key {
            self.freed.insert(key.clone());
            if verdict.state == State::Queued {
                verdict.state = State::Blocked;
            }
        }
        let kind = ended_by.kind(verdict.state);
        self.slice.conclude(&Conclusion {
            kind,
            claim,
            execution: found,
            verdict: &verdict,
            ended_at: ended_by.finished_at().unwrap_or(now),
            usage: ended_by.usage(),
            is_lost: matches!(ended_by, EndedBy::Recovery),
            tail: ended_by.tail(kind).as_deref(),
        })?;
        self.effects.scheduled |= verdict.state == State::Scheduled;
        let ready = usize::from(verdict.state == State::Queued || found.is_gated);
        self.effects.ready.add_anywhere(ready);
        Ok(verdict.state)
    }
}

/// The changes of a batch of ends so far.
struct EndBatch {
    /// The states in which its executions left their tasks; `None` for a batch of one.
    concluded: Option<BTreeMap<TaskId, State>>,
    /// The tasks that have ended.
    ends: Vec<EndedTask>,
}

impl EndBatch {
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

/// The verdict, changed to a final failure if the deadline has passed or comes before the next
/// attempt.
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

/// The last bytes of the output, both streams together.
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
    fn a_claim_settled_twice_in_one_batch_gets_the_first_result_twice() {
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
    fn a_claim_given_up_twice_in_one_batch_is_reaped_once() {
        let mut rows = Memory::default();
        rows.run(1);
        let claim = settlement(TaskId(1), Outcome::Succeeded).claim;
        assert_eq!(rows.crash(&[claim, claim]).len(), 1);
        assert_eq!(rows.state(1), State::Queued);
    }

    #[test]
    fn a_tail_is_the_end_of_both_streams_in_order_of_arrival() {
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
