//! Reprioritize: changes the priority of waiting tasks.

use rusqlite::Connection;

use super::super::statement;
use super::get::state_of;
use crate::error::Result;
use crate::queue::Change;
use crate::task::TaskId;

const REPRIORITIZE: &str = statement(include_str!("../../../queries/reprioritize.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("reprioritize", REPRIORITIZE)];

/// Changes the priority of waiting tasks.
pub fn reprioritize(connection: &Connection, ids: &[TaskId], priority: i32) -> Result<Vec<Change>> {
    let mut update = connection.prepare_cached(REPRIORITIZE)?;
    let mut changes = Vec::with_capacity(ids.len());
    for id in ids {
        let waited = update.execute((id.0, priority))? > 0;
        changes.push(match state_of(connection, *id)? {
            None => Change::NotFound,
            Some((state, _)) if waited => Change::Done(state),
            Some((state, _)) => Change::Refused(state),
        });
    }
    Ok(changes)
}
