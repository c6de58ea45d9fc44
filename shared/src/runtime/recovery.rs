//! Recovery of a dead worker, or of claims whose leases ran out, as a pure machine: the processes
//! of the claims it still held are ended, and only when none is left are the tasks returned. Whoever
//! drives it for a dead worker holds that worker's lock, so that nobody else recovers it meanwhile; of
//! an expired claim the engine makes sure that it is returned once.
//!
//! A task of which a process lives that cannot be ended, as another user's, is not returned: it would
//! run beside it. Such a recovery ends without that task, and is to be begun anew after a while.

use std::time::Duration;

use super::orphans::{Found, Search};
use crate::claim::{Claim, Held, WorkerId};
use crate::clock::{BootTime, Now};
use crate::error::{Error, Result};
use crate::queue::{Queue, Reaped};

/// The first pause between two scans; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// How long processes that were sent KILL may take to go before recovery goes on without them: they
/// execute nothing of their own any more. Of the time between two scans only [`LONGEST_PAUSE`] counts:
/// a recoverer that was stopped, or slept with the machine, has not waited.
const PATIENCE: Duration = Duration::from_secs(10);
/// A child that was between `clone` and `exec` when its worker died carries no mark for a moment,
/// so one empty scan proves nothing.
const EMPTY_SCANS: u32 = 2;

/// What one scan for the processes of claims found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Processes that were sent KILL.
    pub signalled: Vec<Found>,
    /// Processes that could not be signalled.
    pub unreachable: Vec<Found>,
    /// Processes of this user that do not show whose they are.
    pub hidden: Vec<u32>,
}

/// Where a worker ran, as seen from where it is recovered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In the same boot and pid namespace: what it left is seen.
    Here,
    /// In another boot of the machine: it left no processes.
    EarlierBoot,
    /// In another pid namespace of this boot, such as another container: what it left is not seen.
    Elsewhere,
}

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryAction {
    /// Ask the file which claims the worker still holds; answer with [`RecoveryAnswer::Listed`].
    ListClaims,
    /// Ask how the claims stand if they expired, and answer with [`RecoveryAnswer::Held`]; look for the
    /// processes of [`Recovery::search`] and send KILL to each, and answer with
    /// [`RecoveryAnswer::Swept`].
    Sweep,
    /// Return the worker's tasks but for those of [`Recovery::kept`], or its expired claims; answer
    /// with [`RecoveryAnswer::Reaped`].
    Reap,
    /// Wait until then.
    Wait(BootTime),
    /// Let go of the worker's lock: nothing is left to do. Its files are removed if none of its tasks
    /// is kept.
    Release,
}

/// How an action went.
#[derive(Debug)]
pub enum RecoveryAnswer {
    /// The claims of the worker.
    Listed(Result<Vec<Claim>>),
    /// How the claims of [`Recovery::search`] stand, in their order.
    Held(Result<Vec<Held>>),
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
    /// Claims whose tasks were not returned: processes of theirs live that cannot be signalled, or
    /// cannot be seen if the worker ran elsewhere.
    pub kept: Vec<Claim>,
    /// Whether it ran in another pid namespace of this boot.
    pub elsewhere: bool,
}

impl Recovered {
    pub(super) fn of(worker: WorkerId) -> Self {
        Self {
            worker,
            expired: false,
            tasks: Vec::new(),
            ended: 0,
            unreachable: Vec::new(),
            hidden: Vec::new(),
            kept: Vec::new(),
            elsewhere: false,
        }
    }
}

/// The recovery of one dead worker.
#[derive(Debug)]
pub struct Recovery {
    recovered: Recovered,
    origin: Origin,
    search: Search,
    /// Claims that the file does not tell of, because it was replaced.
    further: Vec<Claim>,
    began: BootTime,
    seen: Vec<u32>,
    phase: Phase,
    pause: Duration,
    patience: Duration,
    scanned_at: Option<BootTime>,
}

#[derive(Debug)]
enum Phase {
    Listing { from: BootTime },
    Sweeping { from: BootTime, empty: u32 },
    Reaping { from: BootTime },
    Done,
    Failed(Option<Error>),
}

