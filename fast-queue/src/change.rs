//! Cancel and retry: what a person or program changes about tasks.

use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::{statement, write};
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::Connection;

pub(crate) const RETRY: &str = statement(include_str!("../queries/retry.sql"));

/// Cancels tasks, within the caller's transaction. One that was cancelled before stays so.
pub(crate) fn cancel(
    connection: &Connection,
    ids: &[TaskId],
    now: Timestamp,
) -> Result<Vec<Change>> {
    ids.iter()
        .map(|id| write::cancel(connection, *id, now))
        .collect()
}

/// Queues ended tasks again, within the caller's transaction.
pub(crate) fn retry(connection: &Connection, ids: &[TaskId]) -> Result<Vec<Change>> {
    let mut update = connection.prepare_cached(RETRY)?;
    let mut changes = Vec::with_capacity(ids.len());
    for id in ids {
        changes.push(if update.execute([id.0])? == 1 {
            write::retried(connection, *id)?;
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
