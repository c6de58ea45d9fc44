//! Heartbeat: extends leases, and finds those that have run out.

use std::time::Duration;

use queue_core::claim::{Claim, Held, WorkerId};
use queue_core::clock::BootTime;
use queue_core::error::Result;
use queue_core::sqlite::{rows, verbs};
use queue_core::task::TaskId;
use rusqlite::Connection;

use super::statements::{HEARTBEAT, HEARTBEAT_LEASES, HEARTBEAT_PROBE};
use crate::lease::is_over;
use crate::queue::WorkflowQueue;

/// Extends the leases of claims that still hold, on a connection of its own. Returns the state of
/// each claim.
pub(crate) fn heartbeat(queue: &WorkflowQueue, claims: &[Claim]) -> Result<Vec<Held>> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    queue.check_promoted()?;
    let database = queue.database();
    database.heartbeat(patience(queue), |connection| {
        // Read inside the transaction: the lease is whole, however long the writer waited.
        let until = database.now().boot.after(queue.lease_duration());
        extend(connection, claims, until)
    })
}

/// Writes the pages that a heartbeat of these claims would write, without changing a value.
pub(crate) fn probe(queue: &WorkflowQueue, claims: &[Claim]) -> Result<()> {
    queue.check_promoted()?;
    let database = queue.database();
    database.heartbeat(patience(queue), |connection| touch(connection, claims))
}

/// Longest wait of a heartbeat for other writers.
fn patience(queue: &WorkflowQueue) -> Duration {
    queue
        .database()
        .busy_timeout()
        .min(queue.lease_duration() / 3)
}

/// The claims whose lease has run out.
pub(crate) fn expired(queue: &WorkflowQueue) -> Result<Vec<Claim>> {
    let counter = Some(queue.database().change_counter()?);
    let mut at_rest = queue.at_rest();
    if *at_rest == counter {
        return Ok(Vec::new());
    }
    let running = queue.read(running)?;
    if running.is_empty() {
        *at_rest = counter;
    }
    let now = queue.database().now().boot;
    let over = |(claim, until): Leased| is_over(until, now).then_some(claim);
    Ok(running.into_iter().filter_map(over).collect())
}

fn extend(connection: &Connection, claims: &[Claim], until: BootTime) -> Result<Vec<Held>> {
    let mut update = connection.prepare_cached(HEARTBEAT)?;
    for claim in claims {
        update.execute((claim.task.0, claim.token, claim.worker.0, until.0))?;
    }
    verbs::held(connection, claims)
}

/// Writes the rows that a heartbeat of these claims would write, and restores their values. A
/// changed page is written at the commit even if its content is the same by then.
fn touch(connection: &Connection, claims: &[Claim]) -> Result<()> {
    let mut update = connection.prepare_cached(HEARTBEAT_PROBE)?;
    for by in [1, -1] {
        for claim in claims {
            update.execute((claim.task.0, claim.token, claim.worker.0, by))?;
        }
    }
    Ok(())
}

/// A claim and the end of its lease; `None` for a claim from before the promotion.
type Leased = (Claim, Option<BootTime>);

/// The claims of all running tasks; reads running rows only.
fn running(connection: &Connection) -> Result<Vec<Leased>> {
    rows::all(connection, HEARTBEAT_LEASES, [], |row| {
        let claim = Claim {
            task: TaskId(row.get(0)?),
            token: row.get(1)?,
            worker: WorkerId(row.get(2)?),
        };
        Ok((claim, row.get::<_, Option<i64>>(3)?.map(BootTime)))
    })
}
