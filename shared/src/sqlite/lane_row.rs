//! Rows of `queue_queues`: a queue's part for one handler, or for commands.

use rusqlite::{Connection, OptionalExtension};

use super::statement;
use crate::error::{Error, Result};

const LANE: &str = statement(include_str!("../../queries/lane.sql"));
const LANE_CREATE: &str = statement(include_str!("../../queries/lane_create.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub const LANE_STATEMENTS: [(&str, &str); 2] = [("lane", LANE), ("lane_create", LANE_CREATE)];

/// A row of `queue_queues`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Its number in `queue_tasks.queue`.
    pub id: i64,
    /// Whether fast-queue may write to it.
    pub fast: bool,
    /// Whether nothing is claimed from it.
    pub paused: bool,
}

/// The lane of a queue and handler ('' for commands), if it was ever named.
pub fn lane(connection: &Connection, queue: &str, handler: &str) -> Result<Option<Lane>> {
    let mut query = connection.prepare_cached(LANE)?;
    Ok(query.query_row((queue, handler), lane_row).optional()?)
}

/// The lane of a queue and handler, made if there is none.
pub fn lane_or_create(connection: &Connection, queue: &str, handler: &str) -> Result<Lane> {
    if let Some(found) = lane(connection, queue, handler)? {
        return Ok(found);
    }
    let mut insert = connection.prepare_cached(LANE_CREATE)?;
    let mut created = insert.query((queue, handler))?;
    let mut lane = None;
    while let Some(row) = created.next()? {
        lane = Some(lane_row(row)?);
    }
    lane.ok_or_else(|| Error::Bug {
        what: "a queue was not created".to_owned(),
    })
}

fn lane_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Lane> {
    Ok(Lane {
        id: row.get(0)?,
        fast: row.get(1)?,
        paused: row.get::<_, Option<i64>>(2)?.is_some(),
    })
}
