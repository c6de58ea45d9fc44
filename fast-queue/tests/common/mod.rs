//! fast-queue as the engine under test.

use std::path::Path;
use std::sync::Arc;

use fast_queue::{Durability, FastQueue, OpenOptions, Result};
use queue_core::clock::Clock;
use queue_core::random::Random;
use queue_testing::conformance::Engine;
use rusqlite::{Connection, Transaction};

/// fast-queue.
pub(crate) struct Fast;

impl Engine for Fast {
    type Queue = FastQueue;

    fn open(path: &Path, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<FastQueue> {
        let options = OpenOptions::new(Durability::Fast)?
            .clock(clock)
            .random(random);
        FastQueue::open_with(path, options)
    }

    fn transaction<T>(path: &Path, commit: bool, work: impl FnOnce(&Transaction<'_>) -> T) -> T {
        let mut connection = Connection::open(path).unwrap();
        let pragma = connection.pragma_update(None, "wal_autocheckpoint", 0);
        pragma.unwrap();
        let tx = connection.transaction().unwrap();
        let value = work(&tx);
        if commit {
            tx.commit().unwrap();
        } else {
            tx.rollback().unwrap();
        }
        value
    }
}
