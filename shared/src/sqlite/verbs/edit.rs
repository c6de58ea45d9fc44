//! Edit: new values for a waiting task, except for its time.

use rusqlite::Connection;

use super::super::statement;
use super::get::get;
use crate::error::Result;
use crate::queue::{Change, Edit};
use crate::task::TaskId;

const EDIT: &str = statement(include_str!("../../../queries/edit.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("edit", EDIT)];

/// Gives a waiting task new values. Leaves its time, and its state, which its time decides.
pub fn edit(connection: &Connection, id: TaskId, edit: &Edit) -> Result<Change> {
    let Some(task) = get(connection, id)? else {
        return Ok(Change::NotFound);
    };
    if !task.state.is_waiting() {
        return Ok(Change::Refused(task.state));
    }
    let edited = edit.applied_to(&task)?;
    connection.prepare_cached(EDIT)?.execute((
        id.0,
        &edited.name,
        edited.work.kind(),
        &edited.work.to_payload()[..],
        edited.priority,
        edited.options.to_row()?,
    ))?;
    Ok(Change::Done(task.state))
}
