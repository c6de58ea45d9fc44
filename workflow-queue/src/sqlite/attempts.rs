//! Attempts: the records of a task's executions.

use queue_core::claim::WorkerId;
use queue_core::clock::Timestamp;
use queue_core::error::Result;
use queue_core::sqlite::rows;
use queue_core::task::TaskId;
use rusqlite::Connection;

use super::statements::ATTEMPTS;
use crate::attempt::Attempt;

/// The recorded attempts of a task, the oldest first.
pub(crate) fn attempts(connection: &Connection, id: TaskId) -> Result<Vec<Attempt>> {
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
        })
    })
}
