//! What is left of a command that was told to end and did: processes that go in a moment, and those that
//! this user cannot end, because they have become another's. As long as one of these lives, the
//! execution has not ended: its task is not to run beside it.

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process_group};

use super::ages::Next;
use super::end::Ended;
use super::slots::{Job, Running, runs};
use super::{Executor, Unreachable};
use crate::claim::Claim;
use crate::clock::BootTime;
use crate::runtime::orphans::{ProcFs, Processes};
use crate::runtime::records::Recorded;

/// After so many milliseconds it is asked again whether anybody is left.
const DYING_MS: i64 = 20;
/// What was sent KILL has gone after so many looks, or waits for a disk and executes nothing more.
const DYING_LOOKS: u32 = 10;
/// How often those are looked at that cannot be ended.
const SURVIVING_MS: i64 = 1_000;

/// A command that has ended, but for what is left of its session.
#[derive(Debug)]
pub(super) struct Survived {
    pub(super) ended: Ended,
    /// The process group and session.
    pub(super) group: Pid,
    pub(super) looks: u32,
    /// Those that cannot be ended, as told last.
    pub(super) told: Vec<u32>,
    /// Kept for whoever recovers this worker.
    pub(super) _record: Option<Recorded>,
}

impl Survived {
    /// Whether anybody is left. A group's number is nobody else's as long as that is so.
    fn is_left(group: Pid) -> bool {
        test_kill_process_group(group) != Err(Errno::SRCH)
    }

    /// Those of the session that this user cannot end.
    fn unreachable(&self) -> Vec<u32> {
        let own = self.group.as_raw_nonzero().get().unsigned_abs();
        let Ok(list) = ProcFs.list() else {
            return Vec::new();
        };
        let members = list.iter().filter(|one| one.session == own && one.runs);
        let left = members.filter(|one| !ProcFs.is_reachable(one));
        left.map(|one| one.pid).collect()
    }
}

impl Executor {
    /// A command was told to end and has. Returns its end if nobody is left.
    pub(super) fn outlived(
        &mut self,
        slot: usize,
        now: BootTime,
        (ended, group, record): (Ended, Pid, Option<Recorded>),
    ) -> Option<Ended> {
        if !Survived::is_left(group) {
            return Some(ended);
        }
        let claim = ended.claim;
        let survived = Survived {
            ended,
            group,
            looks: 0,
            told: Vec::new(),
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
        let Some(Some(Running {
            job: Job::Survived(survived),
            ..
        })) = self.slots.get_mut(slot)
        else {
            return None;
        };
        survived.looks += 1;
        let is_left = Survived::is_left(survived.group);
        if is_left && survived.looks < DYING_LOOKS {
            self.dying.join(now, DYING_MS, slot, claim);
            return Some(BootTime(now.0 + DYING_MS));
        }
        let left = if is_left {
            survived.unreachable()
        } else {
            Vec::new()
        };
        if left.is_empty() {
            ended.push(survived.ended.clone());
            self.slots[slot] = None;
            self.free.push(slot);
            return None;
        }
        if left != survived.told {
            survived.told.clone_from(&left);
            self.unreachable.push(Unreachable {
                claim,
                processes: left,
            });
        }
        self.surviving.join(now, SURVIVING_MS, slot, claim);
        Some(BootTime(now.0 + SURVIVING_MS))
    }
}
