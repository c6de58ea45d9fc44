//! Cancel: the statements of a cancel, and the wake of the workers it concerns.

use queue_core::claim::WorkerId;
use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::rows;
use queue_core::task::TaskId;
use rusqlite::OptionalExtension;

use super::statements::TASK_ROW;
use super::transaction::SqliteSlice;
use crate::queue::WorkflowQueue;
use crate::slice::TaskRow;

/// Cancels tasks, with `why` as their message. Waiting tasks end at once; the workers of running
/// ones are woken.
pub(crate) fn cancel(
    queue: &WorkflowQueue,
    ids: &[TaskId],
    why: Option<&str>,
) -> Result<Vec<Change>> {
    let (ids, why) = (ids.to_vec(), why.map(str::to_owned));
    let changes = queue.write_ends(move |writing| writing.cancel(&ids, why.as_deref()))?;
    for worker in changes.iter().filter_map(Change::asked) {
        queue.database().coordination().wake_worker(worker);
    }
    Ok(changes)
}

impl SqliteSlice<'_> {
    /// A task's row.
    pub(super) fn row(&self, id: TaskId) -> Result<Option<TaskRow>> {
        let mut query = self.connection.prepare_cached(TASK_ROW)?;
        let found = query
            .query_row([id.0], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, Option<Vec<u8>>>(1)?,
                    row.get::<_, Option<i64>>(2)?,
                    row.get::<_, Option<i64>>(3)?.is_some(),
                    row.get::<_, bool>(4)?,
                ))
            })
            .optional()?;
        let row =
            |(state, limit_key, worker, cancel_requested, is_held): (_, _, Option<i64>, _, _)| {
                Ok(TaskRow {
                    state: rows::state(state)?,
                    limit_key,
                    worker: worker.map(WorkerId),
                    cancel_requested,
                    is_held,
                })
            };
        found.map(row).transpose()
    }
}
