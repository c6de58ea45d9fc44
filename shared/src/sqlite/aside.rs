//! Tasks that this program cannot read, because a newer one wrote them. Claims set them aside, so
//! that no worker of this program meets them again and again. The first worker that can read them
//! takes them back, at its start or when it looks at the other workers.
//!
//! A task that is set aside stays queued, in a handler queue of its own that no worker serves. So a
//! claim has nothing more to check, and every other operation on waiting tasks still finds it.

use rusqlite::{Connection, OptionalExtension};

use super::handler_queue::{HandlerQueue, handler_queue_or_create};
use super::unreadable::problem;
use super::{rows, statement};
use crate::error::Result;
use crate::names::ASIDE_HANDLER;
use crate::task::TaskId;

const SET_ASIDE: &str = statement(include_str!("../../queries/set_aside.sql"));
const QUEUE_OF_TASK: &str = statement(include_str!("../../queries/queue_of_task.sql"));
const QUEUES_ASIDE: &str = statement(include_str!("../../queries/queues_aside.sql"));
const TASKS_ASIDE: &str = statement(include_str!("../../queries/tasks_aside.sql"));

/// Every statement of this module by its file's name, for plan tests.
#[cfg(feature = "internals")]
pub const STATEMENTS: [(&str, &str); 4] = [
    ("set_aside", SET_ASIDE),
    ("queue_of_task", QUEUE_OF_TASK),
    ("queues_aside", QUEUES_ASIDE),
    ("tasks_aside", TASKS_ASIDE),
];

/// Most tasks that one claim sets aside, so that a great many delay no one.
pub const AT_MOST: usize = 1000;

/// Sets a queued task aside, within a claim. Returns its new handler queue.
///
/// # Errors
/// The errors of `SQLite`.
pub fn set_aside(connection: &Connection, task: TaskId) -> Result<Option<HandlerQueue>> {
    let mut query = connection.prepare_cached(QUEUE_OF_TASK)?;
    let found: Option<(i64, String)> = query
        .query_row([task.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((from, queue)) = found else {
        return Ok(None);
    };
    let aside = handler_queue_or_create(connection, &queue, &format!("{ASIDE_HANDLER}{from}"))?;
    connection
        .prepare_cached(SET_ASIDE)?
        .execute((task.0, aside.id))?;
    Ok(Some(aside))
}

/// Takes back tasks that were set aside and that this program can read. Returns their number.
///
/// # Errors
/// The errors of `SQLite`.
pub fn take_back(connection: &Connection) -> Result<usize> {
    let readable = readable(connection)?;
    let mut update = connection.prepare_cached(SET_ASIDE)?;
    for (task, from) in &readable {
        update.execute((task, from))?;
    }
    Ok(readable.len())
}

/// Tasks that were set aside and that this program can read, each with the id of the queue it came
/// from.
///
/// # Errors
/// The errors of `SQLite`.
pub fn readable(connection: &Connection) -> Result<Vec<(i64, i64)>> {
    let mut readable = Vec::new();
    let queues = rows::all(connection, QUEUES_ASIDE, [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))
    })?;
    for (aside, from) in queues {
        let tasks = rows::all(connection, TASKS_ASIDE, [aside], |row| {
            let stored = (row.get(1)?, row.get(2)?);
            Ok((row.get::<_, i64>(0)?, problem(stored, rows::text(row, 3)?)))
        })?;
        let tasks = tasks.into_iter().filter(|(_, problem)| problem.is_none());
        readable.extend(tasks.map(|(task, _)| (task, from)));
    }
    Ok(readable)
}
