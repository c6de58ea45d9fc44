//! The numbers of queues and handlers, remembered. Rows of `queue_queues` are never deleted, so a
//! number that was committed stays right.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// A lane's number learned within a transaction: worth remembering once that has committed.
#[derive(Clone, Debug)]
pub struct Learned {
    /// The queue.
    pub queue: String,
    /// The handler; '' for commands.
    pub handler: String,
    /// Its number in `queue_tasks.queue`.
    pub id: i64,
}

/// Known numbers by queue and handler.
#[derive(Debug, Default)]
pub struct Lanes(RwLock<HashMap<String, HashMap<String, i64>>>);

impl Lanes {
    /// The number of a lane, if it is remembered.
    pub fn get(&self, queue: &str, handler: &str) -> Option<i64> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(queue)?.get(handler).copied()
    }

    /// Remembers what a committed transaction learned.
    pub fn learn(&self, learned: Vec<Learned>) {
        if learned.is_empty() {
            return;
        }
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for lane in learned {
            known
                .entry(lane.queue)
                .or_default()
                .insert(lane.handler, lane.id);
        }
    }
}
