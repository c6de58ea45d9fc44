//! Reap: returns the tasks of a dead worker.

use queue_core::claim::{Claim, WorkerId};
use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::outcome::{Reason, RunningRow, Verdict, decide_crash};
use queue_core::queue::Reaped;
use queue_core::sqlite::{rows, verbs};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::Connection;

use crate::guard::Phase;
use crate::queue::FastQueue;
use crate::statements::{REAP, REAP_ROWS};

/// Returns the tasks of a dead worker, except those that are kept.
pub(crate) fn reap_except(
    queue: &FastQueue,
    worker: WorkerId,
    kept: &[Claim],
) -> Result<Vec<Reaped>> {
    let (kept, now) = (kept.to_vec(), queue.database().now().wall);
    let reaped = queue.change(Phase::Finishing, move |connection| {
        reap(connection, worker, &kept, now)
    })?;
    let queued = |reaped: &&Reaped| reaped.state == State::Queued;
    queue.wake_any(reaped.iter().filter(queued).count());
    queue.database().coordination().tell_settled();
    Ok(reaped)
}

/// Decides the worker's running tasks, except those that are kept. Removes the worker if none is.
fn reap(
    connection: &Connection,
    worker: WorkerId,
    kept: &[Claim],
    now: Timestamp,
) -> Result<Vec<Reaped>> {
    let mut verdicts = rows::all(connection, REAP_ROWS, [worker.0], |row| {
        let options = rows::options(row, 5)?;
        let verdict = decide_crash(RunningRow {
            attempt: row.get(2)?,
            attempt_base: row.get(6)?,
            crashes: row.get(3)?,
            cancel_requested: row.get::<_, Option<i64>>(4)?.is_some(),
            options: &options,
        });
        let claim = Claim {
            task: TaskId(row.get(0)?),
            token: row.get(1)?,
            worker,
        };
        Ok((claim, verdict))
    })?;
    let running = verdicts.len();
    verdicts.retain(|(claim, _)| !kept.contains(claim));
    for (claim, verdict) in &verdicts {
        record(connection, claim.task, verdict, now)?;
    }
    if verdicts.len() == running {
        verbs::forget(connection, worker)?;
    }
    Ok(verdicts
        .into_iter()
        .map(|(claim, verdict)| Reaped {
            claim,
            state: verdict.state,
        })
        .collect())
}

fn record(connection: &Connection, task: TaskId, verdict: &Verdict, now: Timestamp) -> Result<()> {
    connection.prepare_cached(REAP)?.execute((
        task.0,
        verdict.state.code(),
        verdict.attempt,
        verdict.crashes,
        verdict.reason.map(Reason::code),
        verdict.state.is_terminal().then_some(now.0),
    ))?;
    Ok(())
}
