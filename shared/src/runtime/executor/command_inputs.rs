//! Inputs of commands, written before they start.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::super::inputs::Remover;
use super::super::inputs::{InputSource, Inputs};
use super::preparer::not_given;
use super::slots::{Job, Occupant};
use super::{End, Ended, Executor, StartError};
use crate::claim::{Claim, ClaimedTask};
use crate::clock::{Clock, SystemClock};
use crate::output::KEPT_OUTPUTS;
use crate::usage::Usage;

/// Largest number of dependencies for which the folder is written while the command is started: a
/// millisecond or two of work. For more, another thread writes it.
const FEW: usize = 32;
/// The same for the bytes of their outputs.
const FEW_BYTES: u64 = 1 << 20;

/// Inputs of a command.
#[derive(Debug)]
pub(super) enum CommandInputs {
    None,
    Prepared(Inputs),
    /// Outputs of dependencies that are still to be read.
    Unread(DependencyOutputs),
}

/// Source of the outputs of a task's dependencies, and the remover of the folder they are written
/// to.
pub(super) struct DependencyOutputs {
    source: Arc<dyn InputSource>,
    remover: Option<Remover>,
}

impl fmt::Debug for DependencyOutputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DependencyOutputs").finish_non_exhaustive()
    }
}

impl DependencyOutputs {
    /// Writes the inputs of one claim; `None` if they are too many or too long to write during a
    /// start.
    pub(super) fn prepare_few(&self, claim: Claim) -> Result<Option<Inputs>, StartError> {
        let edges = self
            .source
            .edges(claim.task)
            .map_err(|error| not_given(&error))?;
        if edges.len() > FEW {
            return Ok(None);
        }
        let inputs = self
            .source
            .prepare(claim, &edges, &|bytes| bytes <= FEW_BYTES)
            .map_err(|error| not_given(&error))?;
        Ok(inputs.map(|inputs| inputs.removed_by(self.remover.clone())))
    }
}

impl Executor {
    /// Returns the inputs of a command, or the source to read them from.
    pub(super) fn command_inputs(
        &mut self,
        task: &ClaimedTask,
    ) -> Result<CommandInputs, StartError> {
        if u64::from(task.attempt) != task.claim.token.cast_unsigned() {
            // The same attempt ran before, and was returned or died. This run may be too short for
            // a log, so the old log is removed.
            self.log_thread
                .remove(self.sidecar.log(task.claim.task, task.attempt));
        }
        if let Some(old @ 1..) = task.attempt.checked_sub(KEPT_OUTPUTS) {
            self.log_thread
                .remove(self.sidecar.log(task.claim.task, old));
        }
        let Some(source) = self.inputs.as_ref().filter(|_| task.depends) else {
            return Ok(CommandInputs::None);
        };
        let is_own = |slot: &Option<Occupant>| matches!(slot, Some(own) if own.claim == task.claim);
        if let Some(slot) = self.slots.iter().position(is_own)
            && let Some(Occupant {
                job: Job::Prepared(prepared),
                ..
            }) = self.slots[slot].take()
        {
            self.free.push(slot);
            return Ok(CommandInputs::Prepared(prepared?));
        }
        Ok(CommandInputs::Unread(DependencyOutputs {
            source: Arc::clone(source),
            remover: self.preparer.remover(source),
        }))
    }

    /// Has a command's inputs written on another thread. The command starts after that.
    pub(super) fn postpone(&mut self, task: ClaimedTask) -> Result<(), StartError> {
        let Some(source) = &self.inputs else {
            return Ok(());
        };
        let (claim, cancelled) = (task.claim, Arc::new(AtomicBool::new(false)));
        self.preparer.prepare(source, task, &cancelled)?;
        let slot = self.free_slot();
        self.slots[slot] = Some(Occupant {
            claim,
            job: Job::Preparing(cancelled),
        });
        Ok(())
    }

    /// Takes the written inputs of commands that are still to be started.
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

    /// Ends an execution that has not been started yet.
    pub(super) fn withdraw(&mut self, slot: usize) {
        let Some(Occupant { claim, job }) = self.slots[slot].take() else {
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
            usage: Usage::default(),
        });
    }
}
