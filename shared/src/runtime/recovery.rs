//! State machine for the recovery of a dead worker, or of claims whose leases ran out: it ends the
//! processes of the claims, and returns the tasks only when no process is left. The driver of a
//! dead worker's recovery holds that worker's lock, so that no other process recovers it meanwhile;
//! the engine ensures that an expired claim is returned once.
//!
//! A task with a live process that cannot be ended, because it is another user's, is not returned:
//! it would run twice. Such a recovery ends without that task, and is started again after a while.

use std::io::ErrorKind;
use std::time::Duration;

use super::orphans::{Orphan, Search};
use crate::claim::{Claim, Held, WorkerId};
use crate::clock::{BootTime, Now};
use crate::coordination::Origin;
use crate::error::{Error, Result};
use crate::queue::Reaped;

/// First pause between two scans; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);
/// Time that recovery waits after KILL for processes to go. Then it continues: a killed process executes
/// nothing of its own any more. Each gap between two scans counts at most as [`LONGEST_PAUSE`], so that time
/// in which this process was stopped, or the machine suspended, is not waiting.
const PATIENCE: Duration = Duration::from_secs(10);
/// Empty scans after which no process is left. A child that was between `clone` and `exec` when its
/// worker died carries no mark for a moment, so one empty scan proves nothing.
const EMPTY_SCANS: u32 = 2;

/// Result of one scan that ends the processes of claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// Processes that were sent KILL.
    pub signalled: Vec<Orphan>,
    /// Processes that could not be signalled.
    pub unreachable: Vec<Orphan>,
    /// Processes of this user that hide their environment.
    pub hidden: Vec<u32>,
}

/// Action that the driver performs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecoveryAction {
    /// Read the claims that the worker still holds; answer with [`RecoveryAnswer::Listed`].
    ListClaims,
    /// Read the state of the expired claims of [`Recovery::search`]: a live worker may have settled
    /// some, whose background processes are left alone. Answer with [`RecoveryAnswer::Held`].
    Check,
    /// Look for the processes of [`Recovery::search`], send KILL to each, and answer with
    /// [`RecoveryAnswer::Swept`].
    Sweep,
    /// Return the worker's tasks except those of [`Recovery::kept`], or its expired claims; answer
    /// with [`RecoveryAnswer::Reaped`].
    Reap,
    /// Wait until this time.
    Wait(BootTime),
    /// Release the worker's lock: nothing is left to do. Remove its files if none of its tasks is
    /// kept.
    Release,
}

/// Answer to an action.
#[derive(Debug)]
pub enum RecoveryAnswer {
    /// Claims of the worker.
    Listed(Result<Vec<Claim>>),
    /// The worker has no claims and has deregistered: it left, and had not died.
    Left,
    /// State of the claims of [`Recovery::search`], in the same order.
    Held(Result<Vec<Held>>),
    /// Result of the scan. A refused scan proves nothing.
    Swept(Result<Sweep>),
    /// Tasks that the engine returned.
    Reaped(Result<Vec<Reaped>>),
}

/// Result of a recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovered {
    /// Worker that had died, or whose leases had run out.
    pub worker: WorkerId,
    /// True if only leases of the worker had run out: it may be alive, and keeps its other claims.
    pub expired: bool,
    /// Its tasks, with their new states.
    pub tasks: Vec<Reaped>,
    /// Number of its processes that were ended.
    pub ended: usize,
    /// Its processes that may still run: they could not be signalled, or did not go.
    pub unreachable: Vec<u32>,
    /// Processes of this user that hide their environment. Key agents and the like do so.
    pub hidden: Vec<u32>,
    /// Claims whose tasks were not returned: some of their processes cannot be signalled, or cannot
    /// be seen because the worker ran elsewhere.
    pub kept: Vec<Claim>,
    /// True if it ran in another pid namespace of this boot.
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

