//! Cancel: the statements of a cancel, and the wake of the workers it concerns.

use queue_core::claim::WorkerId;
use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::rows;
use queue_core::task::TaskId;

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
        let mut found = query.query([id.0])?;
        let Some(row) = found.next()? else {
            return Ok(None);
        };
        Ok(Some(TaskRow {
            state: rows::state(row.get(0)?)?,
            limit_key: row.get(1)?,
            worker: row.get::<_, Option<i64>>(2)?.map(WorkerId),
            cancel_requested: row.get::<_, Option<i64>>(3)?.is_some(),
            is_held: row.get(4)?,
            unmet: row.get(5)?,
            run_at: rows::time(row, 6)?,
        }))
    }
}
