//! Queues: every queue and handler of a file.

use rusqlite::Connection;

use super::super::{rows, statement};
use crate::ageing::Ageing;
use crate::error::Result;
use crate::queue::QueueInfo;

const QUEUES: &str = statement(include_str!("../../../queries/queues.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("queues", QUEUES)];

/// Every handler queue.
pub fn queues(connection: &Connection) -> Result<Vec<QueueInfo>> {
    rows::all(connection, QUEUES, [], |row| {
        Ok(QueueInfo {
            name: row.get(0)?,
            handler: row.get(1)?,
            paused_at: rows::time(row, 2)?,
            queued: rows::count(row, 3)?,
            ageing: Ageing::of_stored(row.get(4)?),
        })
    })
}