/// Recovery of one worker.
#[derive(Debug)]
pub struct Recovery {
    recovered: Recovered,
    origin: Origin,
    search: Search,
    /// Claims that are not in the file, because it was replaced.
    further: Vec<Claim>,
    began: BootTime,
    seen: Vec<u32>,
    phase: Phase,
    pause: Duration,
    patience: Duration,
    scanned_at: Option<BootTime>,
    /// True if expired claims have to be checked before the next sweep.
    is_unsure: bool,
    /// True if it failed because processes cannot be listed.
    is_blind: bool,
    /// True if the worker had deregistered before the recovery began.
    has_left: bool,
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
    /// Creates the recovery of a worker whose lock the caller holds.
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
            is_unsure: false,
            is_blind: false,
            has_left: false,
        }
    }

    /// Also ends the processes of these claims.
    #[must_use]
    pub fn and_of(mut self, further: Vec<Claim>) -> Self {
        self.further = further;
        self
    }

    /// Creates the recovery of expired claims of one worker: their processes are ended, and they
    /// are returned unless the worker extends them meanwhile. A live worker keeps its lock and its
    /// other claims.
    pub fn of_expired(worker: WorkerId, claims: Vec<Claim>, now: Now) -> Self {
        let mut recovery = Self::new(worker, Origin::Here, now);
        recovery.recovered.expired = true;
        recovery.is_unsure = true;
        recovery.search = Search::new(claims, now.boot);
        recovery.phase = Phase::Sweeping {
            from: now.boot,
            empty: 0,
        };
        recovery
    }

    /// Search for the processes to end.
    pub fn search(&mut self) -> &mut Search {
        &mut self.search
    }

    /// Claims to return in a recovery of expired claims.
    pub fn expired(&self) -> Option<Vec<Claim>> {
        let returns = |claim: &&Claim| !self.recovered.kept.contains(claim);
        let claims = self.search.claims().iter().filter(returns).copied();
        self.recovered.expired.then(|| claims.collect())
    }

    /// Claims that are not returned.
    pub fn kept(&self) -> &[Claim] {
        &self.recovered.kept
    }

    /// Worker that is recovered.
    pub fn worker(&self) -> WorkerId {
        self.recovered.worker
    }

    /// Returns the action to perform at `now`. Repeats it until it is answered.
    pub fn next(&self, now: Now) -> RecoveryAction {
        match self.phase {
            Phase::Listing { from } | Phase::Sweeping { from, .. } | Phase::Reaping { from }
                if from > now.boot =>
            {
                RecoveryAction::Wait(from)
            }
            Phase::Listing { .. } => RecoveryAction::ListClaims,
            Phase::Sweeping { .. } if self.is_unsure => RecoveryAction::Check,
            Phase::Sweeping { .. } => RecoveryAction::Sweep,
            Phase::Reaping { .. } => RecoveryAction::Reap,
            Phase::Done | Phase::Failed(_) => RecoveryAction::Release,
        }
    }

    /// Takes in the answer to the last action.
    pub fn answer(&mut self, now: Now, answer: RecoveryAnswer) {
        self.is_unsure = self.recovered.expired && !matches!(answer, RecoveryAnswer::Held(Ok(_)));
        match answer {
            RecoveryAnswer::Listed(Ok(claims)) => self.listed(now, claims),
            RecoveryAnswer::Left if self.further.is_empty() => {
                self.has_left = true;
                self.phase = Phase::Done;
            }
            RecoveryAnswer::Left => self.listed(now, Vec::new()),
            RecoveryAnswer::Held(Ok(held)) => self.search.let_go(&held),
            RecoveryAnswer::Swept(Ok(sweep)) => self.swept(now, sweep),
            // Processes in another pid namespace are not waited for once the lease has run out.
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

    /// Returns true if it failed because processes cannot be listed.
    pub fn is_blind(&self) -> bool {
        self.is_blind
    }

    /// Returns true if the worker had not died: between the list of workers and the recovery it left.
    pub fn has_left(&self) -> bool {
        self.has_left
    }

    /// Result of the recovery, once [`next`](Self::next) returns [`RecoveryAction::Release`].
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

    /// Takes in the worker's claims. If there are none, no process has to be ended.
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
            |found: &[Orphan]| -> Vec<u32> { found.iter().map(|one| one.process.pid).collect() };
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

/// Returns true if a scan was refused because `/proc` shows another pid namespace.
fn is_elsewhere(error: &Error) -> bool {
    matches!(error, Error::Io { source, .. } if source.kind() == ErrorKind::Unsupported)
}

#[cfg(test)]
mod tests;
