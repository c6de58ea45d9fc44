//! A task that waits for nothing but its time.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::state::State;
use queue_core::task::NewTask;
use rusqlite::Params;

/// Where a task stands that waits for nothing but its time.
pub(super) fn free_state(task: &NewTask, now: Timestamp) -> State {
    if task.run_at.is_some_and(|at| at > now) {
        State::Scheduled
    } else {
        State::Queued
    }
}

/// The parameters of enqueue.sql.
pub(super) fn plain_row<'a>(
    lane: i64,
    state: State,
    task: &'a NewTask,
    now: Timestamp,
    payload: &'a [u8],
) -> Result<impl Params + 'a> {
    Ok((
        lane,
        state.code(),
        task.priority,
        task.work.kind(),
        now.0,
        task.run_at.map(|at| at.0),
        &task.name,
        payload,
        task.options.to_row()?,
        task.key.as_deref(),
    ))
}
