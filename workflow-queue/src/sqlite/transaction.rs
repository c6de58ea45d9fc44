//! The rows of a file that one write transaction works on.

use queue_core::clock::Now;
use queue_core::error::Result;
use queue_core::sqlite::QueueIds;
use rusqlite::{CachedStatement, Connection, Params, Row};

use super::statements::{
    ADMIT, CLAIM, CLAIM_READ, DEPENDENTS_WAITING, ENQUEUE, ENQUEUE_NODE, PENDING, RELEASE, SETTLE,
    SETTLE_ATTEMPT, SETTLE_READ, SKIP, START, WAITING_DELETE, WAITING_PUT,
};
use crate::plan;

/// A write transaction on a file.
pub(crate) type Writing<'a> = plan::Writing<SqliteSlice<'a>>;

/// The rows of a file. Every write is executed at once.
pub(crate) struct SqliteSlice<'a> {
    pub(crate) connection: &'a Connection,
    /// The ids of queues that are known.
    pub(crate) queue_ids: &'a QueueIds,
    pub(crate) now: Now,
    /// The statements that run once or more per task.
    pub(crate) hot: Hot<'a>,
}

/// Statements that are kept from their first use to the end of the transaction: to look one up for
/// every row costs as much as a short statement takes.
pub(crate) struct Hot<'a> {
    pub(crate) enqueue: Kept<'a>,
    pub(crate) enqueue_node: Kept<'a>,
    pub(crate) claim_read: Kept<'a>,
    pub(crate) claim: Kept<'a>,
    pub(crate) running_read: Kept<'a>,
    pub(crate) conclude: Kept<'a>,
    pub(crate) attempt_insert: Kept<'a>,
    pub(crate) dependents_waiting: Kept<'a>,
    pub(crate) pending: Kept<'a>,
    pub(crate) release: Kept<'a>,
    pub(crate) time_and_limit: Kept<'a>,
    pub(crate) waiting_put: Kept<'a>,
    pub(crate) waiting_delete: Kept<'a>,
    pub(crate) skip: Kept<'a>,
    pub(crate) admit: Kept<'a>,
}

/// A statement, prepared once it is used.
pub(crate) struct Kept<'a> {
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
    pub(crate) fn execute(&mut self, parameters: impl Params) -> Result<usize> {
        Ok(self.get()?.execute(parameters)?)
    }

    /// Every row it returns, each made into a value. It is run to its end: reset before, it would
    /// keep the checkpoint from running.
    pub(crate) fn all<T>(
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

impl<'a> SqliteSlice<'a> {
    pub(crate) fn new(connection: &'a Connection, queue_ids: &'a QueueIds, now: Now) -> Self {
        Self {
            connection,
            queue_ids,
            now,
            hot: Hot {
                enqueue: Kept::new(connection, ENQUEUE),
                enqueue_node: Kept::new(connection, ENQUEUE_NODE),
                claim_read: Kept::new(connection, CLAIM_READ),
                claim: Kept::new(connection, CLAIM),
                running_read: Kept::new(connection, SETTLE_READ),
                conclude: Kept::new(connection, SETTLE),
                attempt_insert: Kept::new(connection, SETTLE_ATTEMPT),
                dependents_waiting: Kept::new(connection, DEPENDENTS_WAITING),
                pending: Kept::new(connection, PENDING),
                release: Kept::new(connection, RELEASE),
                time_and_limit: Kept::new(connection, START),
                waiting_put: Kept::new(connection, WAITING_PUT),
                waiting_delete: Kept::new(connection, WAITING_DELETE),
                skip: Kept::new(connection, SKIP),
                admit: Kept::new(connection, ADMIT),
            },
        }
    }
}
