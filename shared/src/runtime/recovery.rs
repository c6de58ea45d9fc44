//! Recovery of a dead worker, or of claims whose leases ran out, as a pure machine: the processes
//! are ended, and only when none is left are the tasks returned. Whoever drives it for a dead worker
//! holds that worker's lock, so that nobody else recovers it meanwhile; of an expired claim the
//! engine makes sure that it is returned once.

use std::time::Duration;

use super::orphans::Whose;
use crate::claim::{Claim, WorkerId};
use crate::clock::{BootTime, Now};
use crate::error::{Error, Result};
use crate::queue::Reaped;

/// The first pause between two scans; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// How long processes that were sent KILL may take to go before recovery goes on without them. Of
/// the time between two scans only [`LONGEST_PAUSE`] counts: a recoverer that was stopped, or slept
/// with the machine, has not waited.
const PATIENCE: Duration = Duration::from_secs(10);
/// A child that was between `clone` and `exec` when its worker died carries no mark for a moment,
/// so one empty scan proves nothing.
const EMPTY_SCANS: u32 = 2;

/// What one scan for a dead worker's processes found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Processes that carry the worker's mark and were sent KILL.
    pub signalled: Vec<u32>,
    /// Processes that carry the mark and could not be signalled.
    pub unreachable: Vec<u32>,
    /// Processes of this user that do not show whether they carry it.
    pub hidden: Vec<u32>,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryAction {
    /// Look for the processes of [`Recovery::whose`] and send KILL to each; answer with
    /// [`RecoveryAnswer::Swept`].
    Sweep,
    /// Return the worker's tasks, or its expired claims; answer with [`RecoveryAnswer::Reaped`].
    Reap,
    /// Wait until then.
    Wait(BootTime),
    /// Remove the worker's files and let go of its lock: nothing is left to do.
    Release,
}

/// How an action went.
#[derive(Debug)]
pub enum RecoveryAnswer {
    /// What the scan found.
    Swept(Sweep),
    /// What the engine returned.
    Reaped(Result<Vec<Reaped>>),
}

/// What came of a recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The worker that had died, or that had let leases run out.
    pub worker: WorkerId,
    /// Whether it only let leases run out: it may live, and keeps its other claims.
    pub expired: bool,
    /// Its tasks, and what became of them.
    pub tasks: Vec<Reaped>,
    /// How many of its processes were ended.
    pub ended: usize,
    /// Processes of its that may still run: they could not be signalled, or did not go.
    pub unreachable: Vec<u32>,
    /// Processes of this user that do not show whose they are. Some are ordinary: key agents hide
    /// their memory.
    pub hidden: Vec<u32>,
}

/// The recovery of one dead worker.
#[derive(Debug)]
pub struct Recovery {
    recovered: Recovered,
    /// The claims to return if the worker may yet live and only lost these.
    expired: Option<Vec<Claim>>,
    seen: Vec<u32>,
    phase: Phase,
    pause: Duration,
    patience: Duration,
    scanned_at: Option<BootTime>,
}

#[derive(Debug)]
enum Phase {
    Sweeping { from: BootTime, empty: u32 },
    Reaping { from: BootTime },
    Done,
    Failed(Option<Error>),
}

impl Recovery {
    /// Of a worker whose lock the caller holds. Only a worker of `this_boot` can have left
    /// processes.
    pub fn new(worker: WorkerId, this_boot: bool, now: Now) -> Self {
        let phase = if this_boot {
            Phase::Sweeping {
                from: now.boot,
                empty: 0,
            }
        } else {
            Phase::Reaping { from: now.boot }
        };
        Self {
            recovered: Recovered {
                worker,
                expired: false,
                tasks: Vec::new(),
                ended: 0,
                unreachable: Vec::new(),
                hidden: Vec::new(),
            },
            expired: None,
            seen: Vec::new(),
            phase,
            pause: FIRST_PAUSE,
            patience: PATIENCE,
            scanned_at: None,
        }
    }

    /// Of claims of one worker whose leases have run out: their processes are ended, and they are
    /// returned unless the worker extends them meanwhile. It keeps its lock if it lives, and
    /// whatever else it holds.
    pub fn of_expired(worker: WorkerId, claims: Vec<Claim>, now: Now) -> Self {
        let mut recovery = Self::new(worker, true, now);
        recovery.recovered.expired = true;
        recovery.expired = Some(claims);
        recovery
    }

