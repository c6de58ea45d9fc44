//! Reprioritize: changes the priority of waiting tasks.

use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::queue::Change;
use queue_core::sqlite::verbs;
use queue_core::task::TaskId;

use super::transaction::Writing;
use crate::slice::{Slice as _, TaskChange};

/// Changes the priority of waiting tasks.
pub(crate) fn reprioritize(
    writing: &mut Writing<'_>,
    ids: &[TaskId],
    priority: i32,
) -> Result<Vec<Change>> {
    let changes = verbs::reprioritize(writing.slice.connection, ids, priority)?;
    let data = serde_json::json!({ "priority": priority });
    for (id, change) in ids.iter().zip(&changes) {
        if matches!(change, Change::Done(_)) {
            let event = TaskChange::new(EventKind::Reprioritized, *id).data(&data);
            writing.slice.record(&event)?;
        }
    }
    Ok(changes)
}
