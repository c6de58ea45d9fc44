//! Settle: record how executions ended, each on behalf of its claim.

use queue_core::claim::{Claim, WorkerId};
use queue_core::clock::{Now, Timestamp};
use queue_core::error::Result;
use queue_core::options::TaskOptions;
use queue_core::outcome::{Outcome, Running, Settled, Settlement, Verdict, decide};
use queue_core::sqlite::{rows, statement, write};
use queue_core::state::State;
use rusqlite::Connection;

use crate::guard::{Guard, Phase};

pub(crate) const SETTLE_ONE: &str = statement(include_str!("../queries/settle_one.sql"));
pub(crate) const SETTLE_SUCCESS: &str = statement(include_str!("../queries/settle_success.sql"));
pub(crate) const SETTLE_READ: &str = statement(include_str!("../queries/settle_read.sql"));
pub(crate) const SETTLE: &str = statement(include_str!("../queries/settle.sql"));

/// What a settle did.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) settled: Vec<Settled>,
    /// Whether a task waits for its time.
    pub(crate) scheduled: bool,
    /// How many tasks can be claimed again.
    pub(crate) wakes: usize,
}

/// A task's row as a settle finds it.
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

/// Records every outcome within the caller's transaction.
pub(crate) fn settle(
    connection: &Connection,
    guard: &Guard,
    settlements: &[Settlement],
    now: Now,
    random: u64,
) -> Result<Done> {
    let mut done = Done {
        settled: Vec::with_capacity(settlements.len()),
        ..Done::default()
    };
    if !settlements.is_empty() {
        guard.check(connection, Phase::Finishing)?;
    }
    for (index, settlement) in settlements.iter().enumerate() {
        if settlement.outcome == Outcome::Succeeded
            && succeed(
                connection,
                SETTLE_SUCCESS,
                settlement.claim,
                settlement.finished_at(now),
            )?
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

/// The claim of a settlement that [`settle_one`] records: a success without output, and without
/// an earlier attempt that may have left some.
pub(crate) fn lone_success(settlement: &Settlement) -> Option<Claim> {
    let lone = settlement.outcome == Outcome::Succeeded
        && settlement.output.is_none()
        && !has_earlier_output(settlement.claim);
    lone.then_some(settlement.claim)
}

/// Records the success of a claim that still holds, in one statement; false where that is not enough,
/// and then nothing is written.
pub(crate) fn settle_one(
    connection: &Connection,
    claim: Claim,
    finished_at: Timestamp,
) -> Result<bool> {
    succeed(connection, SETTLE_ONE, claim, finished_at)
}

fn succeed(
    connection: &Connection,
    sql: &str,
    claim: Claim,
    finished_at: Timestamp,
) -> Result<bool> {
    let mut update = connection.prepare_cached(sql)?;
    let changed = update.execute((claim.task.0, claim.token, claim.worker.0, finished_at.0))?;
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
    let row = Running {
        attempt: found.attempt,
        attempt_base: found.attempt_base,
        crashes: found.crashes,
        cancel_requested: found.cancel_requested,
        options: &found.options,
    };
    let verdict = decide(settlement.outcome.clone(), row, now.wall, random);
    let finished_at = settlement.finished_at(now);
    record(connection, settlement.claim, &verdict, finished_at)?;
    let (claim, output) = (settlement.claim, settlement.output.as_ref());
    write::store_output(connection, claim, found.attempt, output)?;
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
    claim: Claim,
    verdict: &Verdict,
    finished_at: Timestamp,
) -> Result<()> {
    connection.prepare_cached(SETTLE)?.execute((
        claim.task.0,
        verdict.state.code(),
        verdict.run_at.map(|at| at.0),
        verdict.attempt,
        verdict.crashes,
        verdict.exit_code,
        verdict.signal,
        verdict.reason.map(queue_core::outcome::Reason::code),
        verdict.message.as_deref().map(rows::clip_message),
        verdict.state.is_terminal().then_some(finished_at.0),
    ))?;
    Ok(())
}

/// Keeps what a success wrote; an earlier attempt's would pass for it.
fn store_success(connection: &Connection, settlement: &Settlement) -> Result<()> {
    let (claim, output) = (settlement.claim, settlement.output.as_ref());
    if output.is_none() && !has_earlier_output(claim) {
        return Ok(());
    }
    let attempt = write::attempt_of(connection, claim)?;
    write::store_output(connection, claim, attempt, output)
}

/// Whether an earlier attempt may have left output: a first claim has none before it.
fn has_earlier_output(claim: Claim) -> bool {
    claim.token > 1
}
