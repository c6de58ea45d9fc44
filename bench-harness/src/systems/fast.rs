//! `fast-queue` through its library.

use std::path::Path;

use fast_queue::FastQueue;
use queue_core::claim::WorkerId;
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::{Claim, ClaimRequest, NewTask, Outcome, Queue, Settled, Settlement};

use crate::Result;
use crate::workload::System;

/// An open engine and the worker in whose name it claims.
pub(crate) struct Fast {
    queue: FastQueue,
    worker: WorkerId,
}

/// Opens a [`Fast`] behind the common trait.
pub(crate) fn open(path: &Path, durability: Durability) -> Result<Box<dyn System>> {
    Ok(Box::new(Fast::open(path, durability)?))
}

impl Fast {
    /// Opens the file, creating it if it is missing.
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Self> {
        let queue = FastQueue::open_with(path, OpenOptions::new(durability)?)?;
        let worker = WorkerId::from_bits(queue.random());
        Ok(Self { queue, worker })
    }
}

impl System for Fast {
    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<()> {
        self.queue.enqueue(tasks)?;
        Ok(())
    }

    fn claim(&self, limit: usize) -> Result<Vec<Claim>> {
        let claims = self
            .queue
            .claim(&ClaimRequest::commands(self.worker, limit))?;
        Ok(claims.tasks.into_iter().map(|task| task.claim).collect())
    }

    fn settle(&self, claims: &[Claim]) -> Result<()> {
        let settlements = claims.iter().map(|claim| Settlement {
            claim: *claim,
            outcome: Outcome::Succeeded,
            output: None,
        });
        for settled in self.queue.settle(settlements.collect())? {
            if settled == Settled::ClaimLost {
                return Err("a claim was lost although nobody else works the file".into());
            }
        }
        Ok(())
    }
}
