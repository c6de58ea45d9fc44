//! Gauges: numbers of tasks by queue and state, counted up to a bound.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::super::{rows, statement};
use super::backlog;
use crate::error::{Error, Result};
use crate::queue::gauges::{MOST_OTHERS, MOST_QUEUED, MOST_QUEUED_IN_ALL};
use crate::queue::{Gauges, QueueGauges};
use crate::state::State;

const QUEUES: &str = statement(include_str!("../../../queries/gauges_queues.sql"));
const QUEUED: &str = statement(include_str!("../../../queries/gauges_queued.sql"));
const SCHEDULED: &str = statement(include_str!("../../../queries/gauges_scheduled.sql"));
const RUNNING: &str = statement(include_str!("../../../queries/gauges_running.sql"));
const FAILED: &str = statement(include_str!("../../../queries/gauges_failed.sql"));
const HELD: &str = statement(include_str!("../../../queries/gauges_held.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("gauges_queues", QUEUES),
    ("gauges_queued", QUEUED),
    ("gauges_scheduled", SCHEDULED),
    ("gauges_running", RUNNING),
    ("gauges_failed", FAILED),
    ("gauges_held", HELD),
];

/// Most handler queues.
const MOST_QUEUES: i64 = 4_096;

/// Numbers of every queue, without limits. `blocked` selects the queue of each blocked task, at most as
/// ma/// Numbers of every handler queue, without limits. `blocked` selects the queue of each blocked task, at
/// most as many as its parameter; `None` in a file without dependencies, whose blocked tasks are the held
/// ones.
///
/// # Errors
/// The errors of `SQLite`.
pub fn gauges(connection: &Connection, blocked: Option<&'static str>) -> Result<Gauges> {
    let mut queues = named(connection)?;
    count_queued(connection, &mut queues)?;
    let mut count = |sql, add: &dyn Fn(&mut QueueGauges)| {
        let most = [MOST_OTHERS.cast_signed()];
        for id in rows::all(connection, sql, most, |row| Ok(row.get::<_, i64>(0)?))? {
            queues.entry(id).and_modify(add);
        }
        Ok::<_, Error>(())
    };
    for (state, sql) in [
        (State::Scheduled, SCHEDULED),
        (State::Blocked, blocked.unwrap_or(HELD)),
        (State::Running, RUNNING),
        (State::Failed, FAILED),
    ] {
        count(sql, &|queue| queue.add(state, 1))?;
    }
    count(HELD, &|queue| queue.held = queue.held.saturating_add(1))?;
    Ok(Gauges {
        handler_queues: queues.into_values().collect(),
        ..Gauges::default()
    })
}

/// Handler queues by id, in the order in which they were first named.
fn named(connection: &Connection) -> Result<BTreeMap<i64, QueueGauges>> {
    let queues = rows::all(connection, QUEUES, [MOST_QUEUES], |row| {
        let mut queue = QueueGauges::new(row.get::<_, String>(1)?, row.get(3)?);
        queue.handler = row.get(2)?;
        Ok((row.get(0)?, queue))
    })?;
    Ok(queues.into_iter().collect())
}

/// Counts queued tasks, and finds the oldest ones of queues that are not paused.
fn count_queued(connection: &Connection, queues: &mut BTreeMap<i64, QueueGauges>) -> Result<()> {
    let mut left = MOST_QUEUED_IN_ALL;
    let mut unread = backlog::MOST_QUEUES;
    let mut count = connection.prepare_cached(QUEUED)?;
    for id in backlog::ready(connection, MOST_QUEUES)? {
        let Some(queue) = queues.get_mut(&id) else {
            continue;
        };
        // A queue of this list has one at least.
        let most = left.clamp(1, MOST_QUEUED);
        let tasks = count.query_row((id, most.cast_signed()), |row| rows::count(row, 0))?;
        left = left.saturating_sub(tasks);
        queue.add(State::Queued, tasks);
        if unread > 0 && !queue.is_paused {
            unread -= 1;
            queue.since = backlog::oldest(connection, id)?;
        }
    }
    Ok(())
}
