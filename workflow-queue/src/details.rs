//! The properties of a task that only this engine has.

use queue_core::clock::Timestamp;
use queue_core::queue::{Fact, FactValue};
use queue_core::task::TaskId;

/// The properties of a task that only this engine has, beyond a [`Task`](queue_core::Task).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Details {
    /// The first task of the workflow it belongs to.
    pub workflow: Option<TaskId>,
    /// The task that added it while it ran.
    pub spawner: Option<TaskId>,
    /// The limit key of the task.
    pub limit_key: Option<Vec<u8>>,
    /// Deadline by which the task must have ended.
    pub deadline_at: Option<Timestamp>,
    /// The schedule that enqueued the task.
    pub schedule: Option<String>,
    /// The slot of the schedule; `None` too if somebody ran it by hand.
    pub slot_at: Option<Timestamp>,
}

impl Details {
    /// The same as facts, for people and programs to read.
    pub(crate) fn facts(self) -> Vec<Fact> {
        vec![
            Fact::new("workflow", self.workflow.map(FactValue::Task)),
            Fact::new("spawner", self.spawner.map(FactValue::Task)),
            Fact::new("limit_key", self.limit_key.map(FactValue::Key)),
            Fact::new("deadline_at", self.deadline_at.map(FactValue::Time)),
            Fact::new("schedule", self.schedule.map(FactValue::Name)),
            Fact::new("slot_at", self.slot_at.map(FactValue::Time)),
        ]
    }
}
