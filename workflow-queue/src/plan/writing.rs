//! The write transaction of any verb.

use std::collections::BTreeSet;

use queue_core::ReadyTasks;
use queue_core::claim::WorkerId;
use queue_core::clock::{Now, Timestamp};
use queue_core::error::Result;
use queue_core::queue_ids::Learned;
use queue_core::state::State;

use crate::slice::Slice;

/// A write transaction: its rows, and the work it leaves for later.
pub(crate) struct Writing<S> {
    /// The rows.
    pub(crate) slice: S,
    /// The work after the commit.
    pub(crate) effects: Effects,
    /// The limit keys whose slots this transaction freed.
    pub(crate) freed: BTreeSet<Vec<u8>>,
}

/// The work that a transaction leaves for after its commit.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// Tasks that became ready to claim.
    pub(crate) ready: ReadyTasks,
    /// True if a task waits for a time, so that the next claim must look for it.
    pub(crate) scheduled: bool,
    /// Workers of running tasks that are to be cancelled.
    pub(crate) asked: Vec<WorkerId>,
    /// Queue ids to remember.
    pub(crate) learned: Vec<Learned>,
}

impl Effects {
    /// Tasks to wake idle workers for. One worker is enough for tasks that wait for a time: it
    /// looks at them and sleeps no longer than until the first is due.
    pub(crate) fn wakes(&self) -> ReadyTasks {
        if self.ready.is_empty() {
            return ReadyTasks::anywhere(usize::from(self.scheduled));
        }
        self.ready
    }
}

impl<S: Slice> Writing<S> {
    /// Begins a transaction on these rows.
    pub(crate) fn new(slice: S) -> Self {
        Self {
            slice,
            effects: Effects::default(),
            freed: BTreeSet::new(),
        }
    }

    /// The time of the transaction.
    pub(crate) fn now(&self) -> Now {
        self.slice.now()
    }

    /// Hands freed slots to the tasks that wait for them. The last step of every verb.
    pub(crate) fn finish(mut self) -> Result<Effects> {
        self.admit_freed()?;
        Ok(self.effects)
    }

    /// State of a waiting task without open dependencies. A task under a limit is blocked; the end
    /// of the transaction admits it if there is a slot.
    pub(crate) fn waiting_state(
        &mut self,
        run_at: Option<Timestamp>,
        limit_key: Option<Vec<u8>>,
    ) -> State {
        if run_at.is_some_and(|at| at > self.now().wall) {
            self.effects.scheduled = true;
            State::Scheduled
        } else if let Some(key) = limit_key {
            self.freed.insert(key);
            State::Blocked
        } else {
            self.effects.ready.add_anywhere(1);
            State::Queued
        }
    }
}
