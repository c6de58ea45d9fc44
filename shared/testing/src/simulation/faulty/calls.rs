//! Calls with faults, and the checks of their results.

use super::super::Plant;
use super::super::extension::{Call, Ledger};
use super::super::world::Fault;
use super::{Faulty, is_pruned};
use queue_core::claim::{ClaimRequest, Claims};
use queue_core::error::{Error, Result};
use queue_core::outcome::Settlement;
use queue_core::queue::{Change, PruneRequest, Queue};
use queue_core::task::{Task, TaskId};

impl<Q: Queue> Faulty<Q> {
    /// Reports a committed call to the extension, within the call: the caller may never learn of
    /// the commit.
    pub(in super::super) fn committed(&self, call: &Call<'_>) {
        let ledger = Ledger { world: &self.world };
        self.extension.committed(call, &self.inner, &ledger);
    }

    pub(in super::super) fn write<T>(
        &self,
        call: &str,
        operation: impl FnOnce(&Q) -> Result<T>,
    ) -> Result<T> {
        let began = self.inner.now().boot;
        let fault = self.world.lock().fault_of_write(began);
        let unknown = || {
            Err(Error::CommitUnknown {
                source: "simulated".into(),
            })
        };
        let answer = match fault {
            Fault::None => operation(&self.inner),
            Fault::Busy => Err(Error::Busy {
                what: "simulated".to_owned(),
            }),
            Fault::Outage => Err(Error::Shortage {
                path: self.inner.coordination().location().path().to_owned(),
                what: "simulated".to_owned(),
                source: None,
            }),
            Fault::UnknownUnwritten => unknown(),
            Fault::UnknownWritten => operation(&self.inner).and_then(|_| unknown()),
        };
        let at = self.inner.now().boot.0;
        let mut world = self.world.lock();
        world.commits += 1;
        world.note(format_args!(
            "{at} {call}: {fault:?}, ok {}",
            answer.is_ok()
        ));
        answer
    }

    pub(in super::super) fn read<T>(
        &self,
        call: &str,
        operation: impl FnOnce(&Q) -> Result<T>,
    ) -> Result<T> {
        let answer = match self.world.lock().fault() {
            Fault::None => Ok(()),
            Fault::Busy | Fault::Outage | Fault::UnknownUnwritten | Fault::UnknownWritten => {
                Err(Error::Busy {
                    what: "simulated".to_owned(),
                })
            }
        };
        let at = self.inner.now().boot.0;
        let ok = answer.is_ok();
        self.world.lock().note(format_args!("{at} {call}: ok {ok}"));
        answer.and_then(|()| operation(&self.inner))
    }

    /// Makes a change to tasks, and reports it as `call` says.
    pub(in super::super) fn change(
        &self,
        name: &str,
        ids: &[TaskId],
        verb: impl FnOnce(&Q, &[TaskId]) -> Result<Vec<Change>>,
        call: for<'a> fn(&'a [TaskId], &'a [Change]) -> Call<'a>,
    ) -> Result<Vec<Change>> {
        self.write(name, |queue| {
            let changes = verb(queue, ids)?;
            self.committed(&call(ids, &changes));
            Ok(changes)
        })
    }

    /// Checks the result of a claim before the worker gets it.
    pub(in super::super) fn hand_out(
        &self,
        request: &ClaimRequest,
        claims: &mut Claims,
    ) -> Result<()> {
        if self.world.lock().plant(Plant::ClaimsTwice) && request.limit > claims.tasks.len() {
            self.claim_again(claims)?;
        }
        for task in &claims.tasks {
            // If it cannot be read, the check is skipped; the claim holds.
            let row = self.inner.get(task.claim.task).unwrap_or_default();
            let mut world = self.world.lock();
            world.claimed(task, row.as_ref());
            if world.holds.contains(task.claim.task) {
                world.violated(format!("{} was claimed and is held", task.claim.task));
            }
        }
        if claims.tasks.len() > request.limit {
            let what = "a claim gave more than was asked for".to_owned();
            self.world.lock().violated(what);
        }
        Ok(())
    }

    /// Checks the result of these settlements.
    pub(in super::super) fn recorded(&self, settlements: &[Settlement]) -> Vec<Settlement> {
        let recorded = settlements.to_vec();
        if self.world.lock().plant(Plant::NoFence) {
            return self.unfenced(recorded);
        }
        recorded
    }

    /// Checks a prune: only requested tasks are gone, and the one with the highest id stays.
    pub(in super::super) fn note_pruned(&self, before: &[Task], request: &PruneRequest) {
        let highest = before.iter().map(|task| task.id).max();
        for task in before {
            match self.inner.get(task.id) {
                Ok(None) => {}
                Err(_) if is_pruned(task, request) => {
                    self.world.lock().pruned(task.id);
                    continue;
                }
                Ok(Some(_)) | Err(_) => continue,
            }
            let mut world = self.world.lock();
            if !is_pruned(task, request) || Some(task.id) == highest {
                world.violated(format!("{} was pruned and was not to be", task.id));
            }
            world.pruned(task.id);
        }
    }
}