    /// Whose processes are to be ended.
    pub fn whose(&self) -> Whose<'_> {
        match &self.expired {
            Some(claims) => Whose::Claims(claims),
            None => Whose::Worker(self.worker()),
        }
    }

    /// The claims to return instead of all that a dead worker has.
    pub fn expired(&self) -> Option<&[Claim]> {
        self.expired.as_deref()
    }

    /// Whose recovery this is.
    pub fn worker(&self) -> WorkerId {
        self.recovered.worker
    }

    /// What to do at `now`. Asking again without an answer repeats the action.
    pub fn next(&self, now: Now) -> RecoveryAction {
        match self.phase {
            Phase::Sweeping { from, .. } | Phase::Reaping { from } if from > now.boot => {
                RecoveryAction::Wait(from)
            }
            Phase::Sweeping { .. } => RecoveryAction::Sweep,
            Phase::Reaping { .. } => RecoveryAction::Reap,
            Phase::Done | Phase::Failed(_) => RecoveryAction::Release,
        }
    }

    /// Takes in how the last action went.
    pub fn answer(&mut self, now: Now, answer: RecoveryAnswer) {
        match answer {
            RecoveryAnswer::Swept(sweep) => self.swept(now, sweep),
            RecoveryAnswer::Reaped(Ok(tasks)) => {
                self.recovered.tasks = tasks;
                self.phase = Phase::Done;
            }
            RecoveryAnswer::Reaped(Err(error)) if error.may_pass() => {
                self.phase = Phase::Reaping {
                    from: self.wait(now),
                };
            }
            RecoveryAnswer::Reaped(Err(error)) => self.phase = Phase::Failed(Some(error)),
        }
    }

    /// What came of it, once [`next`](Self::next) says [`RecoveryAction::Release`].
    pub fn into_result(self) -> Result<Recovered> {
        match self.phase {
            Phase::Failed(Some(error)) => Err(error),
            Phase::Failed(None) | Phase::Done | Phase::Sweeping { .. } | Phase::Reaping { .. } => {
                Ok(self.recovered)
            }
        }
    }

    fn swept(&mut self, now: Now, sweep: Sweep) {
        let Phase::Sweeping { empty, .. } = self.phase else {
            return;
        };
        for pid in &sweep.signalled {
            if !self.seen.contains(pid) {
                self.seen.push(*pid);
            }
        }
        if let Some(before) = self.scanned_at.replace(now.boot) {
            let waited = now.boot.since(before).min(LONGEST_PAUSE);
            self.patience = self.patience.saturating_sub(waited);
        }
        let impatient = self.patience.is_zero();
        self.recovered.ended = self.seen.len();
        self.recovered.unreachable = sweep.unreachable;
        self.recovered.hidden = sweep.hidden;
        if impatient {
            self.recovered.ended -= sweep.signalled.len().min(self.recovered.ended);
            self.recovered.unreachable.extend(&sweep.signalled);
        }
        let empty = if sweep.signalled.is_empty() {
            empty + 1
        } else {
            0
        };
        self.phase = if impatient || empty >= EMPTY_SCANS {
            Phase::Reaping { from: now.boot }
        } else {
            Phase::Sweeping {
                from: self.wait(now),
                empty,
            }
        };
        if matches!(self.phase, Phase::Reaping { .. }) {
            self.pause = FIRST_PAUSE;
        }
    }

    fn wait(&mut self, now: Now) -> BootTime {
        let until = now.boot.after(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        until
    }
}

#[cfg(test)]
mod tests {
    use super::{PATIENCE, Recovery, RecoveryAction, RecoveryAnswer, Sweep};
    use crate::claim::{Claim, WorkerId};
    use crate::clock::{BootTime, Now};
    use crate::error::Error;
    use crate::runtime::orphans::Whose;
    use crate::task::TaskId;

    fn at(boot: i64) -> Now {
        Now {
            boot: BootTime(boot),
            ..Now::default()
        }
    }

    fn swept(signalled: &[u32], unreachable: &[u32]) -> RecoveryAnswer {
        RecoveryAnswer::Swept(Sweep {
            signalled: signalled.to_vec(),
            unreachable: unreachable.to_vec(),
            hidden: Vec::new(),
        })
    }

    /// Answers every scan with what `processes` says until the machine wants something else.
    fn sweep_until_done(
        recovery: &mut Recovery,
        mut processes: impl FnMut(u32) -> Vec<u32>,
    ) -> Now {
        let (mut now, mut scans) = (at(0), 0);
        loop {
            match recovery.next(now) {
                RecoveryAction::Sweep => {
                    recovery.answer(now, swept(&processes(scans), &[]));
                    scans += 1;
                }
                RecoveryAction::Wait(until) => now.boot = until,
                RecoveryAction::Reap | RecoveryAction::Release => return now,
            }
        }
    }

