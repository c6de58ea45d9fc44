//! Why: reasons for a task to wait that both engines know.

use std::collections::{HashMap, VecDeque};

use rusqlite::Connection;

use super::super::{rows, statement};
use super::claim::heads::head;
use crate::ageing::{Ageing, Head};
use crate::error::Result;
use crate::queue::{ClaimOrder, Waits};
use crate::state::State;
use crate::task::TaskId;

const WAITS: &str = statement(include_str!("../../../queries/why.sql"));
const CLAIM_ORDER: &str = statement(include_str!("../../../queries/why_claim_order.sql"));
const AGED_ORDER: &str = statement(include_str!("../../../queries/why_aged_order.sql"));
const WAITS_BEHIND: &str = statement(include_str!("../../../queries/why_behind.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("why", WAITS),
    ("why_claim_order", CLAIM_ORDER),
    ("why_aged_order", AGED_ORDER),
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
            Ageing::of_stored(row.get(7)?),
        ))
    })?;
    let Some((state, priority, run_at, retry, queue_id, paused_at, held_at, ageing)) =
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
        // With ageing, the tasks before one cannot be counted without reading the order.
        let mut own = ClaimOrder::default();
        let order = order.or_else(|| ageing.map(|_| &mut own));
        let known = match order {
            Some(order) => order
                .of(queue_id, || claim_order(connection, queue_id, ageing))?
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
            waits.push(Waits::Behind { tasks, ageing });
        }
    }
    Ok(waits)
}

/// Claimable tasks of a handler queue, in claim order.
fn claim_order(
    connection: &Connection,
    queue_id: i64,
    ageing: Option<Ageing>,
) -> Result<Vec<TaskId>> {
    let Some(ageing) = ageing else {
        return rows::all(connection, CLAIM_ORDER, [queue_id], |row| {
            Ok(TaskId(row.get(0)?))
        });
    };
    let tasks = rows::all(connection, AGED_ORDER, [queue_id], |row| head(row, 0))?;
    let of_priority = |one: &Head, other: &Head| one.priority == other.priority;
    let mut levels: HashMap<i32, VecDeque<Head>> = tasks
        .chunk_by(of_priority)
        .map(|level| (level[0].priority, level.iter().copied().collect()))
        .collect();
    let heads: Vec<Head> = levels
        .values_mut()
        .filter_map(VecDeque::pop_front)
        .collect();
    let next = |last: &Head| Ok(levels.get_mut(&last.priority).and_then(VecDeque::pop_front));
    let order = ageing.merge(heads, tasks.len(), next)?;
    Ok(order.into_iter().map(|head| head.task).collect())
}
