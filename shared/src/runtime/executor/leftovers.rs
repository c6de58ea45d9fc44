//! Remaining processes of a command that was killed. Some go in a moment. Others cannot be ended,
//! because they have become another user's; the command itself may be one. While one of them is
//! alive, the execution has not ended, so that its task does not run twice.

use rustix::process::Pid;

use super::super::end::{Ended, Unreachable};
use super::super::group_check::{self, GroupCheck, GroupState, group_exists};
use super::Executor;
use super::deadlines::NextDeadline;
use super::slots::{Job, Leftover, Occupant, runs};
use crate::claim::Claim;
use crate::clock::BootTime;
use crate::runtime::orphans::{ProcFs, Processes as _};
use crate::sidecar::records::Recorded;

/// Interval in milliseconds of checks while processes are dying.
pub(super) const DYING_MS: i64 = 20;
/// Interval in milliseconds of checks for processes that cannot be ended.
const LEFTOVER_MS: i64 = 1_000;

impl Executor {
    /// Handles the end of a command that was told to end. Returns the end if no process of its
    /// group is left.
    pub(super) fn await_group(
        &mut self,
        slot: usize,
        now: BootTime,
        (ended, group, record): (Ended, Pid, Option<Recorded>),
    ) -> Option<Ended> {
        if !group_exists(group) {
            return Some(ended);
        }
        let claim = ended.claim;
        let leftover = Leftover {
            ended,
            group,
            group_check: GroupCheck::default(),
            _record: record,
        };
        self.slots[slot] = Some(Occupant {
            claim,
            job: Job::Leftover(Box::new(leftover)),
        });
        self.dying.push(now, DYING_MS, slot, claim);
        None
    }

    /// Checks for the remaining processes of killed commands. Returns the time of the next check.
    pub(super) fn check_leftovers(
        &mut self,
        now: BootTime,
        ended: &mut Vec<Ended>,
    ) -> Option<BootTime> {
        let slots = &self.slots;
        let (mut due, mut next) = (Vec::new(), None);
        for line in [&mut self.dying, &mut self.leftovers] {
            loop {
                match line.next(now, |slot, claim| runs(slots, slot, claim)) {
                    NextDeadline::Due(slot, claim) => due.push((slot, claim)),
                    NextDeadline::At(at) => {
                        next = next.into_iter().chain([at]).min();
                        break;
                    }
                    NextDeadline::Empty => break,
                }
            }
        }
        for (slot, claim) in due {
            let again = self.check_leftover(slot, claim, now, ended);
            next = next.into_iter().chain(again).min();
        }
        next
    }

    fn check_leftover(
        &mut self,
        slot: usize,
        claim: Claim,
        now: BootTime,
        ended: &mut Vec<Ended>,
    ) -> Option<BootTime> {
        let running = self.slots.get_mut(slot)?.as_mut()?;
        let state = match &mut running.job {
            Job::Leftover(leftover) => leftover.group_check.check(leftover.group),
            // The end of a command that has exited is handled elsewhere.
            Job::Command(process) if process.exited_at().is_none() => {
                let group = process.pid();
                process.group_check.check(group)
            }
            Job::Command(_) | Job::Preparing(_) | Job::Prepared(_) | Job::Logging(_) => {
                return None;
            }
        };
        match state {
            GroupState::Dying => {
                self.dying.push(now, DYING_MS, slot, claim);
                return Some(BootTime(now.0 + DYING_MS));
            }
            GroupState::Gone => {
                if let Some(Occupant {
                    job: Job::Leftover(leftover),
                    ..
                }) = self.slots[slot].take_if(|own| matches!(own.job, Job::Leftover(_)))
                {
                    ended.push(leftover.ended);
                    self.free.push(slot);
                }
                return None;
            }
            GroupState::Unreachable(told) => {
                self.unreachable
                    .extend(told.map(|processes| Unreachable { claim, processes }));
            }
        }
        self.leftovers.push(now, LEFTOVER_MS, slot, claim);
        Some(BootTime(now.0 + LEFTOVER_MS))
    }

    /// Returns the processes of these ending executions that this user cannot signal.
    pub(in crate::runtime) fn cannot_end(&self, claims: &[Claim]) -> Vec<Unreachable> {
        let list = ProcFs.list();
        let group = |job: &Job| match job {
            Job::Leftover(leftover) => Some(leftover.group),
            Job::Command(process) if process.ending().is_some() => Some(process.pid()),
            Job::Command(_) | Job::Preparing(_) | Job::Prepared(_) | Job::Logging(_) => None,
        };
        let mut found = Vec::new();
        for running in self.slots.iter().flatten() {
            let Some(group) = group(&running.job).filter(|_| claims.contains(&running.claim))
            else {
                continue;
            };
            let processes = match &list {
                Ok(list) => group_check::unreachable(list, group),
                Err(_) if group_exists(group) => vec![group_check::group_id(group)],
                Err(_) => Vec::new(),
            };
            if !processes.is_empty() {
                found.push(Unreachable {
                    claim: running.claim,
                    processes,
                });
            }
        }
        found
    }
}
