//! The suite that every engine passes, over workflow-queue.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::path::Path;
use std::sync::Arc;

use queue_core::clock::Clock;
use queue_core::conformance::Engine;
use queue_core::error::Result;
use queue_core::random::Random;
use queue_core::sqlite::{Durability, OpenOptions};
use rusqlite::{Connection, Transaction};
use workflow_queue::{SqliteOptions, WorkflowQueue};

struct Workflow;

impl Engine for Workflow {
    type Queue = WorkflowQueue;

    fn open(path: &Path, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<WorkflowQueue> {
        let options = SqliteOptions {
            open: OpenOptions {
                clock,
                random,
                ..OpenOptions::new(Durability::Fast)?
            },
            ..SqliteOptions::new()?
        };
        WorkflowQueue::open_with(path, options)
    }

    fn transaction<T>(path: &Path, commit: bool, work: impl FnOnce(&Transaction<'_>) -> T) -> T {
        let mut connection = Connection::open(path).unwrap();
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

queue_core::conformance_tests!(Workflow);