    #[test]
    fn tasks_return_only_after_no_process_is_left() {
        let mut recovery = Recovery::new(WorkerId(7), true, at(0));
        let mut last = Vec::new();
        let now = sweep_until_done(&mut recovery, |scan| {
            last = if scan < 3 { vec![40, 41] } else { Vec::new() };
            last.clone()
        });
        assert_eq!(last, Vec::<u32>::new());
        assert_eq!(recovery.next(now), RecoveryAction::Reap);
        recovery.answer(now, RecoveryAnswer::Reaped(Ok(Vec::new())));
        assert_eq!(recovery.next(now), RecoveryAction::Release);
        let recovered = recovery.into_result().unwrap();
        assert_eq!((recovered.ended, recovered.unreachable), (2, vec![]));
    }

    /// A process can start another one behind a scan that is under way, and end before the scan
    /// comes to it.
    #[test]
    fn one_scan_that_finds_nothing_does_not_end_the_search() {
        let mut recovery = Recovery::new(WorkerId(7), true, at(0));
        let mut scans = 0;
        sweep_until_done(&mut recovery, |scan| {
            scans = scan + 1;
            if scan == 1 { vec![41] } else { Vec::new() }
        });
        assert_eq!(scans, 4, "nothing, one, nothing, nothing");
        assert_eq!(recovery.recovered.ended, 1);
    }

    #[test]
    fn a_process_that_does_not_go_is_reported_and_recovery_goes_on() {
        let mut recovery = Recovery::new(WorkerId(7), true, at(0));
        let now = sweep_until_done(&mut recovery, |_| vec![40]);
        assert!(now.boot >= at(0).boot.after(PATIENCE));
        recovery.answer(now, RecoveryAnswer::Reaped(Ok(Vec::new())));
        let recovered = recovery.into_result().unwrap();
        assert_eq!((recovered.ended, recovered.unreachable), (0, vec![40]));
    }

    /// Patience was counted from the beginning of the recovery: a recoverer that was stopped for longer
    /// before its first scan returned tasks whose commands it had sent KILL just then, so that they
    /// could run twice for a moment. Only time between scans counts now.
    #[test]
    fn a_recoverer_that_was_stopped_still_waits_for_processes_to_go() {
        let mut recovery = Recovery::new(WorkerId(7), true, at(0));
        for stopped_until in [30_000, 60_000] {
            recovery.answer(at(stopped_until), swept(&[40], &[]));
            let next = recovery.next(at(stopped_until));
            assert!(matches!(next, RecoveryAction::Wait(_)), "{next:?}");
        }
        recovery.answer(at(60_100), swept(&[], &[]));
        recovery.answer(at(60_200), swept(&[], &[]));
        assert_eq!(recovery.next(at(60_200)), RecoveryAction::Reap);
    }

    #[test]
    fn unreachable_processes_do_not_hold_recovery_up() {
        let mut recovery = Recovery::new(WorkerId(7), true, at(0));
        recovery.answer(at(0), swept(&[], &[99]));
        recovery.answer(at(10), swept(&[], &[99]));
        assert_eq!(recovery.next(at(10)), RecoveryAction::Reap);
    }

    #[test]
    fn another_boot_left_no_processes() {
        let recovery = Recovery::new(WorkerId(7), false, at(0));
        assert_eq!(recovery.next(at(0)), RecoveryAction::Reap);
    }

    #[test]
    fn a_busy_database_is_asked_again_and_a_broken_one_is_not() {
        let mut recovery = Recovery::new(WorkerId(7), false, at(0));
        let busy = Error::Busy {
            what: String::new(),
        };
        recovery.answer(at(0), RecoveryAnswer::Reaped(Err(busy)));
        let RecoveryAction::Wait(until) = recovery.next(at(0)) else {
            panic!("a refused reap must wait");
        };
        let later = Now {
            boot: until,
            ..at(0)
        };
        assert_eq!(recovery.next(later), RecoveryAction::Reap);
        recovery.answer(later, RecoveryAnswer::Reaped(Err(Error::invalid("broken"))));
        assert_eq!(recovery.next(later), RecoveryAction::Release);
        assert!(recovery.into_result().is_err());
    }

    #[test]
    fn only_the_expired_claims_of_a_worker_that_may_live_are_looked_for() {
        let claim = Claim {
            task: TaskId(1),
            token: 1,
            worker: WorkerId(7),
        };
        let recovery = Recovery::of_expired(WorkerId(7), vec![claim], at(0));
        assert_eq!(recovery.whose(), Whose::Claims(&[claim]));
        assert!(recovery.into_result().unwrap().expired);
        let recovery = Recovery::new(WorkerId(7), true, at(0));
        assert_eq!(recovery.whose(), Whose::Worker(WorkerId(7)));
    }
}
