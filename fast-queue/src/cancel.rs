//! Cancel: ends waiting tasks at once, and asks for the end of running ones.

use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::verbs;
use queue_core::task::TaskId;

use crate::guard::Phase;
use crate::queue::FastQueue;

/// Cancels tasks. A task that was cancelled before stays so.
pub(crate) fn cancel(queue: &FastQueue, ids: &[TaskId]) -> Result<Vec<Change>> {
    made(queue, ids, None)
}

/// Cancels tasks with `why` as their message.
pub(crate) fn withdraw(queue: &FastQueue, ids: &[TaskId], why: &str) -> Result<Vec<Change>> {
    made(queue, ids, Some(why.to_owned()))
}

fn made(queue: &FastQueue, ids: &[TaskId], why: Option<String>) -> Result<Vec<Change>> {
    let (ids, now) = (ids.to_vec(), queue.database().now().wall);
    let changes = queue.change(Phase::Finishing, move |connection| {
        let cancel = |id: &TaskId| verbs::cancel(connection, *id, now);
        let changes = ids.iter().map(cancel).collect::<Result<Vec<_>>>()?;
        if let Some(why) = &why {
            verbs::store_reason(connection, &ids, why)?;
        }
        Ok(changes)
    })?;
    queue.tell_cancelled(&changes);
    Ok(changes)
}
