//! Dead letters, without the minutes that eight tries take.

use std::path::Path;
use std::sync::Arc;

use queue_core::clock::Timestamp;
use queue_core::journal::{Event, EventKind};
use queue_core::task::TaskId;
use queue_core::watch::deliver::{HookChange, HookStore, Letter};
use workflow_queue::WorkflowQueue;

/// Gives up so many failures of task 1 in the name of the only hook.
pub(crate) fn bury(file: &Path, count: u32) {
    let queue = WorkflowQueue::open(file).unwrap();
    for _ in 0..count {
        let hook = HookStore::hooks(&queue).unwrap().remove(0).progress;
        let mut after = hook.at;
        after.seq += 1;
        let mut event = Event::new(EventKind::Failed, Timestamp(0));
        event.task = Some(TaskId(1));
        let change = HookChange::Buried {
            letter: Arc::new(Letter::new("urn:x", after, &event).unwrap()),
            reason: "it said no <b>".to_owned(),
        };
        assert!(queue.record(hook.id, hook.at, &change).unwrap());
    }
}