impl Recovery {
    /// Of a worker whose lock the caller holds.
    pub fn new(worker: WorkerId, origin: Origin, now: Now) -> Self {
        Self {
            recovered: Recovered::of(worker),
            origin,
            search: Search::default(),
            further: Vec::new(),
            began: now.boot,
            seen: Vec::new(),
            phase: Phase::Listing { from: now.boot },
            pause: FIRST_PAUSE,
            patience: PATIENCE,
            scanned_at: None,
        }
    }

    /// Has processes of these claims ended too.
    #[must_use]
    pub fn and_of(mut self, further: Vec<Claim>) -> Self {
        self.further = further;
        self
    }

    /// Of claims of one worker whose leases have run out: their processes are ended, and they are
    /// returned unless the worker extends them meanwhile. It keeps its lock if it lives, and
    /// whatever else it holds.
    pub fn of_expired(worker: WorkerId, claims: Vec<Claim>, now: Now) -> Self {
        let mut recovery = Self::new(worker, Origin::Here, now);
        recovery.recovered.expired = true;
        recovery.search = Search::new(claims, now.boot);
        recovery.phase = Phase::Sweeping {
            from: now.boot,
            empty: 0,
        };
        recovery
    }

    /// What is to be ended.
    pub fn search(&mut self) -> &mut Search {
        &mut self.search
    }

    /// The claims to return instead of all that a dead worker has.
    pub fn expired(&self) -> Option<Vec<Claim>> {
        let returns = |claim: &&Claim| !self.recovered.kept.contains(claim);
        let claims = self.search.claims().iter().filter(returns).copied();
        self.recovered.expired.then(|| claims.collect())
    }

    /// The claims of a dead worker that are not to be returned.
    pub fn kept(&self) -> &[Claim] {
        &self.recovered.kept
    }

    /// Whose recovery this is.
    pub fn worker(&self) -> WorkerId {
        self.recovered.worker
    }

    /// What to do at `now`. Asking again without an answer repeats the action.
    pub fn next(&self, now: Now) -> RecoveryAction {
        match self.phase {
            Phase::Listing { from } | Phase::Sweeping { from, .. } | Phase::Reaping { from }
                if from > now.boot =>
            {
                RecoveryAction::Wait(from)
            }
            Phase::Listing { .. } => RecoveryAction::ListClaims,
            Phase::Sweeping { .. } => RecoveryAction::Sweep,
            Phase::Reaping { .. } => RecoveryAction::Reap,
            Phase::Done | Phase::Failed(_) => RecoveryAction::Release,
        }
    }

    /// Takes in how the last action went.
    pub fn answer(&mut self, now: Now, answer: RecoveryAnswer) {
        match answer {
            RecoveryAnswer::Listed(Ok(claims)) => self.listed(now, claims),
            RecoveryAnswer::Held(Ok(held)) => self.search.let_go(&held),
            RecoveryAnswer::Swept(sweep) => self.swept(now, sweep),
            RecoveryAnswer::Reaped(Ok(tasks)) => {
                self.recovered.tasks = tasks;
                self.phase = Phase::Done;
            }
            RecoveryAnswer::Listed(Err(error)) if error.may_pass() => {
                self.phase = Phase::Listing {
                    from: self.wait(now),
                };
            }
            RecoveryAnswer::Reaped(Err(error)) if error.may_pass() => {
                self.phase = Phase::Reaping {
                    from: self.wait(now),
                };
            }
            RecoveryAnswer::Held(Err(error)) if error.may_pass() => {
                self.phase = Phase::Sweeping {
                    from: self.wait(now),
                    empty: 0,
                };
            }
            RecoveryAnswer::Listed(Err(error))
            | RecoveryAnswer::Held(Err(error))
            | RecoveryAnswer::Reaped(Err(error)) => {
                self.phase = Phase::Failed(Some(error));
            }
        }
    }

    /// Asks how the claims stand whose processes are to be ended, where a worker that lives may have
    /// settled some: what these left is nobody's orphan. Returns whether to sweep now.
    pub fn is_sure<Q: Queue>(&mut self, queue: &Q, now: Now) -> bool {
        if !self.recovered.expired {
            return true;
        }
        let held = queue.held(self.search.claims()).and_then(|mut held| {
            // What its worker extended after all is its own again.
            let over = queue.expired()?;
            for (claim, held) in self.search.claims().iter().zip(&mut held) {
                if !over.contains(claim) {
                    *held = Held::Lost;
                }
            }
            Ok(held)
        });
        let is_sure = held.is_ok();
        self.answer(now, RecoveryAnswer::Held(held));
        is_sure
    }

