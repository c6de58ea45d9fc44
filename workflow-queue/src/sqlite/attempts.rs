//! Attempts: the ends of a task's executions.

use queue_core::Usage;
use queue_core::claim::WorkerId;
use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::journal::Event;
use queue_core::sqlite::rows;
use queue_core::task::TaskId;
use rusqlite::Connection;

use super::journal;
use super::statements::ATTEMPTS;
use crate::attempt::Attempt;

/// The recorded attempts of a task, the oldest first: those from before the log, then those in it.
pub(crate) fn attempts(connection: &Connection, id: TaskId) -> Result<Vec<Attempt>> {
    let mut attempts = before_log(connection, id)?;
    attempts.extend(
        journal::chain(connection, id)?
            .into_iter()
            .filter_map(attempt),
    );
    Ok(attempts)
}

/// The attempts that were recorded before the log began.
pub(super) fn before_log(connection: &Connection, id: TaskId) -> Result<Vec<Attempt>> {
    rows::all(connection, ATTEMPTS, [id.0], |row| {
        Ok(Attempt {
            token: row.get(0)?,
            attempt: row.get(1)?,
            worker: WorkerId(row.get(2)?),
            started_at: Timestamp(row.get(3)?),
            finished_at: Timestamp(row.get(4)?),
            state: rows::state(row.get(5)?)?,
            exit_code: row.get(6)?,
            signal: row.get(7)?,
            reason: rows::reason(row.get(8)?),
            message: row.get(9)?,
            tail: row.get(10)?,
            usage: Usage::default(),
        })
    })
}

/// The attempt that an event ended, if it did.
fn attempt(event: Event) -> Option<Attempt> {
    let started_at = event.since.filter(|_| event.is_attempt())?;
    Some(Attempt {
        token: event.token?,
        attempt: event.attempt?,
        worker: event.worker?,
        started_at,
        finished_at: event.at,
        state: event.state?,
        exit_code: event.exit_code,
        signal: event.signal,
        reason: event.reason,
        message: event.message,
        tail: event.tail,
        usage: Usage::new(event.cpu_us, event.rss_kb),
    })
}
