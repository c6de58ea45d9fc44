//! Take back: returns tasks that were set aside and that this version can read to their queues.

use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::sqlite::aside;

use super::transaction::Writing;
use crate::slice::Slice as _;

/// Takes back tasks. Returns their number.
pub(crate) fn take_back(writing: &mut Writing<'_>) -> Result<usize> {
    let tasks = aside::take_back(writing.slice.connection)?;
    if tasks > 0 {
        let data = serde_json::json!({ "tasks": tasks });
        writing.slice.note(EventKind::TasksTakenBack, &data)?;
    }
    Ok(tasks)
}
