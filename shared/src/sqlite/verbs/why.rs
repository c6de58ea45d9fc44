//! Why: reasons for a task to wait that both engines know.

use rusqlite::Connection;

use super::super::{rows, statement};
use crate::error::Result;
use crate::queue::{ClaimOrder, Waits};
use crate::state::State;
use crate::task::TaskId;

const WAITS: &str = statement(include_str!("../../../queries/why.sql"));
const CLAIM_ORDER: &str = statement(include_str!("../../../queries/why_claim_order.sql"));
const WAITS_BEHIND: &str = statement(include_str!("../../../queries/why_behind.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("why", WAITS),
    ("why_claim_order", CLAIM_ORDER),
    ("why_behind", WAITS_BEHIND),
];

/// Reasons for a task to wait that the core line knows: its hold, its time, its queue's pause, the
/// tasks before it. For many tasks, `order` keeps the orders that were read.
pub fn waits(
    connection: &Connection,
    id: TaskId,
    order: Option<&mut ClaimOrder>,
) -> Result<Vec<Waits>> {
    let found = rows::all(connection, WAITS, [id.0], |row| {
        Ok((
            rows::state(row.get(0)?)?,
            row.get::<_, i64>(1)?,
            rows::time(row, 2)?,
            row.get::<_, Option<i64>>(3)?.is_some(),
            row.get::<_, i64>(4)?,
            rows::time(row, 5)?,
            rows::time(row, 6)?,
        ))
    })?;
    let Some((state, priority, run_at, retry, queue_id, paused_at, held_at)) =
        found.into_iter().next()
    else {
        return Ok(Vec::new());
    };
    let mut waits = Vec::new();
    if !state.is_waiting() {
        return Ok(waits);
    }
    if let Some(since) = held_at {
        waits.push(Waits::Held { since });
    }
    if let (State::Scheduled, Some(run_at)) = (state, run_at) {
        waits.push(Waits::Time { run_at, retry });
    }
    if let Some(since) = paused_at {
        waits.push(Waits::Paused { since });
    }
    if state == State::Queued {
        let known = match order {
            Some(order) => order
                .of(queue_id, || claim_order(connection, queue_id))?
                .get(&id),
            None => None,
        };
        let tasks = if let Some(tasks) = known {
            *tasks
        } else {
            let mut query = connection.prepare_cached(WAITS_BEHIND)?;
            query.query_row((queue_id, priority, id.0), |row| rows::count(row, 0))?
        };
        if tasks > 0 {
            waits.push(Waits::Behind { tasks });
        }
    }
    Ok(waits)
}

/// Claimable tasks of a handler queue, in claim order.
fn claim_order(connection: &Connection, queue_id: i64) -> Result<Vec<TaskId>> {
    rows::all(connection, CLAIM_ORDER, [queue_id], |row| {
        Ok(TaskId(row.get(0)?))
    })
}
