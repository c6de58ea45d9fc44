//! Cache of queue ids by queue and handler. Rows of `queue_queues` are never deleted, so a committed
//! id stays valid.

use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::claim::ClaimRequest;
use crate::task::DEFAULT_QUEUE;

/// Queue id read within a transaction, to be cached once that has committed.
#[derive(Clone, Debug)]
pub struct Learned {
    /// Queue.
    pub queue: String,
    /// Handler; '' for commands.
    pub handler: String,
    /// Queue id, as in `queue_tasks.queue`.
    pub id: i64,
}

/// Known queue ids by queue and handler.
#[derive(Debug, Default)]
pub struct QueueIds {
    /// Id for commands of the default queue; 0 until it is known. A field of its own, because nearly
    /// every enqueue and claim asks for it.
    default: AtomicI64,
    named: RwLock<HashMap<String, HashMap<String, i64>>>,
}

impl QueueIds {
    /// Id of a queue and handler, if it is known.
    pub fn get(&self, queue: &str, handler: &str) -> Option<i64> {
        if queue == DEFAULT_QUEUE && handler.is_empty() {
            let id = self.default.load(Ordering::Relaxed);
            return (id != 0).then_some(id);
        }
        let known = self.named.read().unwrap_or_else(PoisonError::into_inner);
        known.get(queue)?.get(handler).copied()
    }

    /// Id of the only handler queue that a request names, with its queue and its handler ('' for
    /// commands). `None` if the request names several, or if the id is not known.
    pub fn only<'r>(&self, request: &'r ClaimRequest) -> Option<(i64, (&'r Arc<str>, &'r str))> {
        let handler = request.only_handler()?;
        let queue = request.queues.only()?;
        Some((self.get(queue, handler)?, (queue, handler)))
    }

    /// Adds the ids that a committed transaction read.
    pub fn learn(&self, learned: Vec<Learned>) {
        if learned.is_empty() {
            return;
        }
        let mut known = self.named.write().unwrap_or_else(PoisonError::into_inner);
        for one in learned {
            if one.queue == DEFAULT_QUEUE && one.handler.is_empty() {
                self.default.store(one.id, Ordering::Relaxed);
                continue;
            }
            known
                .entry(one.queue)
                .or_default()
                .insert(one.handler, one.id);
        }
    }
}
