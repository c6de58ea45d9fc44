//! Reprioritize: changes the priority of waiting tasks.

use queue_core::error::Result;
use queue_core::queue::Change;
use queue_core::sqlite::verbs;
use queue_core::task::TaskId;

use crate::guard::Phase;
use crate::queue::FastQueue;

/// Changes the priority of waiting tasks.
pub(crate) fn reprioritize(
    queue: &FastQueue,
    ids: &[TaskId],
    priority: i32,
) -> Result<Vec<Change>> {
    let ids = ids.to_vec();
    queue.change(Phase::Accepting, move |connection| {
        verbs::reprioritize(connection, &ids, priority)
    })
}
