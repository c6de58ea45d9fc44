//! The baseline: the engines' own schema driven by bare rusqlite. Cached statements, one autocommit per
//! operation, a transaction only around a batch.
//!
//! It has no validation, no retries, no crash recovery, no wakeups and no lock between processes.
//! Journal mode, `synchronous`, page and cache sizes are those of the engine; work that the engine does
//! itself (checkpoints, the wait for other writers) is left to `SQLite` here: `wal_autocheckpoint` 1000
//! and the default busy handler.

use std::path::Path;
use std::time::Duration;

use queue_core::claim::WorkerId;
use queue_core::clock::{Clock, SystemClock};
use queue_core::sqlite::{CORE, Durability};
use queue_core::task::DEFAULT_QUEUE;
use queue_core::{Claim, NewTask, TaskId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::Result;
use crate::workload::System;

const PUSH: &str = include_str!("../../queries/raw_push.sql");
const CLAIM_ONE: &str = include_str!("../../queries/raw_claim_one.sql");
const CLAIM_MANY: &str = include_str!("../../queries/raw_claim_many.sql");
const SETTLE: &str = include_str!("../../queries/raw_settle.sql");
const QUEUE_ID: &str = include_str!("../../queries/queue_id.sql");
const ADD_QUEUE: &str = include_str!("../../queries/add_queue.sql");

/// A bare connection.
pub(crate) struct Raw {
    pub(super) connection: Connection,
    pub(super) queue: i64,
    worker: WorkerId,
}

impl Raw {
    /// Opens the file, and creates the schema if it is empty.
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Self> {
        let connection = connect(path, durability)?;
        connection.execute(ADD_QUEUE, [])?;
        let queue = queue_id(&connection, DEFAULT_QUEUE, "")?;
        // As the engine does when it opens a file.
        for sql in [PUSH, CLAIM_ONE, SETTLE] {
            connection.prepare_cached(sql)?;
        }
        Ok(Self {
            connection,
            queue,
            worker: WorkerId::from_bits(2),
        })
    }

    /// Sets the time after which a blocked write fails.
    pub(crate) fn wait_at_most(&self, timeout: Duration) -> Result<()> {
        Ok(self.connection.busy_timeout(timeout)?)
    }

    fn push(&self, task: &NewTask) -> Result<()> {
        let now = SystemClock.now().wall.0;
        let mut statement = self.connection.prepare_cached(PUSH)?;
        let payload = task.work.to_payload();
        statement.execute(params![
            self.queue,
            task.priority,
            now,
            task.name,
            payload.as_ref()
        ])?;
        Ok(())
    }

    pub(super) fn settle_one(&self, claim: &Claim) -> Result<()> {
        let now = SystemClock.now().wall.0;
        let mut statement = self.connection.prepare_cached(SETTLE)?;
        let changed = statement.execute(params![claim.task.0, claim.token, claim.worker.0, now])?;
        if changed == 1 {
            return Ok(());
        }
        Err(format!("task {} was not settled", claim.task).into())
    }

    /// Runs `operation` in one transaction if it is more than one statement.
    fn together<T>(&self, statements: usize, operation: impl FnOnce() -> Result<T>) -> Result<T> {
        if statements == 1 {
            return operation();
        }
        self.in_transaction(operation)
    }

    /// Runs `operation` in one transaction.
    pub(super) fn in_transaction<T>(&self, operation: impl FnOnce() -> Result<T>) -> Result<T> {
        self.connection
            .prepare_cached("BEGIN IMMEDIATE")?
            .execute([])?;
        let value = operation()?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(value)
    }
}

impl System for Raw {
    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<()> {
        self.together(tasks.len(), || {
            tasks.iter().try_for_each(|task| self.push(task))
        })
    }

    fn claim(&self, limit: usize) -> Result<Vec<Claim>> {
        let now = SystemClock.now().wall.0;
        let claim = |row: &Row<'_>| claim_of(row, self.worker);
        // Rows are read to the end: a RETURNING statement that is reset before its end commits, but
        // never runs the automatic checkpoint.
        if limit == 1 {
            let mut statement = self.connection.prepare_cached(CLAIM_ONE)?;
            let rows = statement.query_map(params![self.queue, self.worker.0, now], claim)?;
            return Ok(rows.collect::<Result<_, _>>()?);
        }
        let mut statement = self.connection.prepare_cached(CLAIM_MANY)?;
        let limit = i64::try_from(limit)?;
        let rows = statement.query_map(params![self.queue, self.worker.0, now, limit], claim)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn settle(&self, claims: &[Claim]) -> Result<()> {
        self.together(claims.len(), || {
            claims.iter().try_for_each(|claim| self.settle_one(claim))
        })
    }
}

/// A connection with the engine's pragmas on a file with the engine's schema.
pub(crate) fn connect(path: &Path, durability: Durability) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    let synchronous = match durability {
        Durability::Fast => "normal",
        Durability::Full => "full",
    };
    connection.pragma_update(None, "synchronous", synchronous)?;
    connection.set_prepared_statement_cache_capacity(64);
    let stands: Option<i64> = connection
        .query_row(
            "SELECT 1 FROM sqlite_schema WHERE name = 'queue_tasks'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if stands.is_none() {
        for migration in CORE.migrations {
            connection.execute_batch(migration.sql)?;
        }
    }
    Ok(connection)
}

/// Id of a queue's part for commands (`""`) or for a handler.
pub(crate) fn queue_id(connection: &Connection, queue: &str, handler: &str) -> Result<i64> {
    Ok(connection.query_row(QUEUE_ID, [queue, handler], |row| row.get(0))?)
}

/// Reads the columns of a claimed row that a worker needs, as an engine would.
fn claim_of(row: &Row<'_>, worker: WorkerId) -> rusqlite::Result<Claim> {
    let claim = Claim {
        task: TaskId(row.get(0)?),
        token: row.get(1)?,
        worker,
    };
    let _name: String = row.get(2)?;
    let _kind: i64 = row.get(3)?;
    let _payload: Vec<u8> = row.get(4)?;
    let _priority: i32 = row.get(5)?;
    let _attempt: u32 = row.get(6)?;
    let _options: Option<String> = row.get(7)?;
    Ok(claim)
}

#[cfg(test)]
mod tests {
    use queue_core::sqlite::Durability;

    use super::Raw;
    use crate::workload::{Commits, System, hundred, tasks};

    #[test]
    fn the_baseline_claims_by_priority_and_settles_its_claims() {
        let folder = tempfile::tempdir().unwrap();
        let raw = Raw::open(&folder.path().join("raw.db"), Durability::Fast).unwrap();
        raw.enqueue(tasks(20)).unwrap();
        let one = raw.claim(1).unwrap();
        assert_eq!(one[0].task.0, 10, "the first task of priority 9");
        let many = raw.claim(12).unwrap();
        assert_eq!(many.len(), 12);
        raw.settle(&one).unwrap();
        raw.settle(&many).unwrap();
        assert!(raw.settle(&one).is_err(), "a claim is settled once");
    }

    #[test]
    fn every_way_of_committing_ends_in_the_same_rows() {
        let folder = tempfile::tempdir().unwrap();
        let count = |commits| {
            let path = folder.path().join(format!("{commits:?}.db"));
            let raw = Raw::open(&path, Durability::Fast).unwrap();
            hundred(&raw, 100, commits).unwrap();
            let count = |state: i64| -> i64 {
                raw.connection
                    .query_row(
                        "SELECT count(*) FROM queue_tasks WHERE state = ?1",
                        [state],
                        |row| row.get(0),
                    )
                    .unwrap()
            };
            [count(2), count(3), count(4)]
        };
        assert_eq!(count(Commits::Each), [50, 25, 25]);
        assert_eq!(count(Commits::Fives), [50, 25, 25]);
        assert_eq!(count(Commits::Batched), [50, 25, 25]);
    }
}
