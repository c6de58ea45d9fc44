//! Settle: record how executions ended, and what that means for dependents and limits. A dead
//! worker and a lost lease end an execution in the same way.

use queue_core::claim::{Claim, WorkerId};
use queue_core::clock::{BootTime, Timestamp};
use queue_core::error::Result;
use queue_core::options::TaskOptions;
use queue_core::outcome::{
    Outcome, Reason, Running, Settled, Settlement, Verdict, decide, decide_crash,
};
use queue_core::output::{Chunk, Output};
use queue_core::queue::Reaped;
use queue_core::sqlite::{rows, statement, write};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::{Row, params};

use super::writing::Writing;

pub(super) const RUNNING_READ: &str = statement(include_str!("../../queries/running_read.sql"));
pub(super) const CONCLUDE: &str = statement(include_str!("../../queries/conclude.sql"));
pub(super) const ATTEMPT_INSERT: &str = statement(include_str!("../../queries/attempt_insert.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("running_read", RUNNING_READ),
    ("conclude", CONCLUDE),
    ("attempt_insert", ATTEMPT_INSERT),
];

/// Bytes kept of the end of an unsuccessful attempt's output.
const TAIL_BYTES: usize = 2048;

/// A task's row as its end finds it.
struct Found {
    state: State,
    token: i64,
    worker: Option<WorkerId>,
    attempt: u32,
    attempt_base: u32,
    crashes: u32,
    cancel_requested: bool,
    options: TaskOptions,
    started_at: Option<Timestamp>,
    deadline_at: Option<Timestamp>,
    limit_key: Option<Vec<u8>>,
    lease_until: Option<BootTime>,
    gated: bool,
}

impl Found {
    fn is_of(&self, claim: Claim) -> bool {
        self.token == claim.token && self.worker == Some(claim.worker)
    }

    fn running(&self) -> Running<'_> {
        Running {
            attempt: self.attempt,
            attempt_base: self.attempt_base,
            crashes: self.crashes,
            cancel_requested: self.cancel_requested,
            options: &self.options,
        }
    }
}

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

impl Writing<'_> {
    /// Records every outcome.
    pub(super) fn settle(
        &mut self,
        settlements: &[Settlement],
        random: u64,
    ) -> Result<Vec<Settled>> {
        let mut settled = Vec::with_capacity(settlements.len());
        for (index, settlement) in settlements.iter().enumerate() {
            let random = random.wrapping_mul(index as u64 * 2 + 1);
            settled.push(self.settle_one(settlement, random)?);
        }
        Ok(settled)
    }

    fn settle_one(&mut self, settlement: &Settlement, random: u64) -> Result<Settled> {
        let claim = settlement.claim;
        let Some(found) = self.running(claim.task)? else {
            return Ok(Settled::ClaimLost);
        };
        if !found.is_of(claim) {
            return Ok(Settled::ClaimLost);
        }
        if found.state != State::Running {
            return Ok(Settled::Recorded(found.state));
        }
        let counted = !matches!(
            settlement.outcome,
            Outcome::Returned | Outcome::Snoozed { .. }
        );
        let outcome = settlement.outcome.clone();
        let verdict = decide(outcome, found.running(), self.now.wall, random);
        let says = Says::Worker {
            counted,
            output: settlement.output.as_ref(),
            finished_at: settlement.finished_at(self.now),
        };
        let state = self.conclude(claim, &found, verdict, &says)?;
        let output = settlement.output.as_ref();
        write::store_output(self.connection, claim, found.attempt, output)?;
        Ok(Settled::Recorded(state))
    }

    /// Returns the task of a claim whose worker is dead, or whose lease has run out where that is
    /// asked for. `None` if the claim holds no longer, or still.
    pub(super) fn crash(&mut self, claim: Claim, only_expired: bool) -> Result<Option<Reaped>> {
        let Some(found) = self.running(claim.task)? else {
            return Ok(None);
        };
        if found.state != State::Running || !found.is_of(claim) {
            return Ok(None);
        }
        if only_expired && !super::lease::is_over(found.lease_until, self.now.boot) {
            return Ok(None);
        }
        let verdict = decide_crash(found.running());
        let state = self.conclude(claim, &found, verdict, &Says::Other)?;
        Ok(Some(Reaped { claim, state }))
    }

    fn running(&mut self, task: TaskId) -> Result<Option<Found>> {
        Ok(self.hot.running_read.all([task.0], found)?.pop())
    }

    /// Writes the end of an execution, and carries it on.
    fn conclude(
        &mut self,
        claim: Claim,
        found: &Found,
        verdict: Verdict,
        says: &Says<'_>,
    ) -> Result<State> {
        let now = self.now.wall;
        let finished_at = says.finished_at().unwrap_or(now);
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
        self.hot.conclude.execute((
            claim.task.0,
            verdict.state.code(),
            verdict.run_at.map(|at| at.0),
            verdict.attempt,
            verdict.crashes,
            verdict.exit_code,
            verdict.signal,
            verdict.reason.map(Reason::code),
            verdict.message.as_deref().map(rows::clip_message),
            verdict.state.is_terminal().then_some(finished_at.0),
            matches!(says, Says::Other),
        ))?;
        self.record_attempt(claim, found, &verdict, says)?;
        self.effects.scheduled |= verdict.state == State::Scheduled;
        self.effects.ready += usize::from(verdict.state == State::Queued || found.gated);
        if verdict.state.is_terminal() {
            self.ended(claim.task, verdict.state)?;
        }
        Ok(verdict.state)
    }

    fn record_attempt(
        &mut self,
        claim: Claim,
        found: &Found,
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
        self.hot.attempt_insert.execute(params![
            claim.task.0,
            claim.token,
            found.attempt,
            claim.worker.0,
            found.started_at.map_or(self.now.wall.0, |at| at.0),
            says.finished_at().unwrap_or(self.now.wall).0,
            verdict.state.code(),
            verdict.exit_code,
            verdict.signal,
            verdict.reason.map(Reason::code),
            verdict.message.as_deref().map(rows::clip_message),
            tail,
        ])?;
        Ok(())
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

fn found(row: &Row<'_>) -> Result<Found> {
    Ok(Found {
        state: rows::state(row.get(0)?)?,
        token: row.get(1)?,
        worker: row.get::<_, Option<i64>>(2)?.map(WorkerId),
        attempt: row.get(3)?,
        crashes: row.get(4)?,
        cancel_requested: row.get::<_, Option<i64>>(5)?.is_some(),
        options: rows::options(row, 6)?,
        started_at: rows::time(row, 7)?,
        deadline_at: rows::time(row, 8)?,
        limit_key: row.get(9)?,
        lease_until: row.get::<_, Option<i64>>(10)?.map(BootTime),
        gated: row.get::<_, Option<i64>>(11)?.is_some(),
        attempt_base: row.get(12)?,
    })
}

#[cfg(test)]
mod tests {
    use queue_core::output::{Output, Stream};

    use super::{TAIL_BYTES, tail};

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
