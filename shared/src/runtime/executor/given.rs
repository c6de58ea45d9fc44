//! What commands are given before they start.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::inputs::Remover;
use super::super::inputs::{Inputs, Source};
use super::preparer::not_given;
use super::slots::{Job, Running};
use super::{End, Ended, Executor, StartError};
use crate::claim::{Claim, ClaimedTask};
use crate::clock::{Clock, SystemClock};
use crate::output::KEPT_OUTPUTS;

/// Tasks that a command may depend on for its folder to be written as it is started: a millisecond
/// or two of work. Where there are more, nothing else waits for it.
const FEW: usize = 32;

/// What a command is given.
#[derive(Debug)]
pub(super) enum Given {
    Nothing,
    Inputs(Inputs),
    /// What is found there.
    Outputs(Outputs),
}

/// Where the outputs of a task's dependencies are, and what removes the folder they are written to.
pub(super) struct Outputs {
    source: Arc<dyn Source>,
    remover: Option<Remover>,
}

impl fmt::Debug for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs").finish_non_exhaustive()
    }
}

impl Outputs {
    /// The inputs of one claim; `None` if that takes longer than starting a command may.
    pub(super) fn few(&self, claim: Claim) -> Result<Option<Inputs>, StartError> {
        let edges = self
            .source
            .edges(claim.task)
            .map_err(|error| not_given(&error))?;
        if edges.len() > FEW {
            return Ok(None);
        }
        let inputs = self
            .source
            .prepare(claim, &edges, &AtomicBool::new(false))
            .map_err(|error| not_given(&error))?;
        Ok(inputs.map(|inputs| inputs.removed_by(self.remover.clone())))
    }
}

impl Executor {
    /// What a command is given, or where its inputs are found.
    pub(super) fn given(&mut self, task: &ClaimedTask) -> Result<Given, StartError> {
        if u64::from(task.attempt) != task.claim.token.cast_unsigned() {
            // The same attempt ran before, and was handed back or died. Its log is not this
            // run's, which may be too short to have one.
            self.scribe
                .remove(self.sidecar.log(task.claim.task, task.attempt));
        }
        if let Some(old @ 1..) = task.attempt.checked_sub(KEPT_OUTPUTS) {
            self.scribe.remove(self.sidecar.log(task.claim.task, old));
        }
        let Some(source) = self.inputs.as_ref().filter(|_| task.depends) else {
            return Ok(Given::Nothing);
        };
        let is_own = |slot: &Option<Running>| matches!(slot, Some(own) if own.claim == task.claim);
        if let Some(slot) = self.slots.iter().position(is_own)
            && let Some(Running {
                job: Job::Prepared(prepared),
                ..
            }) = self.slots[slot].take()
        {
            self.free.push(slot);
            return Ok(Given::Inputs(prepared?));
        }
        Ok(Given::Outputs(Outputs {
            source: Arc::clone(source),
            remover: self.preparer.remover(source),
        }))
    }

    /// Has the inputs of a command prepared, which is started after that.
    pub(super) fn postpone(&mut self, task: ClaimedTask) -> Result<(), StartError> {
        let Some(source) = &self.inputs else {
            return Ok(());
        };
        let (claim, cancelled) = (task.claim, Arc::new(AtomicBool::new(false)));
        self.preparer.prepare(source, task, &cancelled)?;
        let slot = self.free_slot();
        self.slots[slot] = Some(Running {
            claim,
            job: Job::Preparing(cancelled),
        });
        Ok(())
    }

    /// Takes what was prepared for commands that are still wanted.
    pub(super) fn take_prepared(&mut self) {
        for (task, prepared) in self.preparer.take_done() {
            let claim = task.claim;
            let preparing = self
                .slots
                .iter_mut()
                .flatten()
                .find(|own| own.claim == claim && matches!(own.job, Job::Preparing(_)));
            if let Some(running) = preparing
                && let Some(prepared) = prepared.transpose()
            {
                running.job = Job::Prepared(prepared);
                self.prepared.push(task);
            }
        }
    }

    /// Ends what has not been started yet.
    pub(super) fn withdraw(&mut self, slot: usize) {
        let Some(Running { claim, job }) = self.slots[slot].take() else {
            return;
        };
        if let Job::Preparing(cancelled) = job {
            cancelled.store(true, Ordering::Relaxed);
        }
        self.free.push(slot);
        self.withdrawn.push(Ended {
            claim,
            end: End::Unstarted,
            at: SystemClock.now().boot,
            output: None,
        });
    }
}
