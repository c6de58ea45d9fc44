//! Starts claimed tasks, if their claims still hold.

use super::calls::UnderWay;
use super::{Call, CallOf, Driver, Turn};
use crate::claim::{Claim, ClaimedTask};
use crate::clock::Now;
use crate::error::Result;
use crate::queue::Queue;
use crate::runtime::end::Ending;
use crate::runtime::host::{Batch, Host};
use crate::runtime::protocol::{Action, Event};
use crate::runtime::stop_reason::StopReason;

impl<Q: Queue, S: Host> Driver<Q, S> {
    /// Starts a task, together with following ones up to the size of a batch. A worker that was
    /// stopped since the claim may have lost it: others found no process to end, and the task may
    /// run elsewhere by now.
    pub(super) fn start(&mut self, first: ClaimedTask, now: Now) -> Turn<CallOf<S>> {
        let mut tasks = vec![first];
        while tasks.len() < self.host.together()
            && let Some(Action::Start(_)) = self.pending.front()
        {
            if let Some(Action::Start(task)) = self.pending.pop_front() {
                tasks.push(*task);
            }
        }
        let starting = tasks.iter().map(|task| task.claim).collect();
        if tasks.iter().any(|task| !self.holds(task.claim, now)) {
            return self.call_about(now, Call::Confirm(tasks), Vec::new(), starting);
        }
        let batch = self.host.prepare(tasks, now);
        if batch.is_quick() {
            self.started(batch.start());
            return Turn::Busy;
        }
        self.call_about(now, Call::Start(batch), Vec::new(), starting)
    }

    fn holds(&self, claim: Claim, now: Now) -> bool {
        self.leases.as_ref().is_none_or(|leases| {
            let until = leases.held_until(claim);
            until.is_some_and(|until| now.boot < until)
        })
    }

    /// Starts the tasks whose claims still hold.
    pub(super) fn confirmed(&mut self, call: &UnderWay, tasks: Vec<(ClaimedTask, Result<bool>)>) {
        for (task, holds) in tasks.into_iter().rev() {
            let claim = task.claim;
            match holds {
                Ok(true) => {
                    if let Some(leases) = &self.leases {
                        leases.claimed(call.since.boot, &[claim]);
                    }
                    self.pending.push_front(Action::Start(Box::new(task)));
                    continue;
                }
                Ok(false) => self.events.push(Event::NotStarted {
                    claim,
                    error: "its lease ran out before it was started".to_owned().into(),
                }),
                Err(_) => self.events.push(Event::Unconfirmed(claim)),
            }
            // Drops the inputs that were written for it.
            self.host.signal(claim, Ending::Kill, StopReason::ClaimLost);
        }
    }

    pub(super) fn started(&mut self, started: <S::Batch as Batch>::Started) {
        let adopted = self.host.adopt(started).into_iter();
        self.events
            .extend(adopted.map(|(claim, started)| match started {
                Ok(at) => Event::Started { claim, at },
                Err(error) => Event::NotStarted { claim, error },
            }));
    }
}
