//! `verify`: invariants of a file. Each is a statement that finds violations, or a function where
//! SQL is not enough. An engine adds those of its own tables.
//!
//! All invariants are checked in one read transaction, because counts have to agree with the rows
//! of the same moment. `SQLite`'s own check, which takes about as long, has another. During either
//! transaction, the write-ahead log grows by what others write; it starts over afterwards.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::Connection;

use super::database::Database;
use super::fault::{Fault, cause};
use super::lines::{CORE, SchemaLine, WORKFLOW};
use super::migrate;
use super::{rows, statement};
use crate::error::{Error, Result};
use crate::options::TaskOptions;
use crate::queue::{Invariant, Repaired};
use crate::state::State;
use crate::task::Work;

const INTEGRITY_CHECK: &str = statement(include_str!("../../queries/integrity_check.sql"));
const CREATE_SCHEMA: &str = statement(include_str!("../../queries/create_schema.sql"));
const SCHEMA_OBJECTS: &str = statement(include_str!("../../queries/verify/schema_objects.sql"));
const STORED: &str = statement(include_str!("../../queries/verify/stored.sql"));

/// Violations of one invariant that are described in words.
const EXAMPLES: usize = 10;

/// Invariant in SQL.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Condition that has to hold, in a few words.
    pub name: &'static str,
    /// Statement that returns a row for each violation; the first column describes it.
    pub finds: &'static str,
    /// Statement that repairs whatever `finds` returned, if other rows tell how.
    pub repairs: Option<&'static str>,
}

/// Makes a check of a `.sql` file, and of the one that repairs.
#[macro_export]
#[doc(hidden)]
macro_rules! checks {
    ($folder:literal: $($name:literal => $file:literal $(repaired by $repair:literal)?),+ $(,)?) => {
        &[$($crate::sqlite::verify::Check {
            name: $name,
            finds: $crate::sqlite::statement(include_str!(concat!($folder, $file, ".sql"))),
            repairs: $crate::checks!(@repair $folder $($repair)?),
        }),+]
    };
    (@repair $folder:literal) => { None };
    (@repair $folder:literal $repair:literal) => {
        Some($crate::sqlite::statement(include_str!(concat!($folder, $repair, ".sql"))))
    };
}

/// Invariants of the core line.
pub const CORE_CHECKS: &[Check] = checks! {
    "../../queries/verify/":
    "foreign keys lead somewhere" => "foreign_keys",
    "the file says whose it is" => "file",
    "queues are open to fast-queue where the file is" => "open_queues" repaired by "open_queues_repair",
    "a queue is paused in all its handler queues" => "paused" repaired by "paused_repair",
    "a queue has one ageing in all its handler queues" => "ageing" repaired by "ageing_repair",
    "tasks are in queues that can run them" => "tasks_in_queues",
    "ids, names and keys keep their limits" => "ids",
    "states are known" => "states",
    "running tasks have a whole claim" => "running",
    "unclaimed tasks show no trace of a claim" => "unclaimed",
    "budgets do not exceed the claims" => "budgets",
    "exactly the ended tasks have an end" => "ended",
    "outcomes fit their states" => "outcomes",
    "outputs belong to tasks" => "outputs" repaired by "outputs_repair",
    "outputs of earlier attempts belong to tasks" => "earlier_outputs"
        repaired by "earlier_outputs_repair",
    "retries are of tasks" => "retried" repaired by "retried_repair",
    "held tasks are blocked" => "holds" repaired by "holds_repair",
    "blocked tasks of fast-queue are held" => "blocked" repaired by "blocked_repair",
};

/// Checks every invariant of the core line and of `own`, then runs `more`, all in the same read
/// transaction. Changes nothing.
///
/// # Errors
/// If the file cannot be read, for a reason other than damage: that is a violation.
pub fn verify(
    database: &Database,
    own: &[Check],
    more: impl FnOnce(&Connection) -> Result<Vec<Invariant>>,
) -> Result<Vec<Invariant>> {
    let sound = database
        .read(|connection| judged("SQLite finds the file whole", false, integrity(connection)))?;
    let mut invariants = vec![sound];
    database.read(|connection| {
        let schema = schema(connection, database.path());
        invariants.push(judged(
            "the schema is what this program makes",
            false,
            schema,
        )?);
        for check in CORE_CHECKS.iter().chain(own) {
            let found = texts(connection, check.finds);
            invariants.push(judged(check.name, check.repairs.is_some(), found)?);
        }
        invariants.push(judged("tasks can be read", false, unreadable(connection))?);
        invariants.extend(more(connection)?);
        Ok(())
    })?;
    Ok(invariants)
}

/// Checks that find a violation and can repair it. Called before the repair, so that this reading
/// does not keep others from writing.
///
/// # Errors
/// The errors of `SQLite`, except for reading a damaged row: that is a violation.
pub fn broken(connection: &Connection, checks: &[Check]) -> Result<Vec<Check>> {
    let mut broken = Vec::new();
    for check in checks.iter().filter(|check| check.repairs.is_some()) {
        let found = connection
            .prepare(check.finds)
            .and_then(|mut query| query.exists([]));
        match found {
            Ok(false) => {}
            Err(error) if Fault::of(&error) == Fault::Busy => return Err(error.into()),
            Ok(true) | Err(_) => broken.push(*check),
        }
    }
    Ok(broken)
}

