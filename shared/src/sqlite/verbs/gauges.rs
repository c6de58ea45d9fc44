//! Gauges: numbers of tasks by queue and state, counted up to a bound.

use std::collections::HashMap;

use rusqlite::Connection;

use super::super::{rows, statement};
use crate::error::Result;
use crate::queue::gauges::{MOST_OTHERS, MOST_QUEUED, MOST_QUEUED_IN_ALL};
use crate::queue::{Gauges, QueueGauges};
use crate::state::State;

const QUEUES: &str = statement(include_str!("../../../queries/gauges_queues.sql"));
const READY: &str = statement(include_str!("../../../queries/gauges_ready.sql"));
const QUEUED: &str = statement(include_str!("../../../queries/gauges_queued.sql"));
const SCHEDULED: &str = statement(include_str!("../../../queries/gauges_scheduled.sql"));
const RUNNING: &str = statement(include_str!("../../../queries/gauges_running.sql"));
const FAILED: &str = statement(include_str!("../../../queries/gauges_failed.sql"));

const HELD: &str = statement(include_str!("../../../queries/gauges_held.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("gauges_queues", QUEUES),
    ("gauges_ready", READY),
    ("gauges_queued", QUEUED),
    ("gauges_scheduled", SCHEDULED),
    ("gauges_running", RUNNING),
    ("gauges_failed", FAILED),
    ("gauges_held", HELD),
];

/// Most handler queues.
const MOST_QUEUES: u64 = 4_096;

/// Numbers of every queue, without limits. `blocked` selects the queue of each blocked task, at most as
/// many as its parameter; `None` in a file without dependencies, whose blocked tasks are the held ones.
///
/// # Errors
/// The errors of `SQLite`.
pub fn gauges(connection: &Connection, blocked: Option<&'static str>) -> Result<Gauges> {
    let named = rows::all(connection, QUEUES, [MOST_QUEUES.cast_signed()], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, String>(1)?,
            row.get::<_, bool>(2)?,
        ))
    })?;
    let mut queues: Vec<QueueGauges> = Vec::with_capacity(named.len());
    let (mut places, mut by_name) = (HashMap::new(), HashMap::new());
    for (id, name, is_paused) in named {
        let place = *by_name.entry(name.clone()).or_insert(queues.len());
        places.insert(id, place);
        match queues.get_mut(place) {
            Some(queue) => queue.is_paused |= is_paused,
            None => queues.push(QueueGauges::new(name, is_paused)),
        }
    }
    let mut add = |id: i64, to: &dyn Fn(&mut QueueGauges)| {
        if let Some(queue) = places.get(&id).and_then(|place| queues.get_mut(*place)) {
            to(queue);
        }
    };
    for (id, tasks) in queued(connection)? {
        add(id, &|queue| queue.add(State::Queued, tasks));
    }
    let some = |sql| {
        let most = [MOST_OTHERS.cast_signed()];
        rows::all(connection, sql, most, |row| Ok(row.get::<_, i64>(0)?))
    };
    for (state, sql) in [
        (State::Scheduled, SCHEDULED),
        (State::Blocked, blocked.unwrap_or(HELD)),
        (State::Running, RUNNING),
        (State::Failed, FAILED),
    ] {
        for id in some(sql)? {
            add(id, &|queue| queue.add(state, 1));
        }
    }
    for id in some(HELD)? {
        add(id, &|queue| queue.held = queue.held.saturating_add(1));
    }
    Ok(Gauges {
        queues,
        ..Gauges::default()
    })
}

/// Queued tasks by handler queue.
fn queued(connection: &Connection) -> Result<Vec<(i64, u64)>> {
    let most = [MOST_QUEUES.cast_signed()];
    let ready = rows::all(connection, READY, most, |row| Ok(row.get::<_, i64>(0)?))?;
    let mut left = MOST_QUEUED_IN_ALL;
    let mut count = connection.prepare_cached(QUEUED)?;
    let mut found = Vec::with_capacity(ready.len());
    for id in ready {
        // A queue of this list has one at least.
        let most = left.clamp(1, MOST_QUEUED);
        let tasks = count.query_row((id, most.cast_signed()), |row| rows::count(row, 0))?;
        left = left.saturating_sub(tasks);
        found.push((id, tasks));
    }
    Ok(found)
}
