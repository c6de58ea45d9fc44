//! Contents of an executor's slots.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::Pid;

use super::super::child::Process;
use super::super::end::{Ended, StartError};
use super::super::group_check::GroupCheck;
use super::super::inputs::Inputs;
use crate::claim::Claim;
use crate::sidecar::records::Recorded;

/// Execution in a slot.
#[derive(Debug)]
pub(super) struct Occupant {
    pub(super) claim: Claim,
    pub(super) job: Job,
}

#[derive(Debug)]
pub(super) enum Job {
    Command(Box<Process>),
    /// A command whose inputs are being written, until the flag is set.
    Preparing(Arc<AtomicBool>),
    /// A command that is to be started with these inputs, or refused with this error.
    Prepared(Result<Inputs, StartError>),
    /// A command that was told to end and did, with processes left.
    Leftover(Box<Leftover>),
    /// A command that has ended while its log is still being written.
    Logging(Box<EndedCommand>),
}

/// A command that has ended.
#[derive(Debug)]
pub(super) struct EndedCommand {
    pub(super) ended: Ended,
    /// Its process group, if it was told to end.
    pub(super) told: Option<Pid>,
    pub(super) record: Option<Recorded>,
}

/// A command that has ended, with processes left.
#[derive(Debug)]
pub(super) struct Leftover {
    pub(super) ended: Ended,
    /// The process group and session.
    pub(super) group: Pid,
    pub(super) group_check: GroupCheck,
    /// Kept for the recovery of this worker.
    pub(super) _record: Option<Recorded>,
}

/// Returns the command in a slot, if there is one.
pub(super) fn command(slots: &mut [Option<Occupant>], slot: usize) -> Option<&mut Process> {
    match &mut slots.get_mut(slot)?.as_mut()?.job {
        Job::Command(process) => Some(process),
        Job::Preparing(_) | Job::Prepared(_) | Job::Leftover(_) | Job::Logging(_) => None,
    }
}

/// Returns true if the task of that claim is still in its slot.
pub(super) fn runs(slots: &[Option<Occupant>], slot: usize, claim: Claim) -> bool {
    matches!(slots.get(slot), Some(Some(own)) if own.claim == claim)
}
