//! Pause and resume: stops and resumes claims from a queue.

use rusqlite::Connection;

use super::super::handler_queue::handler_queue_or_create;
use super::super::statement;
use crate::clock::Timestamp;
use crate::error::Result;

const PAUSE: &str = statement(include_str!("../../../queries/pause.sql"));
const RESUME: &str = statement(include_str!("../../../queries/resume.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("pause", PAUSE), ("resume", RESUME)];

/// Pauses or resumes a queue for all its handlers, also a queue that was never named before. Returns
/// true if that changed anything.
pub fn set_paused(
    connection: &Connection,
    queue: &str,
    paused: bool,
    now: Timestamp,
) -> Result<bool> {
    let changed = if paused {
        handler_queue_or_create(connection, queue, "")?;
        connection.prepare_cached(PAUSE)?.execute((queue, now.0))?
    } else {
        connection.prepare_cached(RESUME)?.execute([queue])?
    };
    Ok(changed > 0)
}