    /// What came of it, once [`next`](Self::next) says [`RecoveryAction::Release`].
    pub fn into_result(self) -> Result<Recovered> {
        match self.phase {
            Phase::Failed(Some(error)) => Err(error),
            Phase::Failed(None)
            | Phase::Done
            | Phase::Listing { .. }
            | Phase::Sweeping { .. }
            | Phase::Reaping { .. } => Ok(self.recovered),
        }
    }

    /// A worker that holds nothing has left nothing that is to be ended.
    fn listed(&mut self, now: Now, mut claims: Vec<Claim>) {
        let from = now.boot;
        self.pause = FIRST_PAUSE;
        match self.origin {
            Origin::Elsewhere if !claims.is_empty() => {
                self.recovered.elsewhere = true;
                self.recovered.kept = claims;
                self.phase = Phase::Done;
                return;
            }
            Origin::Here => claims.append(&mut self.further),
            Origin::EarlierBoot | Origin::Elsewhere => claims.clear(),
        }
        self.phase = if claims.is_empty() {
            Phase::Reaping { from }
        } else {
            Phase::Sweeping { from, empty: 0 }
        };
        self.search = Search::new(claims, self.began);
    }

    fn swept(&mut self, now: Now, sweep: Sweep) {
        let Phase::Sweeping { empty, .. } = self.phase else {
            return;
        };
        for found in &sweep.signalled {
            if !self.seen.contains(&found.process.pid) {
                self.seen.push(found.process.pid);
            }
        }
        if let Some(before) = self.scanned_at.replace(now.boot) {
            let waited = now.boot.since(before).min(LONGEST_PAUSE);
            self.patience = self.patience.saturating_sub(waited);
        }
        let impatient = self.patience.is_zero();
        let pids =
            |found: &[Found]| -> Vec<u32> { found.iter().map(|one| one.process.pid).collect() };
        self.recovered.ended = self.seen.len();
        self.recovered.unreachable = pids(&sweep.unreachable);
        self.recovered.hidden = sweep.hidden;
        self.recovered.kept = sweep.unreachable.iter().map(|found| found.claim).collect();
        self.recovered.kept.sort_unstable();
        self.recovered.kept.dedup();
        if impatient {
            self.recovered.ended -= sweep.signalled.len().min(self.recovered.ended);
            self.recovered.unreachable.extend(pids(&sweep.signalled));
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
    use super::{Origin, PATIENCE, Recovery, RecoveryAction, RecoveryAnswer, Sweep};
    use crate::claim::{Claim, Held, WorkerId};
    use crate::clock::{BootTime, Now};
    use crate::error::Error;
    use crate::runtime::orphans::{Found, Process};
    use crate::task::TaskId;

    fn claim(task: i64) -> Claim {
        Claim {
            task: TaskId(task),
            token: 1,
            worker: WorkerId(7),
        }
    }

    fn at(boot: i64) -> Now {
        Now {
            boot: BootTime(boot),
            ..Now::default()
        }
    }

    /// A process of the task of its number.
    fn found(pid: u32) -> Found {
        Found {
            process: Process {
                pid,
                group: pid,
                session: pid,
                started: BootTime(0),
                runs: true,
            },
            claim: claim(i64::from(pid)),
        }
    }

    fn swept(signalled: &[u32], unreachable: &[u32]) -> RecoveryAnswer {
        RecoveryAnswer::Swept(Sweep {
            signalled: signalled.iter().copied().map(found).collect(),
            unreachable: unreachable.iter().copied().map(found).collect(),
            hidden: Vec::new(),
        })
    }

    fn listed(tasks: &[i64]) -> RecoveryAnswer {
        RecoveryAnswer::Listed(Ok(tasks.iter().copied().map(claim).collect()))
    }

    /// Of a worker that died here with tasks 40 and 99.
    fn begun() -> Recovery {
        let mut recovery = Recovery::new(WorkerId(7), Origin::Here, at(0));
        assert_eq!(recovery.next(at(0)), RecoveryAction::ListClaims);
        recovery.answer(at(0), listed(&[40, 99]));
        recovery
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
                RecoveryAction::ListClaims | RecoveryAction::Reap | RecoveryAction::Release => {
                    return now;
                }
            }
        }
    }

