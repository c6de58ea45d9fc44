//! A write transaction under way: what every verb has at hand, and what it leaves to do after the
//! commit.

use std::collections::BTreeSet;

use queue_core::clock::Now;
use queue_core::error::Result;
use queue_core::sqlite::Learned;
use rusqlite::Connection;

/// One write transaction.
pub(super) struct Writing<'a> {
    pub(super) connection: &'a Connection,
    pub(super) now: Now,
    pub(super) effects: Effects,
    /// The limit keys whose slots this transaction freed.
    pub(super) freed: BTreeSet<Vec<u8>>,
}

/// What is to be done once the transaction has committed.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// How many tasks can be claimed that could not before.
    pub(super) ready: usize,
    /// Whether a task waits for a time, so that the next claim must look for it.
    pub(super) scheduled: bool,
    /// Lane numbers worth remembering.
    pub(super) learned: Vec<Learned>,
}

impl<'a> Writing<'a> {
    pub(super) fn new(connection: &'a Connection, now: Now) -> Self {
        Self {
            connection,
            now,
            effects: Effects::default(),
            freed: BTreeSet::new(),
        }
    }

    /// The last step of every verb: freed slots go to those that wait for them.
    pub(super) fn finish(mut self) -> Result<Effects> {
        self.admit_freed()?;
        Ok(self.effects)
    }
}
