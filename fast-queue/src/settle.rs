//! Settle: records the ends of executions, each on behalf of its claim.

use std::sync::Arc;

use queue_core::claim::{Claim, ClaimRequest, Claims, WorkerId};
use queue_core::clock::{Now, Timestamp};
use queue_core::coordination::Wake;
use queue_core::error::Result;
use queue_core::options::TaskOptions;
use queue_core::outcome::{Outcome, RunningRow, Settled, Settlement, Verdict, decide};
use queue_core::sqlite::{rows, verbs};
use queue_core::state::State;
use queue_core::{ReadyTasks, Usage};
use rusqlite::{Connection, Transaction};

use crate::claim;
use crate::guard::{Guard, Phase};
use crate::queue::FastQueue;
use crate::statements::{SETTLE, SETTLE_ONE, SETTLE_READ, SETTLE_SUCCESS};

/// Result of a settle.
#[derive(Debug, Default)]
struct SettleEffects {
    settled: Vec<Settled>,
    /// True if a task waits for its time.
    scheduled: bool,
    /// Number of tasks that can be claimed again.
    wakes: usize,
}

impl SettleEffects {
    /// Wakes workers and tells waiting programs, after the commit.
    fn committed(self, queue: &FastQueue) -> Vec<Settled> {
        if self.scheduled {
            queue.forget_due();
        }
        queue.wake_any(self.wakes);
        queue.database().coordination().tell_settled();
        self.settled
    }
}

/// Records outcomes: a lone success in a lone statement, anything else in a transaction.
pub(crate) fn settle(queue: &FastQueue, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
    let database = queue.database();
    let now = database.now();
    if let [settlement] = settlements.as_slice()
        && is_lone_success(settlement)
    {
        let success = Success::of(settlement, now);
        let succeed = move |connection: &Connection| settle_one(connection, success);
        if database.write_statement(succeed)? {
            database.coordination().tell_settled();
            return Ok(vec![Settled::Recorded(State::Succeeded)]);
        }
    }
    let random = database.random();
    let guard = queue.guard.clone();
    let record =
        move |connection: &Connection| settle_all(connection, &guard, &settlements, now, random);
    Ok(database.write(record)?.committed(queue))
}

/// [`settle`], then a claim, in one transaction.
pub(crate) fn settle_and_claim(
    queue: &FastQueue,
    settlements: Vec<Settlement>,
    request: &ClaimRequest,
) -> Result<(Vec<Settled>, Result<Claims>)> {
    let database = queue.database();
    let (clock, random) = (database.clock(), database.random());
    let due = *queue.due();
    let (guard, queue_ids) = (queue.guard.clone(), Arc::clone(database.queue_ids()));
    let settlements = Arc::new(settlements);
    let (outcomes, wanted) = (Arc::clone(&settlements), request.clone());
    let both = database.write(move |connection| {
        let now = clock.now();
        let settled = settle_all(connection, &guard, &outcomes, now, random)?;
        let due = if settled.scheduled {
            due.scheduled(now)
        } else {
            due
        };
        let claimed = claim::claim_all(connection, &guard, &queue_ids, &wanted, due, now)?;
        Ok((settled, claimed))
    });
    match both {
        Ok((settled, claimed)) => {
            let settled = settled.committed(queue);
            Ok((settled, Ok(claimed.committed(queue))))
        }
        Err(error) if error.may_pass() => Err(error),
        // A settle alone may still succeed: a file that is being promoted accepts outcomes but
        // gives no tasks.
        Err(_) => {
            let settled = settle(queue, Arc::unwrap_or_clone(settlements))?;
            Ok((settled, claim::claim(queue, request)))
        }
    }
}

/// As [`settle`] within the caller's transaction.
pub(crate) fn settle_in(
    queue: &FastQueue,
    tx: &Transaction<'_>,
    settlements: &[Settlement],
) -> Result<(Vec<Settled>, Wake)> {
    let database = queue.database();
    database.check_caller_connection(tx)?;
    let (now, random) = (database.now(), database.random());
    let done = settle_all(tx, &queue.guard, settlements, now, random)?;
    let wake = queue.wake(ReadyTasks::anywhere(done.wakes));
    Ok((done.settled, wake.after_settling()))
}

/// Row of a task, as a settle finds it.
struct Found {
    state: State,
    token: i64,
    worker: Option<WorkerId>,
    attempt: u32,
    attempt_base: u32,
    crashes: u32,
    cancel_requested: bool,
    options: TaskOptions,
}

impl Found {
    fn is_of(&self, claim: Claim) -> bool {
        self.token == claim.token && self.worker == Some(claim.worker)
    }
}

