//! Queue ids in a file.

use rusqlite::Connection;

use super::statement;
use crate::queue_ids::Learned;

const QUEUE_IDS: &str = statement(include_str!("../../queries/queue_ids.sql"));

/// Ids in a file that is being opened. The others are read when a task first names them.
pub(super) fn known(connection: &Connection) -> rusqlite::Result<Vec<Learned>> {
    connection
        .prepare(QUEUE_IDS)?
        .query_map([], |row| {
            Ok(Learned {
                id: row.get(0)?,
                queue: row.get(1)?,
                handler: row.get(2)?,
            })
        })?
        .collect()
}
