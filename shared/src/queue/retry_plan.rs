//! Retry in steps: its tasks in order, and its progress.

use std::collections::HashSet;
use std::sync::Arc;

use crate::task::TaskId;

/// Retry that is made in steps.
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
    /// Makes a plan that looks at tasks in `order`. Tasks of `asked` were requested; the others are
    /// re-opened only below those. `opens` are the tasks that did not succeed.
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

    /// All tasks of the plan, each after the ones it depends on.
    pub fn order(&self) -> &[TaskId] {
        &self.tasks.order
    }

    /// Tasks that are left.
    pub fn left(&self) -> &[TaskId] {
        self.order().get(self.next..).unwrap_or_default()
    }

    /// Records that so many more tasks are done.
    pub fn advance(&mut self, looked_at: usize) {
        self.next += looked_at;
    }

    /// True if the task itself was requested.
    pub fn is_asked(&self, id: TaskId) -> bool {
        self.tasks.asked.contains(&id)
    }

    /// True if the task may be re-opened.
    pub fn opens(&self, id: TaskId) -> bool {
        self.tasks.opens.contains(&id)
    }
}
