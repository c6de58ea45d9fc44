//! Queues that a worker serves, with the turns they take at its free slots.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::protocol::ClaimSlots;
use super::running::Executions;
use crate::claim::Claims;
use crate::served::ServedQueues;

/// Queues that a worker serves.
#[derive(Debug, Default)]
pub(super) struct Serving {
    queues: ServedQueues,
    /// Queue that had the last turn.
    after: Option<Arc<str>>,
    /// True if the last claim left tasks, because the free slots were kept for other queues.
    left: bool,
}

impl Serving {
    pub(super) fn new(queues: ServedQueues) -> Self {
        Self {
            queues,
            ..Self::default()
        }
    }

    /// Slots of a claim of up to `limit` tasks while `free` slots are free. The kept slots of a queue
    /// that are in use are not kept again.
    pub(super) fn slots(&self, limit: usize, free: usize, running: &Executions) -> ClaimSlots {
        let mut kept = Vec::new();
        if self.queues.are_reserved() {
            let mut used: BTreeMap<&str, u32> = BTreeMap::new();
            for run in running.iter() {
                *used.entry(&run.queue).or_default() += 1;
            }
            kept.extend(self.queues.names().iter().map(|queue| {
                let used = used.get(&*queue.name).copied().unwrap_or(0);
                queue.reserved.saturating_sub(used)
            }));
        }
        ClaimSlots {
            limit,
            free,
            kept,
            after: self.after.clone(),
        }
    }

    /// True if so many slots suffice for the queues.
    pub(super) fn allows(&self, slots: u32) -> bool {
        slots > 0 && self.queues.check(slots).is_ok()
    }

    /// Takes in a claim. Returns true if another worker is to be woken for tasks that were left. Two
    /// workers that can take none of them do not wake each other for ever.
    pub(super) fn claimed(&mut self, claims: &Claims) -> bool {
        let was_left = std::mem::replace(&mut self.left, claims.left);
        if claims.after.is_some() {
            self.after.clone_from(&claims.after);
        }
        claims.left && (!was_left || !claims.tasks.is_empty())
    }

    /// True if a slot that becomes free may be for a task that the last claim left.
    pub(super) fn is_left(&self) -> bool {
        self.left
    }
}
