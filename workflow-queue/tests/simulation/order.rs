//! The order of claims within a queue.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use queue_core::Ageing;
use queue_core::state::State;
use queue_core::task::TaskId;

use crate::checks::{At, Checks};
use crate::model::{Node, Phase};
use crate::seen::Sight;

impl Checks {
    /// Checks that every task passed over by a claim comes after all the tasks it took.
    pub(crate) fn check_order(&mut self, taken: &[TaskId], queue: &str, at: At<'_>) {
        if let Some(ageing) = self.ageing.get(queue).copied().flatten() {
            return self.check_aged_order(taken, queue, ageing, at);
        }
        let rank = |node: &Node, task: TaskId| (Reverse(node.priority), task);
        let last = taken
            .iter()
            .map(|task| rank(&self.model.nodes[task], *task))
            .max();
        for task in self.left(queue) {
            let node = &self.model.nodes[&task];
            let passed = is_plain(node) && last.is_some_and(|last| rank(node, task) < last);
            at.check(!passed, || format!("{task} was passed over by {taken:?}"));
        }
    }

    /// Checks that the task a claim took last comes before the oldest tasks of every level, of a
    /// priority and a handler, that it left.
    fn check_aged_order(&mut self, taken: &[TaskId], queue: &str, ageing: Ageing, at: At<'_>) {
        let step = i64::try_from(ageing.step().as_millis()).unwrap();
        let rank = |task: TaskId| {
            let (row, node) = (&self.rows[&task], &self.model.nodes[&task]);
            let since = row.created_at.max(row.run_at.unwrap_or(row.created_at));
            let steps = i64::from(node.priority) * step;
            (steps - since.0, Reverse(task))
        };
        let Some(last) = taken.last().copied() else {
            return;
        };
        let mut oldest: BTreeMap<(i32, i64), TaskId> = BTreeMap::new();
        let level = |task: TaskId| (self.model.nodes[&task].priority, self.rows[&task].queue_id);
        for task in self.left(queue) {
            oldest.entry(level(task)).or_insert(task);
        }
        let mut is_aged = false;
        for (of, task) in oldest {
            let node = &self.model.nodes[&task];
            // Within a level the lowest id comes first, also if another task could run earlier.
            let precedes = if of == level(last) {
                task < last
            } else {
                rank(task) > rank(last)
            };
            let passed = is_plain(node) && precedes;
            let what = || format!("{task} was passed over by {taken:?} under {ageing:?}");
            at.check(!passed, what);
            is_aged |= node.priority > self.model.nodes[&last].priority;
        }
        if is_aged {
            self.seen.saw(Sight::Aged);
        }
    }

    /// Tasks of a queue that were free to be claimed and that a claim left, by id.
    fn left(&self, queue: &str) -> Vec<TaskId> {
        let is_left = |task: &TaskId, node: &Node| {
            let row = self.rows.get(task);
            node.phase == Phase::Free
                && node.queue == queue
                && row.is_some_and(|row| row.state == State::Queued)
        };
        let stored = self.model.stored();
        let left = stored.filter(|(task, node)| is_left(task, node));
        left.map(|(task, _)| task).collect()
    }
}

/// True if neither a limit nor a time may have held the task up.
fn is_plain(node: &Node) -> bool {
    node.limit_key.is_none() && node.run_at.is_none()
}
