//! Handler queues: the rows of `queue_queues`, each a queue's part for one handler or for commands.

use rusqlite::{Connection, OptionalExtension};

use super::statement;
use crate::error::{Error, Result};

const HANDLER_QUEUE: &str = statement(include_str!("../../queries/handler_queue.sql"));
const HANDLER_QUEUE_CREATE: &str =
    statement(include_str!("../../queries/handler_queue_create.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub const HANDLER_QUEUE_STATEMENTS: [(&str, &str); 2] = [
    ("handler_queue", HANDLER_QUEUE),
    ("handler_queue_create", HANDLER_QUEUE_CREATE),
];

/// Row of `queue_queues`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandlerQueue {
    /// Queue id, as in `queue_tasks.queue`.
    pub id: i64,
    /// True if fast-queue may write to it.
    pub fast: bool,
    /// True if claims skip it.
    pub paused: bool,
}

/// Handler queue of a queue and handler ('' for commands), if a task or a pause ever named it.
pub fn handler_queue(
    connection: &Connection,
    queue: &str,
    handler: &str,
) -> Result<Option<HandlerQueue>> {
    let mut query = connection.prepare_cached(HANDLER_QUEUE)?;
    Ok(query.query_row((queue, handler), read_row).optional()?)
}

/// Handler queue of a queue and handler. Creates it if there is none.
pub fn handler_queue_or_create(
    connection: &Connection,
    queue: &str,
    handler: &str,
) -> Result<HandlerQueue> {
    if let Some(found) = handler_queue(connection, queue, handler)? {
        return Ok(found);
    }
    let mut insert = connection.prepare_cached(HANDLER_QUEUE_CREATE)?;
    let mut created = insert.query((queue, handler))?;
    let mut inserted = None;
    while let Some(row) = created.next()? {
        inserted = Some(read_row(row)?);
    }
    inserted.ok_or_else(|| Error::Bug {
        what: "a queue was not created".to_owned(),
    })
}

fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<HandlerQueue> {
    Ok(HandlerQueue {
        id: row.get(0)?,
        fast: row.get(1)?,
        paused: row.get::<_, Option<i64>>(2)?.is_some(),
    })
}
