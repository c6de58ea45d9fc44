//! Checks of other workers: recovery of dead ones and of expired claims.

use std::collections::BTreeMap;

use super::calls::{Listed, UnderWay};
use super::{Call, CallOf, Driver, Turn};
use crate::claim::{Claim, WorkerId};
use crate::clock::{BootTime, Now};
use crate::error::{Error, Result};
use crate::queue::Queue;
use crate::runtime::host::{Host, Peer};
use crate::runtime::protocol::{Event, WorkerEvent};
use crate::runtime::recovery::{Recovered, Recovery, RecoveryAction};

impl<Q: Queue, S: Host> Driver<Q, S> {
    pub(super) fn look_at_peers(&mut self, now: Now) -> Turn<CallOf<S>> {
        let known = self.listed.as_ref().map(|(counter, _)| *counter);
        self.call(now, Call::ListWorkers(known))
    }

    /// Checks the registered workers.
    pub(super) fn listed(&mut self, now: Now, listed: Result<Listed>) {
        let listed = match listed {
            Ok(listed) => listed,
            Err(error) => {
                self.listed = None;
                // The machine learns of this by its own poll.
                if matches!(error, Error::Gone { .. }) {
                    return;
                }
                return self.refused(&error);
            }
        };
        let known = self.listed.take().map(|(_, workers)| workers);
        let workers = listed.workers.or(known).unwrap_or_default();
        match listed.taken_back {
            Ok(0) => {}
            Ok(_) => self.events.push(Event::TasksWaiting),
            // This is tried again after the next commit.
            Err(error) => self.refused(&error),
        }
        self.host.watch_only(&workers);
        for peer in &workers {
            let waits = self.backoff.is_waiting(peer.id, now.boot);
            if peer.id == self.worker || waits || self.is_recovering(peer.id) {
                continue;
            }
            match self.host.look_at(peer) {
                Ok(Peer::Alive) => {}
                Ok(Peer::Taken) => self.events.push(Event::PeerTaken),
                Ok(Peer::Dead { origin }) => {
                    self.recoveries.push(Recovery::new(peer.id, origin, now));
                }
                // If one lock cannot be tried, the other workers are still checked.
                Err(error) => self.refused(&error),
            }
        }
        self.listed = Some((listed.counter, workers));
        match listed.expired {
            Ok(expired) => self.recover_expired(now, expired),
            Err(error) => {
                self.overdue.refused();
                self.refused(&error);
            }
        }
    }

    fn refused(&mut self, error: &Error) {
        self.report(WorkerEvent::Refused {
            message: error.fact(),
            remedy: error.remedy(),
        });
    }

    /// Starts the recovery of claims that have long been overdue, whatever else their workers hold:
    /// a claim that its worker does not know of, after an unknown commit for instance, is never
    /// extended. Claims of running or unsettled tasks of this worker are left to its lease keeper
    /// and its next settle.
    fn recover_expired(&mut self, now: Now, mut expired: Vec<Claim>) {
        expired.retain(|claim| claim.worker != self.worker || !self.machine.works_at(*claim));
        let mut of_worker: BTreeMap<WorkerId, Vec<Claim>> = BTreeMap::new();
        for claim in self.overdue.found(&expired) {
            of_worker.entry(claim.worker).or_default().push(claim);
        }
        self.probe_for = expired;
        for (worker, claims) in of_worker {
            if !self.backoff.leases_wait(worker, now.boot) && !self.is_recovering(worker) {
                self.recoveries
                    .push(Recovery::of_expired(worker, claims, now));
            }
        }
    }

    /// Tries a write for overdue claims, or reads them again.
    pub(super) fn look_at_overdue(&mut self, now: Now) -> Option<Turn<CallOf<S>>> {
        if !self.probe_for.is_empty() {
            let claims = std::mem::take(&mut self.probe_for);
            return Some(self.call(now, Call::Probe(claims)));
        }
        let due = self.overdue.look_at().is_some_and(|at| at <= now.boot);
        due.then(|| self.look_at_peers(now))
    }

    /// Takes in the result of the write.
    pub(super) fn probed(&mut self, call: &UnderWay, probed: Result<()>) {
        match probed {
            Ok(()) => {
                let ended = self.queue.now().boot;
                self.overdue.wrote(call.since.boot, ended);
            }
            Err(error) => {
                self.overdue.refused();
                self.refused(&error);
            }
        }
    }

    fn is_recovering(&self, worker: WorkerId) -> bool {
        let known = |recovery: &Recovery| recovery.worker() == worker;
        self.recoveries.iter().any(known)
    }

    /// Continues the first recovery that has something to do, if any. The call owns it meanwhile.
    pub(super) fn recover(&mut self, now: Now) -> Option<Turn<CallOf<S>>> {
        if std::mem::take(&mut self.sweeps_inputs) {
            return Some(self.call(now, Call::SweepInputs));
        }
        let due = |recovery: &Recovery| !matches!(recovery.next(now), RecoveryAction::Wait(_));
        let position = self.recoveries.iter().position(due)?;
        let recovery = self.recoveries.swap_remove(position);
        if recovery.next(now) == RecoveryAction::Release {
            self.recovered(recovery, now);
            return Some(Turn::Busy);
        }
        let sweeper = self.host.sweeper();
        Some(self.call(now, Call::Recover(Box::new(recovery), sweeper)))
    }

    /// Takes a recovery back from its call, and reports a refused scan.
    pub(super) fn went_on(&mut self, recovery: Recovery, refused: Option<String>) {
        self.recoveries.push(recovery);
        if let Some(message) = refused {
            self.report(WorkerEvent::Blind { message });
        }
    }

    fn recovered(&mut self, recovery: Recovery, now: Now) {
        let dead = recovery.worker();
        self.sweeps_inputs = true;
        if recovery.has_left() {
            self.host.release(dead, false);
            return;
        }
        let is_blind = recovery.is_blind();
        match recovery.into_result() {
            Ok(recovered) => {
                self.host.release(dead, !recovered.kept.is_empty());
                self.events.push(Event::TasksWaiting);
                if self.is_told(&recovered, now) {
                    self.report(WorkerEvent::Recovered(recovered));
                }
            }
            // The row and the lock file stay, so that a worker tries again.
            Err(error) => {
                self.host.release(dead, true);
                if is_blind {
                    let message = error.to_string();
                    return self.report(WorkerEvent::Blind { message });
                }
                self.refused(&error);
            }
        }
    }

    /// Returns true if a recovery is reported. Does not report a worker that extended its leases
    /// after all, and rarely repeats that the same tasks are kept.
    fn is_told(&mut self, recovered: &Recovered, now: Now) -> bool {
        if !recovered.kept.is_empty() {
            return self.backoff.postpone(recovered, now.boot);
        }
        self.backoff.reset(recovered);
        !recovered.expired || !recovered.tasks.is_empty() || recovered.ended > 0
    }

    /// Time at which the first waiting recovery continues.
    pub(super) fn next_recovery(&self, now: Now) -> Option<BootTime> {
        let waits = self.recoveries.iter().filter_map(|recovery| {
            if let RecoveryAction::Wait(until) = recovery.next(now) {
                Some(until)
            } else {
                None
            }
        });
        waits.min()
    }
}
