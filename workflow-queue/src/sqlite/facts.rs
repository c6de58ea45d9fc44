//! Facts: the properties of a task that only this engine has.

use queue_core::error::Result;
use queue_core::sqlite::rows;
use queue_core::task::TaskId;
use rusqlite::Connection;

use super::schedules;
use super::statements::{FACTS, TREE_SPAWNED};
use crate::details::Details;

/// The properties of a task that only this engine has.
pub(crate) fn details(connection: &Connection, id: TaskId) -> Result<Option<Details>> {
    let found = rows::all(connection, FACTS, [id.0], |row| {
        Ok(Details {
            workflow: row.get::<_, Option<i64>>(0)?.map(TaskId),
            spawner: row.get::<_, Option<i64>>(1)?.map(TaskId),
            limit_key: row.get(2)?,
            deadline_at: rows::time(row, 3)?,
            schedule: None,
            slot_at: None,
        })
    })?;
    let Some(details) = found.into_iter().next() else {
        return Ok(None);
    };
    let (schedule, slot_at) = schedules::of_task(connection, id)?.unzip();
    Ok(Some(Details {
        schedule,
        slot_at: slot_at.flatten(),
        ..details
    }))
}

/// The tasks that a task added while it ran, in the order of their ids.
pub(crate) fn spawned(connection: &Connection, id: TaskId) -> Result<Vec<TaskId>> {
    rows::all(connection, TREE_SPAWNED, [id.0], |row| {
        Ok(TaskId(row.get(0)?))
    })
}
