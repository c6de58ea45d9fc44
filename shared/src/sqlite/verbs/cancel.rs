//! Cancel: ends waiting tasks, and asks for the end of running ones.

use rusqlite::Connection;

use super::super::statement;
use super::get::state_of;
use super::release::end_hold;
use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::queue::Change;
use crate::state::State;
use crate::task::TaskId;

const CANCEL: &str = statement(include_str!("../../../queries/cancel.sql"));
const CANCEL_REQUEST: &str = statement(include_str!("../../../queries/cancel_request.sql"));
const CANCEL_REASON: &str = statement(include_str!("../../../queries/cancel_reason.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[
    ("cancel", CANCEL),
    ("cancel_request", CANCEL_REQUEST),
    ("cancel_reason", CANCEL_REASON),
];

/// Cancels a task: a waiting one at once, a running one by a request to its worker. A task that was
/// cancelled before stays so.
pub fn cancel(connection: &Connection, id: TaskId, now: Timestamp) -> Result<Change> {
    let Some((state, worker)) = state_of(connection, id)? else {
        return Ok(Change::NotFound);
    };
    match state {
        State::Scheduled | State::Blocked | State::Queued => {
            cancel_waiting(connection, id, now)?;
            Ok(Change::Done(State::Cancelled))
        }
        State::Running => {
            let change = if request_cancel(connection, id, now)? {
                Change::Requested
            } else {
                Change::AlreadyRequested
            };
            worker.map(change).ok_or_else(|| Error::Bug {
                what: format!("task {id} runs without a worker"),
            })
        }
        State::Cancelled => Ok(Change::Already(State::Cancelled)),
        State::Succeeded | State::Failed | State::Skipped => Ok(Change::Refused(state)),
    }
}

/// Cancels a waiting task, and ends its hold.
pub fn cancel_waiting(connection: &Connection, id: TaskId, now: Timestamp) -> Result<()> {
    connection.prepare_cached(CANCEL)?.execute((id.0, now.0))?;
    end_hold(connection, id).map(drop)
}

/// Asks for the end of a running task; false if there was a request before.
pub fn request_cancel(connection: &Connection, id: TaskId, now: Timestamp) -> Result<bool> {
    let mut update = connection.prepare_cached(CANCEL_REQUEST)?;
    Ok(update.execute((id.0, now.0))? > 0)
}

/// Stores a message with cancelled tasks.
pub fn store_reason(connection: &Connection, ids: &[TaskId], why: &str) -> Result<()> {
    let mut update = connection.prepare_cached(CANCEL_REASON)?;
    for id in ids {
        update.execute((id.0, why))?;
    }
    Ok(())
}
