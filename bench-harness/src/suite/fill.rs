//! Files full of tasks, by plain bulk inserts: what is measured is what comes after.

use queue_core::State;
use queue_core::clock::{Clock, SystemClock, Timestamp};
use rusqlite::{Connection, params};

use crate::Result;

const FILL: &str = include_str!("../../queries/fill.sql");
const FILL_KEY: &str = include_str!("../../queries/fill_key.sql");

/// What a task takes on disk while its file is filled: its row, its places in the indexes, and the
/// log of all that. Measured 200 to 230.
pub(super) const BYTES_A_TASK: u64 = 250;

/// Adds that many tasks of one state, of priorities from `priority` to nine above it.
pub(super) fn insert(
    connection: &Connection,
    tasks: i64,
    lane: i64,
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
            lane,
            state.code(),
            priority,
            now.0,
            run_at,
            finished_at
        ],
    )?;
    Ok(())
}

/// Adds that many tasks that wait for a slot of a limit key, of priorities from `priority` on.
pub(super) fn insert_keyed(
    connection: &Connection,
    tasks: i64,
    lane: i64,
    key: &[u8],
    priority: i32,
) -> Result<()> {
    let now = SystemClock.now().wall.0;
    connection.execute(FILL_KEY, params![tasks, lane, priority, now, key])?;
    Ok(())
}
