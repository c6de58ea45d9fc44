//! Get: reads a stored task.

use rusqlite::{Connection, OptionalExtension};

use super::super::{rows, statement};
use super::output::output;
use crate::claim::WorkerId;
use crate::error::Result;
use crate::output::Output;
use crate::state::State;
use crate::task::{Task, TaskId};

const GET: &str = statement(include_str!("../../../queries/get.sql"));
const STATE_OF: &str = statement(include_str!("../../../queries/get_state.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub(super) const STATEMENTS: &[(&str, &str)] = &[("get", GET), ("get_state", STATE_OF)];

/// Task of that id, or `None`.
pub fn get(connection: &Connection, id: TaskId) -> Result<Option<Task>> {
    Ok(rows::all(connection, GET, [id.0], rows::task)?.pop())
}

/// Existing tasks of these ids, in this order.
pub fn of_ids(connection: &Connection, ids: Vec<TaskId>) -> Result<Vec<Task>> {
    let mut tasks = Vec::with_capacity(ids.len());
    for id in ids {
        tasks.extend(get(connection, id)?);
    }
    Ok(tasks)
}

/// Existing tasks of these ids, each with the output stored with its last settle.
pub fn with_outputs(
    connection: &Connection,
    ids: &[TaskId],
) -> Result<Vec<(Task, Option<Output>)>> {
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        if let Some(task) = get(connection, *id)? {
            found.push((task, output(connection, *id)?));
        }
    }
    Ok(found)
}

/// State of a task, and the worker of its last claim.
pub fn state_of(connection: &Connection, id: TaskId) -> Result<Option<(State, Option<WorkerId>)>> {
    let mut query = connection.prepare_cached(STATE_OF)?;
    let found: Option<(i64, Option<i64>)> = query
        .query_row([id.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    found
        .map(|(code, worker)| Ok((rows::state(code)?, worker.map(WorkerId))))
        .transpose()
}
