//! Recovery of a dead worker, or of claims whose leases ran out, as a pure machine: the processes
//! of the claims it still held are ended, and only when none is left are the tasks returned. Whoever
//! drives it for a dead worker holds that worker's lock, so that nobody else recovers it meanwhile; of
//! an expired claim the engine makes sure that it is returned once.
//!
//! A task of which a process lives that cannot be ended, as another user's, is not returned: it would
//! run beside it. Such a recovery ends without that task, and is to be begun anew after a while.

use std::io::ErrorKind;
use std::time::Duration;

use super::orphans::{Found, Search};
use crate::claim::{Claim, Held, WorkerId};
use crate::clock::{BootTime, Now};
use crate::coordination::Origin;
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
    /// What the scan found. One that was refused has found nothing out.
    Swept(Result<Sweep>),
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
    /// It failed because processes cannot be looked at.
    is_blind: bool,
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
            is_blind: false,
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
            RecoveryAnswer::Swept(Ok(sweep)) => self.swept(now, sweep),
            // What ran in another pid namespace is not waited for once its lease has run out.
            RecoveryAnswer::Swept(Err(error)) if self.recovered.expired && is_elsewhere(&error) => {
                self.swept(now, Sweep::default());
            }
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
            RecoveryAnswer::Swept(Err(error)) | RecoveryAnswer::Held(Err(error))
                if error.may_pass() =>
            {
                self.phase = Phase::Sweeping {
                    from: self.wait(now),
                    empty: 0,
                };
            }
            RecoveryAnswer::Swept(Err(error)) => {
                self.phase = Phase::Failed(Some(error));
                self.is_blind = true;
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

    /// Whether it failed because processes cannot be looked at.
    pub fn is_blind(&self) -> bool {
        self.is_blind
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

/// Whether a scan was refused because `/proc` is another pid namespace's.
fn is_elsewhere(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::Unsupported)
}

#[cfg(test)]
mod tests;