/// Runs the repairs of these checks, within the caller's transaction.
///
/// # Errors
/// The errors of `SQLite`.
pub fn repair(connection: &Connection, checks: &[Check]) -> Result<Vec<Repaired>> {
    let mut repaired = Vec::new();
    for check in checks {
        if let Some(repair) = check.repairs {
            let rows = connection.prepare(repair)?.execute([])?;
            repaired.extend(Repaired::of(check.name, rows));
        }
    }
    Ok(repaired)
}

/// The invariant of that name, with its violations. Damaged rows violate it too.
///
/// # Errors
/// The errors of `found` that do not mean damage.
pub fn judged(
    name: &'static str,
    repairable: bool,
    found: Result<Vec<String>>,
) -> Result<Invariant> {
    let mut texts = match found {
        Ok(texts) => texts,
        Err(Error::Bug { what }) => vec![what],
        Err(error) => match cause(&error).filter(|cause| is_damage(cause)) {
            Some(cause) => vec![cause.to_string()],
            None => return Err(error),
        },
    };
    let violations = texts.len() as u64;
    texts.truncate(EXAMPLES);
    Ok(Invariant {
        name,
        violations,
        examples: texts,
        repairable,
    })
}

fn is_damage(error: &rusqlite::Error) -> bool {
    // A missing table or column makes a statement fail.
    matches!(Fault::of(error), Fault::Corrupt | Fault::Statement)
}

/// First column of every row.
fn texts(connection: &Connection, sql: &str) -> Result<Vec<String>> {
    let mut query = connection.prepare(sql)?;
    let found = query.query_map([], |row| row.get(0))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn integrity(connection: &Connection) -> Result<Vec<String>> {
    let mut complaints = texts(connection, INTEGRITY_CHECK)?;
    complaints.retain(|complaint| complaint != "ok");
    Ok(complaints)
}

/// Differences between the tables and indexes in the file and those that its lines make.
fn schema(connection: &Connection, path: &Path) -> Result<Vec<String>> {
    let applied = migrate::lines(connection, path)?;
    let model = Connection::open_in_memory()?;
    model.execute(CREATE_SCHEMA, [])?;
    let mut wrong = Vec::new();
    for line in &applied {
        if ![CORE, WORKFLOW].iter().any(|known| known.name == line.name) {
            wrong.push(format!("line {} is unknown", line.name));
        }
    }
    for line in [CORE, WORKFLOW] {
        let in_file = applied.iter().find(|applied| applied.name == line.name);
        make(&model, &line, in_file.map_or(0, |applied| applied.version))?;
    }
    let (mut stored, wanted) = (objects(connection)?, objects(&model)?);
    for (name, sql) in wanted {
        match stored.remove(&name) {
            Some(found) if found == sql => {}
            Some(_) => wrong.push(format!("{name} is not as this program makes it")),
            None => wrong.push(format!("{name} is missing")),
        }
    }
    wrong.extend(
        stored
            .keys()
            .map(|name| format!("{name} is not the queue's")),
    );
    Ok(wrong)
}

fn make(model: &Connection, line: &SchemaLine, version: u32) -> Result<()> {
    for migration in line.migrations {
        if migration.version <= version {
            model.execute_batch(migration.sql)?;
        }
    }
    Ok(())
}

fn objects(connection: &Connection) -> Result<BTreeMap<String, String>> {
    let mut query = connection.prepare(SCHEMA_OBJECTS)?;
    let found = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Tasks whose command or options cannot be read, or that go on with a budget spent.
fn unreadable(connection: &Connection) -> Result<Vec<String>> {
    let mut query = connection.prepare(STORED)?;
    let mut found = query.query([])?;
    let mut wrong = Vec::new();
    while let Some(row) = found.next()? {
        let id: i64 = row.get(0)?;
        let handler: String = row.get(4)?;
        let stored = rows::text(row, 5);
        let of_some_version = match &stored {
            Ok(text) => text.is_none_or(TaskOptions::may_be_newer),
            Err(_) => false,
        };
        if !of_some_version {
            wrong.push(format!("task {id}: its stored options cannot be read"));
            continue;
        }
        let options = rows::options(row, 5)?;
        let kind: i64 = row.get(2)?;
        if (0..=Work::NEWEST_KIND).contains(&kind)
            && let Err(error) = Work::from_row(kind, &handler, row.get(3)?)
        {
            wrong.push(format!("task {id}: {error}"));
        }
        let spent = is_spent(&options, row.get(1)?, row.get(6)?, row.get(7)?);
        if spent {
            wrong.push(format!("task {id} goes on with a budget spent"));
        }
    }
    Ok(wrong)
}

/// True if a task that has not ended has no attempt or crash left; a claim counts ahead.
fn is_spent(options: &TaskOptions, state: i64, attempt: i64, crashes: i64) -> bool {
    let ahead = i64::from(state == State::Running.code());
    State::from_code(state).is_some_and(|state| !state.is_terminal())
        && (attempt - ahead >= i64::from(options.max_attempts)
            || crashes - ahead >= i64::from(options.max_crashes))
}
