//! The rows of a file that one write transaction works on.

use queue_core::claim::Claim;
use queue_core::clock::Now;
use queue_core::error::Result;
use queue_core::output::Output;
use queue_core::sqlite::write;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::Condition;
use rusqlite::{CachedStatement, Connection, Params, Row};

use super::{claim, edges, enqueue, limits, link, settle};
use crate::plan;
use crate::slice::{
    Conclusion, Conditions, EndedAttempt, Execution, FreeSlots, Opening, Slice, Start, TaskRow,
    Waiting,
};

/// A write transaction on a file.
pub(super) type Writing<'a> = plan::Writing<SqliteSlice<'a>>;

/// The rows of a file. Every write is executed at once.
pub(super) struct SqliteSlice<'a> {
    pub(super) connection: &'a Connection,
    pub(super) now: Now,
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
    pub(super) skip: Kept<'a>,
    pub(super) admit: Kept<'a>,
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

impl<'a> SqliteSlice<'a> {
    pub(super) fn new(connection: &'a Connection, now: Now) -> Self {
        Self {
            connection,
            now,
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
                skip: Kept::new(connection, edges::SKIP),
                admit: Kept::new(connection, limits::ADMIT),
            },
        }
    }
}

impl Slice for SqliteSlice<'_> {
    fn now(&self) -> Now {
        self.now
    }

    fn executions(&mut self, claims: &[Claim]) -> Result<Vec<Option<Execution>>> {
        claims.iter().map(|claim| self.execution(*claim)).collect()
    }

    fn waiting_for(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<Waiting>>> {
        tasks
            .iter()
            .map(|task| self.waiting_for_one(*task))
            .collect()
    }

    fn rows(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<TaskRow>>> {
        tasks.iter().map(|task| self.row(*task)).collect()
    }

    fn states(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<State>>> {
        edges::states_of(self.connection, tasks)
    }

    fn dependencies(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<(TaskId, Condition)>>> {
        let of_one = |task: &TaskId| edges::dependencies(self.connection, *task);
        tasks.iter().map(of_one).collect()
    }

    fn dependents(&mut self, task: TaskId) -> Result<Vec<TaskId>> {
        let found = edges::dependents(self.connection, task)?;
        Ok(found.into_iter().map(|(dependent, _)| dependent).collect())
    }

    fn skipped_dependents(&mut self, tasks: &[TaskId]) -> Result<Vec<Vec<TaskId>>> {
        let skipped = |task: &TaskId| edges::skipped_dependents(self.connection, *task);
        tasks.iter().map(skipped).collect()
    }

    fn workflows(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<TaskId>>> {
        let workflow = |task: &TaskId| link::workflow_of(self.connection, *task);
        tasks.iter().map(workflow).collect()
    }

    fn starts(&mut self, tasks: &[TaskId]) -> Result<Vec<Option<Start>>> {
        tasks.iter().map(|task| self.start(*task)).collect()
    }

    fn free_slots(&mut self, keys: &[Vec<u8>]) -> Result<Vec<Option<FreeSlots>>> {
        keys.iter().map(|key| self.free_slots_of(key)).collect()
    }

    fn parked(&mut self, openings: &[Opening<'_>]) -> Result<Vec<Vec<TaskId>>> {
        openings.iter().map(|one| self.parked_next(*one)).collect()
    }

    fn conclude(&mut self, conclusion: &Conclusion<'_>) -> Result<()> {
        self.write_conclusion(conclusion)
    }

    fn record_attempt(&mut self, attempt: &EndedAttempt<'_>) -> Result<()> {
        self.insert_attempt(attempt)
    }

    fn store_output(&mut self, claim: Claim, attempt: u32, output: Option<&Output>) -> Result<()> {
        write::store_output(self.connection, claim, attempt, output)
    }

    fn wait(&mut self, task: TaskId, pending: u32) -> Result<()> {
        self.hot.waiting_put.execute((task.0, pending))?;
        Ok(())
    }

    fn set_pending(&mut self, task: TaskId, pending: u32) -> Result<()> {
        self.hot.pending.execute((task.0, pending))?;
        Ok(())
    }

    fn wait_no_more(&mut self, task: TaskId) -> Result<()> {
        self.hot.waiting_delete.execute([task.0])?;
        Ok(())
    }

    fn release(&mut self, task: TaskId, state: State) -> Result<()> {
        self.hot.release.execute((task.0, state.code()))?;
        self.wait_no_more(task)
    }

    fn skip(&mut self, task: TaskId, cause: TaskId) -> Result<()> {
        self.hot.skip.execute((task.0, self.now.wall.0, cause.0))?;
        self.wait_no_more(task)
    }

    fn add_dependencies(
        &mut self,
        dependent: TaskId,
        had: &Conditions,
        all: &Conditions,
    ) -> Result<()> {
        self.add_edges_of(dependent, had, all)
    }

    fn block(&mut self, task: TaskId, pending: u32) -> Result<()> {
        self.block_one(task)?;
        self.wait(task, pending)
    }

    fn reopen(&mut self, task: TaskId, state: State, pending: u32) -> Result<()> {
        self.reopen_one(task, state, pending > 0)?;
        if pending > 0 {
            self.wait(task, pending)?;
        }
        Ok(())
    }

    fn admit(&mut self, task: TaskId) -> Result<()> {
        self.hot.admit.execute([task.0])?;
        Ok(())
    }
}
