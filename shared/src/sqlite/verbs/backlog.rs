//! Backlog: the handler queues with queued tasks, and the age of the oldest.

use rusqlite::Connection;

use super::super::{rows, statement};
use super::claim::heads::heads;
use crate::error::Result;
use crate::queue::Backlog;

const BACKLOG: &str = statement(include_str!("../../../queries/backlog.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("backlog", BACKLOG)];

/// Most handler queues.
const MOST_QUEUES: i64 = 256;

/// Handler queues with queued tasks, except paused ones.
///
/// # Errors
/// The errors of `SQLite`.
pub fn backlog(connection: &Connection) -> Result<Vec<Backlog>> {
    let queues = rows::all(connection, BACKLOG, [MOST_QUEUES], |row| {
        let names: (String, String) = (row.get(1)?, row.get(2)?);
        Ok((row.get::<_, i64>(0)?, names))
    })?;
    let mut backlog = Vec::with_capacity(queues.len());
    for (id, (queue, handler)) in queues {
        let since = heads(connection, id)?.iter().map(|head| head.since).min();
        backlog.extend(since.map(|since| Backlog {
            queue,
            handler,
            since,
        }));
    }
    Ok(backlog)
}
