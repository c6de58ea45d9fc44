//! Tables of a queue on a server: numbered SQL files, applied in order under a lock. `queue_schema`
//! records the steps.

use super::connection::{Commits, Connection, Query};
use super::fault;
use super::value::Value;
use crate::error::{Error, Result};

/// A step: a file of statements.
#[derive(Clone, Copy, Debug)]
struct Step {
    version: i32,
    sql: &'static str,
}

const STEPS: &[Step] = &[Step {
    version: 1,
    sql: include_str!("../../schema/postgres/001_queue.sql"),
}];

const LOCK: &str = include_str!("../../queries/postgres/migrate_lock.sql");
const LOOK: &str = include_str!("../../queries/postgres/migrate_look.sql");
const VERSION: &str = include_str!("../../queries/postgres/migrate_version.sql");
const PUT: &str = include_str!("../../queries/postgres/migrate_put.sql");
const PUT_FILE: &str = include_str!("../../queries/postgres/put_file.sql");

/// New values for the row in `queue_file`.
#[derive(Clone, Copy, Debug)]
pub struct Creation {
    /// Random id of the queue.
    pub file_id: i64,
}

/// What stands in the schema of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Found {
    /// No schema of that name.
    NoSchema,
    /// A schema without tables of a queue.
    Empty,
    /// A queue, up to this step.
    Queue(i32),
}

/// Makes the tables, or takes the steps that they lack, in one transaction. Waits for another process
/// that does so at the same time, and then finds the work done.
///
/// # Errors
/// [`Error::Unusable`] for a queue of a newer program, for tables that are no whole queue, and for a
/// role that may not make them.
pub fn migrate(connection: &mut Connection, creation: Creation) -> Result<()> {
    if find(connection)? == Found::Queue(newest()) {
        return Ok(());
    }
    let lock = Query::new(LOCK, [Value::from(connection.address().schema())]);
    connection.begin(Commits::Synchronous, vec![lock])?;
    let taken = take_steps(connection, creation);
    if taken.is_err() {
        connection.roll_back();
    }
    taken
}

fn take_steps(connection: &mut Connection, creation: Creation) -> Result<()> {
    // Looked at again under the lock.
    let from = match find(connection)? {
        Found::NoSchema => {
            // A plain name: see `address`.
            let create = format!("CREATE SCHEMA {}", connection.address().schema());
            connection.execute_all(&create)?;
            0
        }
        Found::Empty => 0,
        Found::Queue(version) => version,
    };
    let mut last = Vec::new();
    for step in STEPS.iter().filter(|step| step.version > from) {
        connection.execute_all(step.sql)?;
        last.push(Query::new(PUT, [Value::from(step.version)]));
    }
    if from == 0 {
        last.push(Query::new(PUT_FILE, [Value::from(creation.file_id)]));
    }
    connection.commit(last)?;
    Ok(())
}

fn find(connection: &mut Connection) -> Result<Found> {
    let look = Query::new(LOOK, [Value::from(connection.address().schema())]);
    let replies = connection.trip(&[look])?;
    let row = &replies[0][0];
    let (is_schema, is_queue, is_partial): (bool, bool, bool) =
        (row.get(0), row.get(1), row.get(2));
    match (is_schema, is_queue, is_partial) {
        (false, ..) => return Ok(Found::NoSchema),
        (true, false, false) => return Ok(Found::Empty),
        (true, false, true) => {
            return Err(refused(
                connection,
                "its schema holds tables with the prefix queue_ that are no queue; name another \
                 schema",
            ));
        }
        (true, true, _) => {}
    }
    let replies = connection.trip(&[Query::new(VERSION, [])])?;
    let version: i32 = replies[0][0].get(0);
    if version > newest() {
        return Err(refused(
            connection,
            "the queue was made by a newer workflow-queue; use that version of the program",
        ));
    }
    Ok(Found::Queue(version))
}

fn newest() -> i32 {
    STEPS.last().map_or(0, |step| step.version)
}

fn refused(connection: &Connection, what: &str) -> Error {
    fault::unusable(connection.address(), what.to_owned())
}
