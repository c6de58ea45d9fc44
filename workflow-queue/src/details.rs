//! What this engine alone knows of a task.

use queue_core::clock::Timestamp;
use queue_core::queue::{Fact, FactValue};
use queue_core::task::TaskId;

/// What this engine knows of a task beyond a [`Task`](queue_core::Task).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// The first task of the workflow it belongs to.
    pub workflow: Option<TaskId>,
    /// The task that added it while running.
    pub spawner: Option<TaskId>,
    /// The key whose limit it falls under.
    pub limit_key: Option<Vec<u8>>,
    /// When it fails for not having ended.
    pub deadline_at: Option<Timestamp>,
}

impl Details {
    /// The same under the names that people and programs read.
    pub(crate) fn facts(self) -> Vec<Fact> {
        let fact = |name, value| Fact { name, value };
        vec![
            fact("workflow", self.workflow.map(FactValue::Task)),
            fact("spawner", self.spawner.map(FactValue::Task)),
            fact("limit_key", self.limit_key.map(FactValue::Key)),
            fact("deadline_at", self.deadline_at.map(FactValue::Time)),
        ]
    }
}
