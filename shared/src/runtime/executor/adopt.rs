//! Puts started tasks into slots.

use std::sync::Arc;

use super::event_source::EventSource;
use super::slots::{Job, Occupant};
use super::{Executor, StartError, WATCH_MS};
use crate::claim::{Claim, ClaimedTask};
use crate::clock::BootTime;
use crate::runtime::capture::MEMORY_MS;
use crate::runtime::child::Process;
use crate::runtime::handlers::HandlerTask;
use crate::task::Work;

impl Executor {
    pub(super) fn start_handler(&mut self, task: ClaimedTask) -> Result<(), StartError> {
        let Work::Handler { handler, payload } = task.work else {
            return Err("it is a command".to_owned().into());
        };
        let (Some(run), Some(pool)) = (self.handlers.get(&handler), &mut self.pool) else {
            return Err(format!("this worker has no handler {handler:?}").into());
        };
        let for_handler = HandlerTask {
            claim: task.claim,
            name: task.name,
            payload,
            attempt: task.attempt,
            stop: Arc::default(),
        };
        pool.start(run, for_handler)
    }

    /// Watches a command that was started.
    pub(super) fn adopt_process(
        &mut self,
        claim: Claim,
        process: Box<Process>,
        now: BootTime,
    ) -> Result<(), StartError> {
        let slot = self.free_slot();
        if let Err(error) = self.add(process.pidfd(), EventSource::Child(slot)) {
            self.free.push(slot);
            return Err(process.abandon(error));
        }
        self.unwatched.push(now, WATCH_MS, slot, claim);
        self.young.push(now, MEMORY_MS, slot, claim);
        self.slots[slot] = Some(Occupant {
            claim,
            job: Job::Command(process),
        });
        Ok(())
    }

    pub(super) fn free_slot(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        })
    }
}
