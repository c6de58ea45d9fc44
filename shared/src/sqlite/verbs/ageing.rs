//! Ageing: sets the ageing of a queue.

use rusqlite::Connection;

use super::super::handler_queue::handler_queue_or_create;
use super::super::statement;
use crate::ageing::Ageing;
use crate::error::Result;

const AGEING: &str = statement(include_str!("../../../queries/ageing.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("ageing", AGEING)];

/// Sets the ageing of a queue for all its handlers, also of a queue that was never named before; `None`
/// ends it. Returns true if that changed anything.
pub fn set_ageing(connection: &Connection, queue: &str, ageing: Option<Ageing>) -> Result<bool> {
    if ageing.is_some() {
        handler_queue_or_create(connection, queue, "")?;
    }
    let mut update = connection.prepare_cached(AGEING)?;
    Ok(update.execute((queue, ageing.map(Ageing::stored)))? > 0)
}
