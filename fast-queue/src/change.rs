//! Cancel and retry: what a person or program changes about tasks.

use queue_core::clock::Timestamp;
use queue_core::error::{Error, Result};
use queue_core::queue::Change;
use queue_core::sqlite::{statement, write};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::Connection;

pub(crate) const CANCEL: &str = statement(include_str!("../queries/cancel.sql"));
pub(crate) const CANCEL_REQUEST: &str = statement(include_str!("../queries/cancel_request.sql"));
pub(crate) const RETRY: &str = statement(include_str!("../queries/retry.sql"));

/// Calls tasks off, within the caller's transaction. One that was called off before stays so.
pub(crate) fn cancel(
    connection: &Connection,
    ids: &[TaskId],
    now: Timestamp,
) -> Result<Vec<Change>> {
    ids.iter()
        .map(|id| cancel_one(connection, *id, now))
        .collect()
}

fn cancel_one(connection: &Connection, id: TaskId, now: Timestamp) -> Result<Change> {
    let Some((state, worker)) = write::state_of(connection, id)? else {
        return Ok(Change::NotFound);
    };
    match state {
        State::Scheduled | State::Blocked | State::Queued => {
            connection.prepare_cached(CANCEL)?.execute((id.0, now.0))?;
            Ok(Change::Done(State::Cancelled))
        }
        State::Running => {
            let mut update = connection.prepare_cached(CANCEL_REQUEST)?;
            update.execute((id.0, now.0))?;
            worker.map(Change::Requested).ok_or_else(|| Error::Bug {
                what: format!("task {id} runs without a worker"),
            })
        }
        State::Cancelled => Ok(Change::Done(State::Cancelled)),
        State::Succeeded | State::Failed | State::Skipped => Ok(Change::Refused(state)),
    }
}

/// Queues ended tasks again, within the caller's transaction.
pub(crate) fn retry(connection: &Connection, ids: &[TaskId]) -> Result<Vec<Change>> {
    let mut update = connection.prepare_cached(RETRY)?;
    let mut changes = Vec::with_capacity(ids.len());
    for id in ids {
        changes.push(if update.execute([id.0])? == 1 {
            Change::Done(State::Queued)
        } else {
            write::state_of(connection, *id)?
                .map_or(Change::NotFound, |(state, _)| Change::Refused(state))
        });
    }
    Ok(changes)
}

/// How many of the changes were made.
pub(crate) fn done(changes: &[Change]) -> usize {
    let done = |change: &&Change| matches!(change, Change::Done(_));
    changes.iter().filter(done).count()
}
