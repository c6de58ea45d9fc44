//! The rows of a file that one write transaction works on.

use queue_core::clock::Now;
use queue_core::error::Result;
use queue_core::journal::Actor;
use queue_core::queue_ids::QueueIds;
use rusqlite::{CachedStatement, Connection, Params, Row};

use super::statements::{
    ADMIT, CLAIM, CLAIM_READ, DEPENDENTS_WAITING, ENQUEUE, ENQUEUE_NODE, EVENT_CHANGE, EVENT_END,
    EVENT_HEAD, PENDING, RELEASE, SETTLE, SETTLE_READ, SKIP, TIME_AND_LIMIT, WAITING_DELETE,
    WAITING_PUT,
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
    /// Who asks for the changes.
    pub(crate) actor: Option<&'a Actor>,
    /// The statements that run once or more per task.
    pub(crate) hot: HotStatements<'a>,
}

/// Statements that stay prepared from their first use to the end of the transaction: looking one up
/// for every row costs as much as running a short statement.
pub(crate) struct HotStatements<'a> {
    pub(crate) enqueue: LazyStatement<'a>,
    pub(crate) enqueue_node: LazyStatement<'a>,
    pub(crate) claim_read: LazyStatement<'a>,
    pub(crate) claim: LazyStatement<'a>,
    pub(crate) running_read: LazyStatement<'a>,
    pub(crate) event_end: LazyStatement<'a>,
    pub(crate) conclude: LazyStatement<'a>,
    pub(crate) event_change: LazyStatement<'a>,
    pub(crate) event_head: LazyStatement<'a>,
    pub(crate) dependents_waiting: LazyStatement<'a>,
    pub(crate) pending: LazyStatement<'a>,
    pub(crate) release: LazyStatement<'a>,
    pub(crate) time_and_limit: LazyStatement<'a>,
    pub(crate) waiting_put: LazyStatement<'a>,
    pub(crate) waiting_delete: LazyStatement<'a>,
    pub(crate) skip: LazyStatement<'a>,
    pub(crate) admit: LazyStatement<'a>,
}

/// A statement that is prepared on its first use.
pub(crate) struct LazyStatement<'a> {
    connection: &'a Connection,
    sql: &'static str,
    statement: Option<CachedStatement<'a>>,
}

impl<'a> LazyStatement<'a> {
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

    /// Executes the statement. Returns the number of changed rows.
    pub(crate) fn execute(&mut self, parameters: impl Params) -> Result<usize> {
        Ok(self.get()?.execute(parameters)?)
    }

    /// All rows of the statement, each converted to a value. The statement runs to its end: left
    /// open, it would block the checkpoint.
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
    /// Sets who asks for the changes.
    pub(crate) fn actor(mut self, actor: Option<&'a Actor>) -> Self {
        self.actor = actor;
        self
    }

    pub(crate) fn new(connection: &'a Connection, queue_ids: &'a QueueIds, now: Now) -> Self {
        Self {
            connection,
            queue_ids,
            now,
            actor: None,
            hot: HotStatements {
                enqueue: LazyStatement::new(connection, ENQUEUE),
                enqueue_node: LazyStatement::new(connection, ENQUEUE_NODE),
                claim_read: LazyStatement::new(connection, CLAIM_READ),
                claim: LazyStatement::new(connection, CLAIM),
                running_read: LazyStatement::new(connection, SETTLE_READ),
                conclude: LazyStatement::new(connection, SETTLE),
                event_end: LazyStatement::new(connection, EVENT_END),
                event_change: LazyStatement::new(connection, EVENT_CHANGE),
                event_head: LazyStatement::new(connection, EVENT_HEAD),
                dependents_waiting: LazyStatement::new(connection, DEPENDENTS_WAITING),
                pending: LazyStatement::new(connection, PENDING),
                release: LazyStatement::new(connection, RELEASE),
                time_and_limit: LazyStatement::new(connection, TIME_AND_LIMIT),
                waiting_put: LazyStatement::new(connection, WAITING_PUT),
                waiting_delete: LazyStatement::new(connection, WAITING_DELETE),
                skip: LazyStatement::new(connection, SKIP),
                admit: LazyStatement::new(connection, ADMIT),
            },
        }
    }
}
