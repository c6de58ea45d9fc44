//! What runs in an executor's slots.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use rustix::process::Pid;

use super::super::child::Process;
use super::super::end::{Ended, StartError};
use super::super::inputs::Inputs;
use super::super::looks::Looks;
use crate::claim::Claim;
use crate::sidecar::records::Recorded;

/// An execution in its slot.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) claim: Claim,
    pub(super) job: Job,
}

#[derive(Debug)]
pub(super) enum Job {
    Command(Box<Process>),
    Handler(Arc<AtomicBool>),
    /// A command whose inputs are being written, unless this is set.
    Preparing(Arc<AtomicBool>),
    /// A command that is to be started with these, or not for that reason.
    Prepared(Result<Inputs, StartError>),
    /// A command that was told to end and did, but for what is left of its session.
    Survived(Box<Survived>),
    /// A command that has ended, but for its log.
    Logging(Box<Over>),
}

/// A command that has ended.
#[derive(Debug)]
pub(super) struct Over {
    pub(super) ended: Ended,
    /// Its process group, if it was told to end.
    pub(super) told: Option<Pid>,
    pub(super) record: Option<Recorded>,
}

/// A command that has ended, but for what is left of its session.
#[derive(Debug)]
pub(super) struct Survived {
    pub(super) ended: Ended,
    /// The process group and session.
    pub(super) group: Pid,
    pub(super) looks: Looks,
    /// Kept for whoever recovers this worker.
    pub(super) _record: Option<Recorded>,
}

/// The command in a slot, if one is there.
pub(super) fn command(slots: &mut [Option<Running>], slot: usize) -> Option<&mut Process> {
    match &mut slots.get_mut(slot)?.as_mut()?.job {
        Job::Command(process) => Some(process),
        Job::Handler(_)
        | Job::Preparing(_)
        | Job::Prepared(_)
        | Job::Survived(_)
        | Job::Logging(_) => None,
    }
}

/// Whether the task of that claim is still in its slot.
pub(super) fn runs(slots: &[Option<Running>], slot: usize, claim: Claim) -> bool {
    matches!(slots.get(slot), Some(Some(own)) if own.claim == claim)
}
