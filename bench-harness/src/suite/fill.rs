//! Fills files with tasks by plain bulk inserts; only later operations are measured.

use queue_core::State;
use queue_core::clock::{Clock, SystemClock, Timestamp};
use rusqlite::{Connection, params};

use crate::Result;

const FILL: &str = include_str!("../../queries/fill.sql");
const FILL_KEY: &str = include_str!("../../queries/fill_key.sql");

/// Disk space of a task while its file is filled: its row, its index entries, and the log of both.
/// Measured 200 to 230.
pub(super) const BYTES_A_TASK: u64 = 250;

/// Inserts that many tasks in one state, with priorities from `priority` to nine above it.
pub(super) fn insert(
    connection: &Connection,
    tasks: i64,
    queue_id: i64,
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
            queue_id,
            state.code(),
            priority,
            now.0,
            run_at,
            finished_at
        ],
    )?;
    Ok(())
}

/// Inserts that many tasks that wait for a limit key, with priorities from `priority` on.
pub(super) fn insert_keyed(
    connection: &Connection,
    tasks: i64,
    queue_id: i64,
    key: &[u8],
    priority: i32,
) -> Result<()> {
    let now = SystemClock.now().wall.0;
    connection.execute(FILL_KEY, params![tasks, queue_id, priority, now, key])?;
    Ok(())
}
