//! Files full of tasks, by plain bulk inserts: what is measured is what comes after.

use queue_core::State;
use queue_core::clock::{Clock, SystemClock, Timestamp};
use rusqlite::{Connection, params};

use crate::Result;

const FILL: &str = include_str!("../../queries/fill.sql");
const ADD_LANE: &str = include_str!("../../queries/add_lane.sql");

/// Adds a queue's lane for commands ('') or a handler and returns its id.
pub(super) fn add_lane(
    connection: &Connection,
    queue: &str,
    handler: &str,
    paused_at: Option<Timestamp>,
) -> Result<i64> {
    let row = params![queue, handler, paused_at.map(|at| at.0)];
    Ok(connection.query_row(ADD_LANE, row, |row| row.get(0))?)
}

/// Adds that many tasks of one state, of priorities from `priority` to nine above it.
pub(super) fn insert(
    connection: &Connection,
    tasks: i64,
    queue: i64,
    state: State,
    priority: i32,
) -> Result<()> {
    let now = SystemClock.now().wall;
    let run_at = (state == State::Scheduled).then_some(Timestamp::MAX.0);
    let finished_at = state.is_terminal().then_some(now.0);
    connection.execute(
        FILL,
        params![
            tasks,
            queue,
            state.code(),
            priority,
            now.0,
            run_at,
            finished_at
        ],
    )?;
    Ok(())
}
