//! Ageing: sets the ageing of a queue.

use queue_core::Ageing;
use queue_core::error::Result;
use queue_core::journal::EventKind;
use queue_core::sqlite::verbs;

use crate::queue::WorkflowQueue;
use crate::slice::Slice as _;

/// Sets the ageing of a queue; `None` ends it. Returns true if that changed anything.
pub(crate) fn set_ageing(
    queue: &WorkflowQueue,
    name: &str,
    ageing: Option<Ageing>,
) -> Result<bool> {
    let name = name.to_owned();
    queue.write(move |writing| {
        let changed = verbs::set_ageing(writing.slice.connection, &name, ageing)?;
        if changed {
            let step = ageing.map(|ageing| ageing.step().as_millis());
            let data = serde_json::json!({ "queue": name, "step_ms": step });
            writing.slice.note(EventKind::AgeingSet, &data)?;
        }
        if changed && ageing.is_some() {
            // The queue may be new, and there may be a limit for it already.
            writing.limit_queue(&name)?;
        }
        Ok(changed)
    })
}
