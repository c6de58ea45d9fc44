//! A write transaction under way: what every verb has at hand, and what it leaves to do after the
//! commit.

use std::collections::BTreeSet;

use queue_core::clock::Now;
use queue_core::error::Result;
use queue_core::sqlite::Learned;
use rusqlite::{CachedStatement, Connection, Params, Row};

use super::{claim, edges, enqueue, settle};

/// One write transaction.
pub(super) struct Writing<'a> {
    pub(super) connection: &'a Connection,
    pub(super) now: Now,
    pub(super) effects: Effects,
    /// The limit keys whose slots this transaction freed.
    pub(super) freed: BTreeSet<Vec<u8>>,
    /// The statements that run once or more per task.
    pub(super) hot: Hot<'a>,
}

/// Statements that are kept from their first use to the end of the transaction: to look one up for
/// every row costs as much as a short statement takes.
pub(super) struct Hot<'a> {
    pub(super) enqueue: Kept<'a>,
    pub(super) enqueue_node: Kept<'a>,
    pub(super) claim_read: Kept<'a>,
    pub(super) claim: Kept<'a>,
    pub(super) running_read: Kept<'a>,
    pub(super) conclude: Kept<'a>,
    pub(super) attempt_insert: Kept<'a>,
    pub(super) dependents_waiting: Kept<'a>,
    pub(super) pending: Kept<'a>,
    pub(super) release: Kept<'a>,
    pub(super) time_and_limit: Kept<'a>,
    pub(super) waiting_put: Kept<'a>,
    pub(super) waiting_delete: Kept<'a>,
}

/// A statement, prepared once it is used.
pub(super) struct Kept<'a> {
    connection: &'a Connection,
    sql: &'static str,
    statement: Option<CachedStatement<'a>>,
}

impl<'a> Kept<'a> {
    fn new(connection: &'a Connection, sql: &'static str) -> Self {
        Self {
            connection,
            sql,
            statement: None,
        }
    }

    fn get(&mut self) -> Result<&mut CachedStatement<'a>> {
        Ok(match &mut self.statement {
            Some(statement) => statement,
            none => none.insert(self.connection.prepare_cached(self.sql)?),
        })
    }

    /// How many rows it changes.
    pub(super) fn execute(&mut self, parameters: impl Params) -> Result<usize> {
        Ok(self.get()?.execute(parameters)?)
    }

    /// Every row it returns, each made into a value. It is run to its end: reset before, it would
    /// keep the checkpoint from running.
    pub(super) fn all<T>(
        &mut self,
        parameters: impl Params,
        make: impl Fn(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found = self.get()?.query(parameters)?;
        let mut values = Vec::new();
        while let Some(row) = found.next()? {
            values.push(make(row)?);
        }
        Ok(values)
    }
}

/// What is to be done once the transaction has committed.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// How many tasks can be claimed that could not before.
    pub(super) ready: usize,
    /// Whether a task waits for a time, so that the next claim must look for it.
    pub(super) scheduled: bool,
    /// Lane numbers worth remembering.
    pub(super) learned: Vec<Learned>,
}

impl Effects {
    /// How many idle workers to wake. Whoever is the first to look at what waits for a time sleeps
    /// no longer than until then.
    pub(super) fn wakes(&self) -> usize {
        self.ready.max(usize::from(self.scheduled))
    }
}

impl<'a> Writing<'a> {
    pub(super) fn new(connection: &'a Connection, now: Now) -> Self {
        Self {
            connection,
            now,
            effects: Effects::default(),
            freed: BTreeSet::new(),
            hot: Hot {
                enqueue: Kept::new(connection, enqueue::ENQUEUE),
                enqueue_node: Kept::new(connection, enqueue::ENQUEUE_NODE),
                claim_read: Kept::new(connection, claim::CLAIM_READ),
                claim: Kept::new(connection, claim::CLAIM),
                running_read: Kept::new(connection, settle::RUNNING_READ),
                conclude: Kept::new(connection, settle::CONCLUDE),
                attempt_insert: Kept::new(connection, settle::ATTEMPT_INSERT),
                dependents_waiting: Kept::new(connection, edges::DEPENDENTS_WAITING),
                pending: Kept::new(connection, edges::PENDING),
                release: Kept::new(connection, edges::RELEASE),
                time_and_limit: Kept::new(connection, edges::TIME_AND_LIMIT),
                waiting_put: Kept::new(connection, edges::WAITING_PUT),
                waiting_delete: Kept::new(connection, edges::WAITING_DELETE),
            },
        }
    }

    /// The last step of every verb: freed slots go to those that wait for them.
    pub(super) fn finish(mut self) -> Result<Effects> {
        self.admit_freed()?;
        Ok(self.effects)
    }
}
