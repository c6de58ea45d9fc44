//! Held tasks, which no worker may claim.

use std::collections::BTreeSet;

use queue_core::queue::{Change, Enqueued};
use queue_core::task::{NewTask, TaskId};

/// Tasks that are held for certain.
#[derive(Debug, Default)]
pub(super) struct Holds(BTreeSet<TaskId>);

impl Holds {
    /// Takes in acknowledged tasks.
    pub(super) fn enqueued(&mut self, tasks: &[NewTask], enqueued: &[Enqueued]) {
        let held = tasks.iter().zip(enqueued);
        let held = held.filter(|(task, one)| task.held && !one.existed);
        self.0.extend(held.map(|(_, one)| one.id));
    }

    /// Takes in the changes of a hold.
    pub(super) fn held(&mut self, ids: &[TaskId], changes: &[Change]) {
        let held = ids.iter().zip(changes);
        let held = held.filter(|(_, change)| matches!(change, Change::Done(_)));
        self.0.extend(held.map(|(id, _)| *id));
    }

    /// Takes in that tasks may not be held any more.
    pub(super) fn ended(&mut self, ids: &[TaskId]) {
        for id in ids {
            self.0.remove(id);
        }
    }

    /// Takes in that no task may be held any more.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// True if the task is held.
    pub(super) fn contains(&self, id: TaskId) -> bool {
        self.0.contains(&id)
    }
}
