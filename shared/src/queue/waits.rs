//! Reasons for tasks to wait.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::ageing::Ageing;
use crate::clock::Timestamp;
use crate::error::Result;
use crate::state::State;
use crate::task::TaskId;
use crate::workflow::Condition;

/// Reason for a task to wait, as far as an engine can see it in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waits {
    /// Its time has not come.
    Time {
        /// Earliest start.
        run_at: Timestamp,
        /// True if that is the backoff after a failed attempt.
        retry: bool,
    },
    /// It is held: it waits until it is released.
    Held {
        /// Time of the hold.
        since: Timestamp,
    },
    /// Its queue is paused.
    Paused {
        /// Time of the pause.
        since: Timestamp,
    },
    /// Other tasks of its queue come before it.
    Behind {
        /// Number of tasks that will be claimed first.
        tasks: u64,
        /// Ageing of the queue, which gives the order, if it is set.
        ageing: Option<Ageing>,
    },
    /// A task it depends on has not ended, or not as it had to.
    Dependency {
        /// Id of that task.
        task: TaskId,
        /// State of that task.
        state: State,
        /// Condition on its end.
        condition: Condition,
    },
    /// Further dependencies have not ended, or not as they had to.
    Dependencies {
        /// Number of dependencies, besides those that are named.
        more: u64,
    },
    /// A limit of its queue or key is reached: all slots are taken, or offered to others.
    Limit {
        /// Name of the queue, or the key.
        name: Vec<u8>,
        /// Number of running tasks.
        running: u64,
        /// Most tasks that may run.
        bound: Option<u64>,
        /// Number of tasks of its queue that wait under the same key and come before it. For a
        /// queue's own limit, [`Behind`](Self::Behind) has it.
        ahead: u64,
    },
    /// No live worker of this host has its queue and its handler, or runs commands there.
    Unserved,
    /// As many tasks of its queue have started as the rate allows for now.
    Rate {
        /// Name of the queue.
        name: Vec<u8>,
        /// Time at which the next one may start; `None` if none may at all.
        more_at: Option<Timestamp>,
    },
}

/// Cache of the number of tasks before each task, for queues that were read.
#[derive(Debug, Default)]
pub struct ClaimOrder {
    queues: HashMap<i64, HashMap<TaskId, u64>>,
    /// Positions of tasks under one limit key.
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

    /// Number of tasks under the limit key before each task of a handler queue. Reads the order
    /// unless it is known.
    ///
    /// # Errors
    /// The errors of `read`.
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
