//! Link: the statements that add edges between stored tasks.

use queue_core::error::Result;
use queue_core::task::TaskId;
use queue_core::workflow::Edge;
use rusqlite::{Connection, OptionalExtension};

use super::statements::{BLOCK, DEPEND, WORKFLOW_OF};
use super::transaction::SqliteSlice;
use crate::slice::Conditions;

/// The workflow of a stored task; `None` if there is no such task.
pub(super) fn workflow_of(connection: &Connection, task: TaskId) -> Result<Option<TaskId>> {
    let mut query = connection.prepare_cached(WORKFLOW_OF)?;
    let found: Option<i64> = query.query_row([task.0], |row| row.get(0)).optional()?;
    Ok(found.map(TaskId))
}

impl SqliteSlice<'_> {
    /// Stores the dependencies of a waiting task that it did not have before.
    pub(super) fn add_edges_of(
        &mut self,
        dependent: TaskId,
        had: &Conditions,
        all: &Conditions,
    ) -> Result<()> {
        let fresh = all.iter().filter(|(on, _)| !had.contains_key(on));
        let edges = fresh.map(|(&on, &condition)| Edge {
            dependent,
            on,
            condition,
        });
        self.add_edges(dependent, edges.collect(), all)?;
        let mut depend = self.connection.prepare_cached(DEPEND)?;
        depend.execute([dependent.0])?;
        Ok(())
    }

    /// Blocks a task that has not started, even if it could be claimed.
    pub(super) fn block_one(&mut self, task: TaskId) -> Result<()> {
        self.connection.prepare_cached(BLOCK)?.execute([task.0])?;
        Ok(())
    }
}
