//! What keeps tasks waiting.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::clock::Timestamp;
use crate::error::Result;
use crate::state::State;
use crate::task::TaskId;
use crate::workflow::Condition;

/// What keeps a task waiting, of what an engine can see in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Waits {
    /// Its time has not come.
    Time {
        /// Its earliest start.
        run_at: Timestamp,
        /// Whether that is the backoff after a failed attempt.
        retry: bool,
    },
    /// Its queue is paused.
    Paused {
        /// Since when.
        since: Timestamp,
    },
    /// Tasks in front of it in its queue.
    Behind {
        /// How many will be claimed first.
        tasks: u64,
    },
    /// A task it depends on has not ended, or not as it had to.
    Dependency {
        /// That task.
        task: TaskId,
        /// Where that task stands.
        state: State,
        /// How it has to end.
        condition: Condition,
    },
    /// Further tasks it depends on that have not ended, or not as they had to.
    Dependencies {
        /// How many, beside those that are named.
        more: u64,
    },
    /// No more of its queue or of its limit key run than may: all slots are taken, or offered to
    /// others.
    Limit {
        /// The queue's name or the key.
        name: Vec<u8>,
        /// How many run.
        running: u64,
        /// How many may.
        bound: Option<u64>,
        /// How many tasks of its queue wait under the same key and come before it; of a queue's own
        /// limit that is told by [`Behind`](Self::Behind).
        ahead: u64,
    },
    /// As many of its queue have started as may for now.
    Rate {
        /// The queue's name.
        name: Vec<u8>,
        /// When the next may; `None` if none may at all.
        more_at: Option<Timestamp>,
    },
}

/// How many tasks are in front of each, in queues that were read.
#[derive(Debug, Default)]
pub struct ClaimOrder {
    queues: HashMap<i64, HashMap<TaskId, u64>>,
    /// The same of those that fall under one limit key.
    keys: HashMap<(Vec<u8>, i64), HashMap<TaskId, u64>>,
}

impl ClaimOrder {
    /// Number of tasks before each task of a handler queue. Reads the order unless it is known.
    pub(crate) fn of(
        &mut self,
        queue_id: i64,
        read: impl FnOnce() -> Result<Vec<TaskId>>,
    ) -> Result<&HashMap<TaskId, u64>> {
        known(self.queues.entry(queue_id), read)
    }

    /// Number of tasks under the limit key before each task of a handler queue. Reads the order if it
    /// was not before.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn under_key(
        &mut self,
        key: &[u8],
        queue_id: i64,
        read: impl FnOnce() -> Result<Vec<TaskId>>,
    ) -> Result<&HashMap<TaskId, u64>> {
        known(self.keys.entry((key.to_vec(), queue_id)), read)
    }
}

fn known<K>(
    entry: Entry<'_, K, HashMap<TaskId, u64>>,
    read: impl FnOnce() -> Result<Vec<TaskId>>,
) -> Result<&HashMap<TaskId, u64>> {
    Ok(match entry {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(unknown) => unknown.insert(read()?.into_iter().zip(0..).collect()),
    })
}
