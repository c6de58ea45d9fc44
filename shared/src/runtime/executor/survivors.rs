//! What is left of a command that was killed: processes that go in a moment, and those that this user
//! cannot end, because they have become another's; the command itself may be one. As long as one of
//! these lives, the execution has not ended: its task is not to run beside it.

use rustix::process::Pid;

use super::super::end::{Ended, Unreachable};
use super::super::looks::{self, Look, Looks, is_left};
use super::Executor;
use super::ages::Next;
use super::slots::{Job, Running, Survived, runs};
use crate::claim::Claim;
use crate::clock::BootTime;
use crate::runtime::orphans::{ProcFs, Processes as _};
use crate::sidecar::records::Recorded;

/// After so many milliseconds it is asked again whether anybody is left.
pub(super) const DYING_MS: i64 = 20;
/// How often those are looked at that cannot be ended.
const SURVIVING_MS: i64 = 1_000;

impl Executor {
    /// A command was told to end and has. Returns its end if nobody is left.
    pub(super) fn outlived(
        &mut self,
        slot: usize,
        now: BootTime,
        (ended, group, record): (Ended, Pid, Option<Recorded>),
    ) -> Option<Ended> {
        if !is_left(group) {
            return Some(ended);
        }
        let claim = ended.claim;
        let survived = Survived {
            ended,
            group,
            looks: Looks::default(),
            _record: record,
        };
        self.slots[slot] = Some(Running {
            claim,
            job: Job::Survived(Box::new(survived)),
        });
        self.dying.join(now, DYING_MS, slot, claim);
        None
    }

    /// Looks at what is left of commands that have ended. Returns when to look next.
    pub(super) fn look_at_survivors(
        &mut self,
        now: BootTime,
        ended: &mut Vec<Ended>,
    ) -> Option<BootTime> {
        let slots = &self.slots;
        let (mut aged, mut next) = (Vec::new(), None);
        for line in [&mut self.dying, &mut self.surviving] {
            loop {
                match line.next(now, |slot, claim| runs(slots, slot, claim)) {
                    Next::Aged(slot, claim) => aged.push((slot, claim)),
                    Next::At(at) => {
                        next = next.into_iter().chain([at]).min();
                        break;
                    }
                    Next::Nobody => break,
                }
            }
        }
        for (slot, claim) in aged {
            let again = self.look_at_survivor(slot, claim, now, ended);
            next = next.into_iter().chain(again).min();
        }
        next
    }

    fn look_at_survivor(
        &mut self,
        slot: usize,
        claim: Claim,
        now: BootTime,
        ended: &mut Vec<Ended>,
    ) -> Option<BootTime> {
        let running = self.slots.get_mut(slot)?.as_mut()?;
        let look = match &mut running.job {
            Job::Survived(survived) => survived.looks.look(survived.group),
            // The end of one that has exited is told otherwise.
            Job::Command(process) if process.exited_at().is_none() => {
                let group = process.pid();
                process.looks.look(group)
            }
            Job::Command(_)
            | Job::Handler(_)
            | Job::Preparing(_)
            | Job::Prepared(_)
            | Job::Logging(_) => {
                return None;
            }
        };
        match look {
            Look::Dying => {
                self.dying.join(now, DYING_MS, slot, claim);
                return Some(BootTime(now.0 + DYING_MS));
            }
            Look::Over => {
                if let Some(Running {
                    job: Job::Survived(survived),
                    ..
                }) = self.slots[slot].take_if(|own| matches!(own.job, Job::Survived(_)))
                {
                    ended.push(survived.ended);
                    self.free.push(slot);
                }
                return None;
            }
            Look::Survive(told) => {
                self.unreachable
                    .extend(told.map(|processes| Unreachable { claim, processes }));
            }
        }
        self.surviving.join(now, SURVIVING_MS, slot, claim);
        Some(BootTime(now.0 + SURVIVING_MS))
    }

    /// The processes of these executions, told to end, that this user cannot end.
    pub(in crate::runtime) fn cannot_end(&self, claims: &[Claim]) -> Vec<Unreachable> {
        let list = ProcFs.list();
        let group = |job: &Job| match job {
            Job::Survived(survived) => Some(survived.group),
            Job::Command(process) if process.ending().is_some() => Some(process.pid()),
            Job::Command(_)
            | Job::Handler(_)
            | Job::Preparing(_)
            | Job::Prepared(_)
            | Job::Logging(_) => None,
        };
        let mut found = Vec::new();
        for running in self.slots.iter().flatten() {
            let Some(group) = group(&running.job).filter(|_| claims.contains(&running.claim))
            else {
                continue;
            };
            let processes = match &list {
                Ok(list) => looks::unreachable(list, group),
                Err(_) if is_left(group) => vec![looks::number(group)],
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
