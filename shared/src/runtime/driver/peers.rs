//! What a worker does about the others: it looks whether they live, and recovers what the dead and
//! the expired left behind.

use std::collections::BTreeMap;

use super::{Driver, Observer};
use crate::claim::{Claim, WorkerId};
use crate::clock::{BootTime, Now};
use crate::error::{Error, Result};
use crate::queue::{Queue, WorkerInfo};
use crate::runtime::protocol::{Event, WorkerEvent};
use crate::runtime::recovery::{Recovered, Recovery, RecoveryAction, RecoveryAnswer, Sweep};
use crate::runtime::shell::{Peer, Shell};

impl<Q: Queue, S: Shell> Driver<Q, S> {
    pub(super) fn look_at_peers(&mut self, now: Now, observer: &mut impl Observer) {
        let mut refused = |error: Error| {
            observer.on(&WorkerEvent::Refused {
                message: error.to_string(),
            });
        };
        let (counter, workers) = match self.list_workers() {
            Ok(listed) => listed,
            Err(error) => return refused(error),
        };
        self.shell.watch_only(&workers);
        for peer in &workers {
            let is_put_off = self.put_off.is_put_off(peer.id, now.boot);
            if peer.id == self.worker || is_put_off || self.is_recovering(peer.id) {
                continue;
            }
            match self.shell.look_at(peer) {
                Ok(Peer::Alive) => {}
                Ok(Peer::Taken) => self.events.push(Event::PeerTaken),
                Ok(Peer::Dead { origin }) => {
                    self.recoveries.push(Recovery::new(peer.id, origin, now));
                }
                // One whose lock cannot be tried keeps nobody from recovering the others.
                Err(error) => refused(error),
            }
        }
        self.listed = Some((counter, workers));
        if let Err(error) = self.look_at_leases(now) {
            refused(error);
        }
    }

    /// The workers, and the change counter that they are right for. Read anew only after a commit:
    /// an idle worker that looks at its peers touches little memory.
    fn list_workers(&mut self) -> Result<(i64, Vec<WorkerInfo>)> {
        let counter = self.queue.change_counter()?;
        match self.listed.take() {
            Some(listed) if listed.0 == counter => Ok(listed),
            _ => Ok((counter, self.queue.workers()?)),
        }
    }

    /// Begins the recovery of claims whose lease has run out, whatever else their workers hold: one
    /// that was left behind, by a commit in the dark for instance, is extended by nobody. What this
    /// worker itself works at, its heart and its next settle see to.
    fn look_at_leases(&mut self, now: Now) -> Result<()> {
        let mut of_worker: BTreeMap<WorkerId, Vec<Claim>> = BTreeMap::new();
        for claim in self.queue.expired()? {
            if claim.worker != self.worker || !self.machine.works_at(claim) {
                of_worker.entry(claim.worker).or_default().push(claim);
            }
        }
        for (worker, claims) in of_worker {
            if !self.put_off.are_put_off(worker, now.boot) && !self.is_recovering(worker) {
                self.recoveries
                    .push(Recovery::of_expired(worker, claims, now));
            }
        }
        Ok(())
    }

    fn is_recovering(&self, worker: WorkerId) -> bool {
        let known = |recovery: &Recovery| recovery.worker() == worker;
        self.recoveries.iter().any(known)
    }

    /// Goes on with the first recovery that has something to do. Returns whether one had.
    pub(super) fn recover(&mut self, now: Now, observer: &mut impl Observer) -> bool {
        let due = |recovery: &Recovery| !matches!(recovery.next(now), RecoveryAction::Wait(_));
        let Some(position) = self.recoveries.iter().position(due) else {
            return false;
        };
        let recovery = &mut self.recoveries[position];
        let dead = recovery.worker();
        match recovery.next(now) {
            RecoveryAction::ListClaims => {
                let claims = self.queue.claims_of(dead);
                recovery.answer(now, RecoveryAnswer::Listed(claims));
            }
            RecoveryAction::Sweep if !recovery.is_sure(&*self.queue, now) => {}
            RecoveryAction::Sweep => match self.shell.sweep(recovery.search(), now) {
                Ok(sweep) => recovery.answer(now, RecoveryAnswer::Swept(sweep)),
                Err(error) => {
                    recovery.answer(now, RecoveryAnswer::Swept(Sweep::default()));
                    observer.on(&WorkerEvent::Refused {
                        message: error.to_string(),
                    });
                }
            },
            RecoveryAction::Reap => {
                let reaped = match recovery.expired() {
                    Some(claims) => self.queue.expire(&claims),
                    None => self.queue.reap_except(dead, recovery.kept()),
                };
                recovery.answer(now, RecoveryAnswer::Reaped(reaped));
            }
            RecoveryAction::Wait(_) => {}
            RecoveryAction::Release => self.recovered(position, now, observer),
        }
        true
    }

    fn recovered(&mut self, position: usize, now: Now, observer: &mut impl Observer) {
        let recovery = self.recoveries.swap_remove(position);
        let dead = recovery.worker();
        match recovery.into_result() {
            Ok(recovered) => {
                self.shell.release(dead, !recovered.kept.is_empty());
                self.events.push(Event::TasksWaiting);
                if self.is_told(&recovered, now) {
                    observer.on(&WorkerEvent::Recovered(recovered));
                }
            }
            // The row and the lock file stay, so that somebody tries again.
            Err(error) => {
                self.shell.release(dead, true);
                observer.on(&WorkerEvent::Refused {
                    message: error.to_string(),
                });
            }
        }
    }

    /// Whether a recovery is reported: not where a worker extended its claims after all, and not each
    /// time where the same tasks are kept again.
    fn is_told(&mut self, recovered: &Recovered, now: Now) -> bool {
        if !recovered.kept.is_empty() {
            return self.put_off.put_off(recovered, now.boot);
        }
        self.put_off.is_over(recovered);
        !recovered.expired || !recovered.tasks.is_empty() || recovered.ended > 0
    }

    /// When the first recovery that waits goes on.
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
