//! A write transaction under way, of any verb.

use std::collections::BTreeSet;

use queue_core::clock::{Now, Timestamp};
use queue_core::error::Result;
use queue_core::sqlite::Learned;
use queue_core::state::State;

use crate::slice::Slice;

/// A write transaction under way: the rows it works on, and what it leaves to do.
pub(crate) struct Writing<S> {
    /// The rows.
    pub(crate) slice: S,
    /// What is to be done after the commit.
    pub(crate) effects: Effects,
    /// The limit keys whose slots this transaction freed.
    pub(crate) freed: BTreeSet<Vec<u8>>,
}

/// What is to be done once the transaction has committed.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// How many tasks can be claimed that could not before.
    pub(crate) ready: usize,
    /// Whether a task waits for a time, so that the next claim must look for it.
    pub(crate) scheduled: bool,
    /// Queue ids worth remembering.
    pub(crate) learned: Vec<Learned>,
}

impl Effects {
    /// How many idle workers to wake. Whoever is the first to look at what waits for a time sleeps
    /// no longer than until then.
    pub(crate) fn wakes(&self) -> usize {
        self.ready.max(usize::from(self.scheduled))
    }
}

impl<S: Slice> Writing<S> {
    /// Begins with these rows.
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

    /// The last step of every verb: freed slots go to those that wait for them.
    pub(crate) fn finish(mut self) -> Result<Effects> {
        self.admit_freed()?;
        Ok(self.effects)
    }

    /// The state of a waiting task without open dependencies. One under a limit is blocked, and
    /// admitted at the end of the transaction if there is a slot.
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
            self.effects.ready += 1;
            State::Queued
        }
    }
}