    #[test]
    fn tasks_return_only_after_no_process_is_left() {
        let mut recovery = begun();
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
        let mut recovery = begun();
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
        let mut recovery = begun();
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
        let mut recovery = begun();
        for stopped_until in [30_000, 60_000] {
            recovery.answer(at(stopped_until), swept(&[40], &[]));
            let next = recovery.next(at(stopped_until));
            assert!(matches!(next, RecoveryAction::Wait(_)), "{next:?}");
        }
        recovery.answer(at(60_100), swept(&[], &[]));
        recovery.answer(at(60_200), swept(&[], &[]));
        assert_eq!(recovery.next(at(60_200)), RecoveryAction::Reap);
    }

    /// A child that had changed its user survived the recovery of its worker unreported, and its task
    /// ran beside it.
    #[test]
    fn a_task_is_not_returned_beside_a_process_that_cannot_be_ended() {
        let mut recovery = begun();
        recovery.answer(at(0), swept(&[], &[99, 99]));
        recovery.answer(at(10), swept(&[], &[99, 99]));
        assert_eq!(recovery.next(at(10)), RecoveryAction::Reap);
        assert_eq!(recovery.kept(), [claim(99)]);
        recovery.answer(at(10), RecoveryAnswer::Reaped(Ok(Vec::new())));
        let recovered = recovery.into_result().unwrap();
        assert_eq!(recovered.unreachable, [99, 99]);
        assert_eq!(recovered.kept, [claim(99)]);
    }

    #[test]
    fn another_boot_left_no_processes() {
        let mut recovery = Recovery::new(WorkerId(7), Origin::EarlierBoot, at(0));
        recovery.answer(at(0), listed(&[40]));
        assert_eq!(recovery.next(at(0)), RecoveryAction::Reap);
        assert_eq!(recovery.kept(), []);
    }

    #[test]
    fn who_holds_nothing_left_nothing_to_be_ended() {
        for origin in [Origin::Here, Origin::Elsewhere] {
            let mut recovery = Recovery::new(WorkerId(7), origin, at(0));
            recovery.answer(at(0), listed(&[]));
            assert_eq!(recovery.next(at(0)), RecoveryAction::Reap);
        }
    }

    /// Two containers on one volume: the processes of a worker killed in one were not seen from the
    /// other, and its task ran twice.
    #[test]
    fn tasks_of_a_worker_whose_processes_cannot_be_seen_stay() {
        let mut recovery = Recovery::new(WorkerId(7), Origin::Elsewhere, at(0));
        recovery.answer(at(0), listed(&[40]));
        assert_eq!(recovery.next(at(0)), RecoveryAction::Release);
        let recovered = recovery.into_result().unwrap();
        assert!(recovered.elsewhere && recovered.tasks.is_empty());
        assert_eq!(recovered.kept, [claim(40)]);
    }

    #[test]
    fn a_busy_database_is_asked_again_and_a_broken_one_is_not() {
        let mut recovery = Recovery::new(WorkerId(7), Origin::EarlierBoot, at(0));
        recovery.answer(at(0), listed(&[40]));
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
    fn a_list_that_is_refused_for_now_is_asked_for_again() {
        let mut recovery = Recovery::new(WorkerId(7), Origin::Here, at(0));
        let busy = Error::Busy {
            what: String::new(),
        };
        recovery.answer(at(0), RecoveryAnswer::Listed(Err(busy)));
        let RecoveryAction::Wait(until) = recovery.next(at(0)) else {
            panic!("a refused list must wait");
        };
        let later = Now {
            boot: until,
            ..at(0)
        };
        assert_eq!(recovery.next(later), RecoveryAction::ListClaims);
    }

    #[test]
    fn only_the_expired_claims_of_a_worker_that_may_live_are_looked_for() {
        let mut recovery = Recovery::of_expired(WorkerId(7), vec![claim(1), claim(99)], at(0));
        assert_eq!(recovery.next(at(0)), RecoveryAction::Sweep);
        assert_eq!(recovery.search().claims(), [claim(1), claim(99)]);
        recovery.answer(at(0), swept(&[], &[99]));
        assert_eq!(recovery.expired(), Some(vec![claim(1)]));
        let held = vec![Held::Lost, Held::Held];
        recovery.answer(at(0), RecoveryAnswer::Held(Ok(held)));
        assert_eq!(recovery.search().claims(), [claim(99)], "1 was settled");
        assert!(recovery.into_result().unwrap().expired);
    }
}
