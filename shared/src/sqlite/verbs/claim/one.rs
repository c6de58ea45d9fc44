//! A claim in one statement: the SQL function `queue_claimed`, called by the statement that takes a
//! row, keeps what the row holds for the program. RETURNING would make a table for its answer at
//! every execution; a statement that reads the row first needs a transaction around both.

use std::cell::Cell;

use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params};

use super::super::super::rows::{self, Columns};
use crate::claim::{ClaimedTask, WorkerId};
use crate::error::Result;
use crate::task::Work;

thread_local! {
    /// The task that the statement under way on this thread takes.
    static CLAIMED: Cell<Option<ClaimedTask>> = const { Cell::new(None) };
    /// Whether this version could not read it.
    static UNREADABLE: Cell<bool> = const { Cell::new(false) };
}

/// The function's arguments: its value, the worker, and the columns of [`rows::claimed_task`]. An
/// engine with dependencies gives one more, whether the task has any.
const ARGUMENTS: usize = 2 + rows::CLAIMED_COLUMNS;

/// What `SQLite` calls a function of that.
const ANY_NUMBER: i32 = -1;

/// The columns of the row that is taken, among the arguments.
struct Taken<'a, 'c>(&'a Context<'c>);

impl Columns for Taken<'_, '_> {
    fn value(&self, index: usize) -> rusqlite::Result<ValueRef<'_>> {
        Ok(self.0.get_raw(index + 2))
    }
}

/// Gives a connection the function. No schema may use it.
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
        CLAIMED.set(Some(task));
        context.get::<i64>(0)
    })
}

/// Executes a statement that takes at most one task by way of the function; `None` where
/// it took none. The handler is that of the queue id, '' for commands.
///
/// # Errors
/// What `SQLite` refuses, and a token that cannot rise; nothing is taken then. Nor is a task that this
/// version cannot read, which a claim in a transaction sets aside.
pub fn claim_one(
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
    if let Some(ClaimedTask {
        work: Work::Handler { handler: name, .. },
        ..
    }) = &mut claimed
    {
        handler.clone_into(name);
    }
    Ok(claimed)
}