/// Records every outcome within a transaction.
fn settle_all(
    connection: &Connection,
    guard: &Guard,
    settlements: &[Settlement],
    now: Now,
    random: u64,
) -> Result<SettleEffects> {
    let mut done = SettleEffects {
        settled: Vec::with_capacity(settlements.len()),
        ..SettleEffects::default()
    };
    if !settlements.is_empty() {
        guard.check(connection, Phase::Finishing)?;
    }
    for (index, settlement) in settlements.iter().enumerate() {
        if settlement.outcome == Outcome::Succeeded
            && succeed(connection, SETTLE_SUCCESS, Success::of(settlement, now))?
        {
            store_success(connection, settlement)?;
            done.settled.push(Settled::Recorded(State::Succeeded));
            continue;
        }
        let random = random.wrapping_mul(index as u64 * 2 + 1);
        done.settled
            .push(match decided(connection, settlement, now, random)? {
                Decided::Lost => Settled::ClaimLost,
                Decided::Earlier(state) => Settled::Recorded(state),
                Decided::Now(state) => {
                    done.scheduled |= state == State::Scheduled;
                    done.wakes += usize::from(state.is_waiting());
                    Settled::Recorded(state)
                }
            });
    }
    Ok(done)
}

enum Decided {
    Now(State),
    Earlier(State),
    Lost,
}

/// True for a settlement that [`settle_one`] records: a success without output, and without an
/// earlier attempt that may have left some.
fn is_lone_success(settlement: &Settlement) -> bool {
    settlement.outcome == Outcome::Succeeded
        && settlement.output.is_none()
        && !has_earlier_output(settlement.claim)
}

/// The values of a success that a row takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Success {
    claim: Claim,
    finished_at: Timestamp,
    usage: Usage,
}

impl Success {
    pub(crate) fn of(settlement: &Settlement, now: Now) -> Self {
        Self {
            claim: settlement.claim,
            finished_at: settlement.finished_at(now),
            usage: settlement.usage,
        }
    }
}

/// Records the success of a claim that still holds, in one statement. False if that is not enough;
/// nothing is written then.
pub(crate) fn settle_one(connection: &Connection, success: Success) -> Result<bool> {
    succeed(connection, SETTLE_ONE, success)
}

fn succeed(connection: &Connection, sql: &str, success: Success) -> Result<bool> {
    let mut update = connection.prepare_cached(sql)?;
    let (claim, (cpu_us, rss_kb)) = (success.claim, rows::usage_columns(success.usage));
    let changed = update.execute((
        claim.task.0,
        claim.token,
        claim.worker.0,
        success.finished_at.0,
        cpu_us,
        rss_kb,
    ))?;
    Ok(changed == 1)
}

fn decided(
    connection: &Connection,
    settlement: &Settlement,
    now: Now,
    random: u64,
) -> Result<Decided> {
    let Some(found) = find(connection, settlement.claim)? else {
        return Ok(Decided::Lost);
    };
    if !found.is_of(settlement.claim) {
        return Ok(Decided::Lost);
    }
    if found.state != State::Running {
        return Ok(Decided::Earlier(found.state));
    }
    let row = RunningRow {
        attempt: found.attempt,
        attempt_base: found.attempt_base,
        crashes: found.crashes,
        cancel_requested: found.cancel_requested,
        options: &found.options,
    };
    let verdict = decide(settlement.outcome.clone(), row, now.wall, random);
    let finished_at = settlement.finished_at(now);
    record(connection, settlement, &verdict, finished_at)?;
    let (claim, output) = (settlement.claim, settlement.output.as_ref());
    verbs::store_output(connection, claim, found.attempt, output)?;
    Ok(Decided::Now(verdict.state))
}

fn find(connection: &Connection, claim: Claim) -> Result<Option<Found>> {
    let mut query = connection.prepare_cached(SETTLE_READ)?;
    let mut found = query.query([claim.task.0])?;
    let Some(row) = found.next()? else {
        return Ok(None);
    };
    Ok(Some(Found {
        state: rows::state(row.get(0)?)?,
        token: row.get(1)?,
        worker: row.get::<_, Option<i64>>(2)?.map(WorkerId),
        attempt: row.get(3)?,
        crashes: row.get(4)?,
        cancel_requested: row.get::<_, Option<i64>>(5)?.is_some(),
        options: rows::options(row, 6)?,
        attempt_base: row.get(7)?,
    }))
}

fn record(
    connection: &Connection,
    settlement: &Settlement,
    verdict: &Verdict,
    finished_at: Timestamp,
) -> Result<()> {
    let (cpu_us, rss_kb) = rows::usage_columns(settlement.usage);
    connection.prepare_cached(SETTLE)?.execute((
        settlement.claim.task.0,
        verdict.state.code(),
        verdict.run_at.map(|at| at.0),
        verdict.attempt,
        verdict.crashes,
        verdict.exit_code,
        verdict.signal,
        verdict.reason.map(queue_core::outcome::Reason::code),
        verdict.message.as_deref().map(rows::clip_message),
        verdict.state.is_terminal().then_some(finished_at.0),
        cpu_us,
        rss_kb,
    ))?;
    Ok(())
}

/// Stores the output of a success. Without any, deletes that of earlier attempts, which would pass
/// for its own.
fn store_success(connection: &Connection, settlement: &Settlement) -> Result<()> {
    let (claim, output) = (settlement.claim, settlement.output.as_ref());
    if output.is_none() && !has_earlier_output(claim) {
        return Ok(());
    }
    let attempt = verbs::attempt_of(connection, claim)?;
    verbs::store_output(connection, claim, attempt, output)
}

/// True if an earlier attempt may have left output: a first claim has none before it.
fn has_earlier_output(claim: Claim) -> bool {
    claim.token > 1
}
