//! A retry that is made in steps: its tasks in their order, and how far it has come.

use std::collections::HashSet;
use std::sync::Arc;

use crate::task::TaskId;

/// A retry that is made in steps.
#[derive(Clone, Debug, Default)]
pub struct RetryPlan {
    tasks: Arc<PlannedTasks>,
    next: usize,
}

#[derive(Debug, Default)]
struct PlannedTasks {
    asked: HashSet<TaskId>,
    opens: HashSet<TaskId>,
    order: Vec<TaskId>,
}

impl RetryPlan {
    /// A plan to look at tasks in that order: `asked` for, or only to be re-opened below those.
    /// `opens` are those that did not succeed.
    pub fn new(asked: HashSet<TaskId>, opens: HashSet<TaskId>, order: Vec<TaskId>) -> Self {
        let tasks = PlannedTasks {
            asked,
            opens,
            order,
        };
        Self {
            tasks: Arc::new(tasks),
            next: 0,
        }
    }

    /// Every task that is looked at, each after those of them that it depends on.
    pub fn order(&self) -> &[TaskId] {
        &self.tasks.order
    }

    /// Those that have not been looked at yet.
    pub fn left(&self) -> &[TaskId] {
        self.order().get(self.next..).unwrap_or_default()
    }

    /// Notes that so many more have been looked at.
    pub fn advance(&mut self, looked_at: usize) {
        self.next += looked_at;
    }

    /// Whether that task was asked for by itself.
    pub fn is_asked(&self, id: TaskId) -> bool {
        self.tasks.asked.contains(&id)
    }

    /// Whether that task is among those that may be re-opened.
    pub fn opens(&self, id: TaskId) -> bool {
        self.tasks.opens.contains(&id)
    }
}
