//! Claim in one statement. The statement that takes a row calls the SQL function `queue_claimed`,
//! which keeps the row's values for the program. RETURNING would make a table for its answer at
//! every execution, and a statement that reads the row first needs a transaction around both.

use std::cell::Cell;
use std::sync::Arc;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params};

use super::super::super::rows::{self, Columns};
use crate::claim::{ClaimedTask, Claims, WorkerId};
use crate::error::Result;
use crate::in_turn::InTurn;
use crate::task::Work;

thread_local! {
    /// Task that the current statement of this thread takes.
    static CLAIMED: Cell<Option<ClaimedTask>> = const { Cell::new(None) };
    /// Its queue id, if the statement takes from several queues.
    static TAKEN_FROM: Cell<i64> = const { Cell::new(0) };
    /// True if this version could not read it.
    static UNREADABLE: Cell<bool> = const { Cell::new(false) };
}

/// Arguments of the function: its value, the worker, and the columns of [`rows::claimed_task`]. An
/// engine with dependencies passes one more: true if the task has any. After that comes the queue id in
/// a statement for several queues.
const ARGUMENTS: usize = 2 + rows::CLAIMED_COLUMNS;

/// Number of arguments, as `SQLite` writes a function of any number.
const ANY_NUMBER: i32 = -1;

/// Columns of the taken row among the arguments.
struct Taken<'a, 'c>(&'a Context<'c>);

impl Columns for Taken<'_, '_> {
    fn value(&self, index: usize) -> rusqlite::Result<ValueRef<'_>> {
        Ok(self.0.get_raw(index + 2))
    }
}

/// Adds the function to a connection. No schema may use it.
pub(in super::super::super) fn add_function(connection: &Connection) -> rusqlite::Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DIRECTONLY;
    connection.create_scalar_function("queue_claimed", ANY_NUMBER, flags, |context| {
        let worker = WorkerId(context.get(1)?);
        let mut task = rows::claimed_task(&Taken(context), worker, "")
            .map_err(|error| rusqlite::Error::UserFunctionError(Box::new(error)))?
            .map_err(|task| {
                UNREADABLE.set(true);
                rusqlite::Error::UserFunctionError(format!("task {task} is set aside").into())
            })?;
        if context.len() > ARGUMENTS {
            task.depends = context.get(ARGUMENTS)?;
        }
        if context.len() > ARGUMENTS + 1 {
            TAKEN_FROM.set(context.get(ARGUMENTS + 1)?);
        }
        CLAIMED.set(Some(task));
        context.get::<i64>(0)
    })
}

/// Executes a statement that takes at most one task through the function; `None` if it took none.
/// Queue and handler ('' for commands) are those of the queue id.
///
/// # Errors
/// The errors of `SQLite`, and a token that cannot rise; nothing is taken then. A task that this
/// version cannot read is not taken either; a claim in a transaction sets it aside.
pub fn claim_one(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    (queue, handler): (&Arc<str>, &str),
) -> Result<Option<ClaimedTask>> {
    let mut claimed = take_one(connection, sql, parameters, handler)?;
    if let Some(task) = &mut claimed {
        task.queue = Arc::clone(queue);
    }
    Ok(claimed)
}

/// As [`claim_one`], from the first of several queues with a task. The statement passes the queue id to
/// the function.
///
/// # Errors
/// As [`claim_one`].
pub fn claim_in_turn(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    queues: &InTurn,
) -> Result<Option<Claims>> {
    let claimed = take_one(connection, sql, parameters, queues.handler())?;
    Ok(claimed.map(|task| queues.claims(task, TAKEN_FROM.get())))
}

/// Executes the statement. The task that it takes has no queue yet.
fn take_one(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    handler: &str,
) -> Result<Option<ClaimedTask>> {
    CLAIMED.set(None);
    UNREADABLE.set(false);
    match connection.prepare_cached(sql)?.execute(parameters) {
        Err(_) if UNREADABLE.get() => return Ok(None),
        done => done?,
    };
    let mut claimed = CLAIMED.take();
    if let Some(task) = &mut claimed
        && let Work::Handler { handler: name, .. } = &mut task.work
    {
        handler.clone_into(name);
    }
    Ok(claimed)
}
