//! An engine through its library.

use std::path::Path;

use queue_core::claim::WorkerId;
use queue_core::sqlite::Durability;
use queue_core::{Claim, ClaimRequest, NewTask, Outcome, Queue, Settled, Settlement};

use super::Engine;
use crate::Result;
use crate::workload::System;

/// An open engine, and the worker for which it claims.
pub(crate) struct Library<E: Engine> {
    pub(super) queue: E::Queue,
    worker: WorkerId,
}

impl<E: Engine> Library<E> {
    /// Opens the file, creating it if it is missing.
    pub(crate) fn open(path: &Path, durability: Durability) -> Result<Self> {
        Ok(Self::of(E::open(path, durability)?))
    }

    /// The engine with this open file.
    pub(crate) fn of(queue: E::Queue) -> Self {
        let worker = WorkerId::from_bits(queue.random());
        Self { queue, worker }
    }
}

impl<E: Engine> System for Library<E> {
    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<()> {
        self.queue.enqueue(tasks)?;
        Ok(())
    }

    fn claim(&self, limit: usize) -> Result<Vec<Claim>> {
        let claims = self
            .queue
            .claim(&ClaimRequest::new(self.worker, limit).commands(true))?;
        Ok(claims.tasks.into_iter().map(|task| task.claim).collect())
    }

    fn settle(&self, claims: &[Claim]) -> Result<()> {
        let settlements = claims
            .iter()
            .map(|claim| Settlement::new(*claim, Outcome::Succeeded));
        for settled in self.queue.settle(settlements.collect())? {
            if settled == Settled::ClaimLost {
                return Err("a claim was lost although no other worker uses the file".into());
            }
        }
        Ok(())
    }
}
