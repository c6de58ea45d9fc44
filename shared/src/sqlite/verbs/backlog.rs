//! Backlog: the handler queues with queued tasks, and the age of the oldest.

use rusqlite::Connection;

use super::super::{rows, statement};
use super::claim::heads::heads;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::queue::Backlog;

const BACKLOG: &str = statement(include_str!("../../../queries/backlog.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("backlog", BACKLOG)];

/// Most handler queues whose oldest task is read.
pub(super) const MOST_QUEUES: i64 = 256;

/// Handler queues with queued tasks, except paused ones.
///
/// # Errors
/// The errors of `SQLite`.
pub fn backlog(connection: &Connection) -> Result<Vec<Backlog>> {
    let queues = rows::all(connection, BACKLOG, (MOST_QUEUES, false), |row| {
        let names: (String, String) = (row.get(1)?, row.get(2)?);
        Ok((row.get::<_, i64>(0)?, names))
    })?;
    let mut backlog = Vec::with_capacity(queues.len());
    for (id, (queue, handler)) in queues {
        backlog.extend(oldest(connection, id)?.map(|since| Backlog {
            queue,
            handler,
            since,
        }));
    }
    Ok(backlog)
}

/// Ids of the first `most` handler queues with queued tasks, paused ones too.
pub(super) fn ready(connection: &Connection, most: i64) -> Result<Vec<i64>> {
    rows::all(connection, BACKLOG, (most, true), |row| Ok(row.get(0)?))
}

/// Time since which the oldest queued task of a handler queue could run.
pub(super) fn oldest(connection: &Connection, queue_id: i64) -> Result<Option<Timestamp>> {
    let heads = heads(connection, queue_id)?;
    Ok(heads.iter().map(|head| head.since).min())
}
