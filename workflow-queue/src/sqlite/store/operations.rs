//! Every operation of a store, each in its transaction or on a snapshot.

use std::path::Path;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use queue_core::claim::{Claim, ClaimRequest, Claims, Held, WorkerId};
use queue_core::clock::Now;
use queue_core::error::{Error, Result};
use queue_core::outcome::{Settled, Settlement};
use queue_core::output::Output;
use queue_core::queue::{
    Change, ClaimOrder, Enqueued, Finding, Invariant, ListQuery, PruneRequest, QueueInfo, Reaped,
    Repaired, RetryPlan, Stats, Waits, WorkerInfo,
};
use queue_core::sidecar::Sidecar;
use queue_core::sidecar::wakeup::Waker;
use queue_core::sqlite::verify::verify as core_verify;
use queue_core::sqlite::{aside, verbs};
use queue_core::task::{Task, TaskId};
use queue_core::workflow::{Condition, Edge};
use rusqlite::Transaction;

use super::super::prune::Dependents;
use super::super::transaction::SqliteSlice;
use super::super::{attempts, claim, edges, enqueue, facts, lease, limits, stats, verify, why};
use super::SqliteStore;
use crate::plan::plan_retry;
use crate::store::{Attempt, Details, Done, Limit, Store, Submission};

impl Store for SqliteStore {
    type Tx<'a> = Transaction<'a>;

    fn enqueue(&self, submission: Submission) -> Result<Done<Vec<Enqueued>>> {
        self.check_promoted()?;
        let lanes = Arc::clone(self.database.lanes());
        let submission = Arc::new(submission);
        if let Some(lane) = enqueue::only_lane(&submission, &lanes)
            && let Some(done) = self.enqueue_one(lane, &submission)?
        {
            return Ok(done);
        }
        self.write(move |writing| enqueue::enqueue(writing, &lanes, &submission))
    }

    fn enqueue_in(
        &self,
        tx: &Self::Tx<'_>,
        submission: &Submission,
    ) -> Result<Done<Vec<Enqueued>>> {
        self.write_in(tx, |writing| {
            enqueue::enqueue(writing, self.database.lanes(), submission)
        })
    }

    fn claim(&self, request: &ClaimRequest) -> Result<Claims> {
        self.check_promoted()?;
        let (due, lease) = (*self.due(), self.lease);
        if request.limit == 1
            && let Some(task) = self.claim_one(request, due)?
        {
            return Ok(Claims {
                tasks: vec![task],
                next_due: None,
            });
        }
        let (lanes, request) = (Arc::clone(self.database.lanes()), request.clone());
        let taken = self
            .write(move |writing| claim::claim(writing, &lanes, &request, due, lease))?
            .value;
        if let Some(looked) = taken.looked {
            *self.due() = looked;
        }
        Ok(taken.claims)
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Result<Done<Vec<Settled>>> {
        let random = self.database.random();
        self.write(move |writing| writing.settle(&settlements, random))
    }

    fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        request: &ClaimRequest,
    ) -> Result<Done<(Vec<Settled>, Claims)>> {
        let (due, lease) = (*self.due(), self.lease);
        let random = self.database.random();
        let (lanes, request) = (Arc::clone(self.database.lanes()), request.clone());
        let done = self.write(move |writing| {
            let settled = writing.settle(&settlements, random)?;
            // The slots that were freed are given away before the claim sees who has them.
            writing.admit_freed()?;
            let due = if writing.effects.scheduled {
                due.scheduled(writing.now())
            } else {
                due
            };
            let taken = claim::claim(writing, &lanes, &request, due, lease)?;
            Ok((settled, taken))
        })?;
        let (settled, taken) = done.value;
        if let Some(looked) = taken.looked {
            *self.due() = looked;
        }
        Ok(Done {
            value: (settled, taken.claims),
            wakes: done.wakes,
        })
    }

    fn settle_in(
        &self,
        tx: &Self::Tx<'_>,
        settlements: &[Settlement],
    ) -> Result<Done<Vec<Settled>>> {
        let random = self.database.random();
        self.write_in(tx, |writing| writing.settle(settlements, random))
    }

    fn held(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        self.database
            .read(|connection| verbs::held(connection, claims))
    }

    fn heartbeat(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        if claims.is_empty() {
            return Ok(Vec::new());
        }
        self.check_promoted()?;
        let patience = self.database.busy_timeout().min(self.lease / 3);
        self.database.beat(patience, |connection| {
            // From now on, however long the transaction had to wait for its beginning.
            let until = self.database.now().boot.after(self.lease);
            lease::heartbeat(connection, claims, until)
        })
    }

    fn lease(&self) -> Duration {
        self.lease
    }

    fn expired(&self) -> Result<Vec<Claim>> {
        let counter = Some(self.database.change_counter()?);
        let mut at_rest = self.at_rest.lock().unwrap_or_else(PoisonError::into_inner);
        if *at_rest == counter {
            return Ok(Vec::new());
        }
        let running = self.view(lease::running)?;
        if running.is_empty() {
            *at_rest = counter;
        }
        let now = self.database.now().boot;
        let over = |(claim, until): lease::Leased| lease::is_over(until, now).then_some(claim);
        Ok(running.into_iter().filter_map(over).collect())
    }

    fn probe(&self, claims: &[Claim]) -> Result<()> {
        self.check_promoted()?;
        let patience = self.database.busy_timeout().min(self.lease / 3);
        self.database
            .beat(patience, |connection| lease::probe(connection, claims))
    }

    fn expire(&self, claims: &[Claim]) -> Result<Done<Vec<Reaped>>> {
        let claims = claims.to_vec();
        self.write(move |writing| writing.crash(&claims, true))
    }

    fn register(&self, worker: &WorkerInfo) -> Result<u32> {
        self.database.open_heartbeats()?;
        let worker = worker.clone();
        let done = self.write(move |writing| verbs::register(writing.slice.connection, &worker))?;
        Ok(done.value)
    }

    fn deregister(&self, worker: WorkerId) -> Result<()> {
        self.write(move |writing| verbs::deregister(writing.slice.connection, worker))?;
        Ok(())
    }

    fn take_back(&self) -> Result<usize> {
        if self.database.read(aside::readable)?.is_empty() {
            return Ok(0);
        }
        let done = self.write(move |writing| aside::take_back(writing.slice.connection))?;
        Ok(done.value)
    }

    fn workers(&self) -> Result<Vec<WorkerInfo>> {
        self.database.read(verbs::workers)
    }

    fn claims_of(&self, worker: WorkerId) -> Result<Vec<Claim>> {
        self.database
            .read(|connection| verbs::claims_of(connection, worker))
    }

    fn reap_except(&self, worker: WorkerId, kept: &[Claim]) -> Result<Done<Vec<Reaped>>> {
        let kept = kept.to_vec();
        self.write(move |writing| {
            let mut claims = verbs::claims_of(writing.slice.connection, worker)?;
            let running = claims.len();
            claims.retain(|claim| !kept.contains(claim));
            let reaped = writing.crash(&claims, false)?;
            if claims.len() == running {
                verbs::forget(writing.slice.connection, worker)?;
            }
            Ok(reaped)
        })
    }

    fn get(&self, id: TaskId) -> Result<Option<Task>> {
        self.database.read(|connection| verbs::get(connection, id))
    }

    fn output(&self, id: TaskId) -> Result<Option<Output>> {
        self.database
            .read(|connection| verbs::output(connection, id))
    }

    fn output_of(&self, id: TaskId, attempt: u32) -> Result<Option<Output>> {
        self.database
            .read(|connection| verbs::output_of(connection, id, attempt))
    }

    fn with_outputs(&self, ids: &[TaskId]) -> Result<Vec<(Task, Option<Output>)>> {
        self.database
            .read(|connection| verbs::with_outputs(connection, ids))
    }

    fn attempts(&self, id: TaskId) -> Result<Vec<Attempt>> {
        self.view(|connection| attempts::attempts(connection, id))
    }

    fn dependencies(&self, id: TaskId) -> Result<Vec<Edge>> {
        let edge = |(on, condition): (TaskId, Condition)| Edge {
            dependent: id,
            on,
            condition,
        };
        let found = self.view(|connection| edges::dependencies(connection, id))?;
        Ok(found.into_iter().map(edge).collect())
    }

    fn dependents(&self, id: TaskId) -> Result<Vec<Edge>> {
        let edge = |(dependent, condition): (TaskId, Condition)| Edge {
            dependent,
            on: id,
            condition,
        };
        let found = self.view(|connection| edges::dependents(connection, id))?;
        Ok(found.into_iter().map(edge).collect())
    }

    fn details(&self, id: TaskId) -> Result<Option<Details>> {
        self.view(|connection| facts::details(connection, id))
    }

    fn spawned(&self, id: TaskId) -> Result<Vec<TaskId>> {
        self.view(|connection| facts::spawned(connection, id))
    }

    fn list(&self, query: &ListQuery) -> Result<Vec<Task>> {
        self.database
            .read(|connection| verbs::list(connection, query))
    }

    fn last_id(&self) -> Result<Option<TaskId>> {
        self.database.read(verbs::last_id)
    }

    fn stats(&self) -> Result<Stats> {
        if self.unpromoted {
            return self.database.read(|connection| verbs::stats(connection, 0));
        }
        self.database.read(stats::stats)
    }

    fn refuses(&self) -> Option<Error> {
        self.refusal()
    }

    fn queues(&self) -> Result<Vec<QueueInfo>> {
        self.database.read(verbs::queues)
    }

    fn limits(&self) -> Result<Vec<Limit>> {
        self.view(limits::limits)
    }

    fn waits_for(&self, id: TaskId, order: Option<&mut ClaimOrder>) -> Result<Vec<Waits>> {
        if self.unpromoted {
            return self
                .database
                .read(|connection| verbs::waits(connection, id, order));
        }
        let now = self.database.now().wall;
        self.database
            .read(|connection| why::waits(connection, id, now, order))
    }

    fn cancel(&self, ids: &[TaskId]) -> Result<Done<Vec<Change>>> {
        let ids = ids.to_vec();
        self.write(move |writing| writing.cancel(&ids))
    }

    fn withdraw(&self, ids: &[TaskId], why: &str) -> Result<Done<Vec<Change>>> {
        let (ids, why) = (ids.to_vec(), why.to_owned());
        self.write(move |writing| {
            let changes = writing.cancel(&ids)?;
            verbs::withdraw(writing.slice.connection, &ids, &why)?;
            Ok(changes)
        })
    }

    fn retry(&self, ids: &[TaskId], downstream: bool) -> Result<Done<Vec<Change>>> {
        let ids = ids.to_vec();
        self.write(move |writing| writing.retry(&ids, downstream))
    }

    fn plan_retry(&self, ids: &[TaskId], downstream: bool) -> Result<RetryPlan> {
        self.check_promoted()?;
        let now = self.database.now();
        self.view(|connection| plan_retry(&mut SqliteSlice::new(connection, now), ids, downstream))
    }

    fn retry_step(&self, plan: &mut RetryPlan) -> Result<Done<Vec<(TaskId, Change)>>> {
        let planned = plan.clone();
        let done = self.write(move |writing| writing.retry_some(&planned))?;
        let (changes, looked_at) = done.value;
        plan.advance(looked_at);
        Ok(Done {
            value: changes,
            wakes: done.wakes,
        })
    }

    fn reprioritize(&self, ids: &[TaskId], priority: i32) -> Result<Vec<Change>> {
        let ids = ids.to_vec();
        let done = self
            .write(move |writing| verbs::reprioritize(writing.slice.connection, &ids, priority))?;
        Ok(done.value)
    }

    fn set_paused(&self, queue: &str, paused: bool) -> Result<bool> {
        let queue = queue.to_owned();
        let done = self.write(move |writing| {
            let changed =
                verbs::set_paused(writing.slice.connection, &queue, paused, writing.now().wall)?;
            if changed && paused {
                writing.limit_lanes(&queue)?;
            }
            Ok(changed)
        })?;
        Ok(done.value)
    }

    fn set_limit(&self, limit: &Limit) -> Result<Done<()>> {
        let limit = limit.clone();
        self.write(move |writing| writing.set_limit(&limit))
    }

    fn prune_while(
        &self,
        request: &PruneRequest,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64> {
        self.check_promoted()?;
        verbs::prune(&self.database, &Dependents, request, go_on)
    }

    fn path(&self) -> &Path {
        self.database.path()
    }

    fn sidecar(&self) -> &Sidecar {
        self.database.sidecar()
    }

    fn waker(&self) -> &Arc<Waker> {
        self.database.waker()
    }

    fn now(&self) -> Now {
        self.database.now()
    }

    fn random(&self) -> u64 {
        self.database.random()
    }

    fn change_counter(&self) -> Result<i64> {
        self.database.change_counter()
    }

    fn diagnose(&self) -> Result<Vec<Finding>> {
        self.database.diagnose(false)
    }

    fn verify(&self) -> Result<Vec<Invariant>> {
        if self.unpromoted {
            return core_verify(&self.database, &[], |_| Ok(Vec::new()));
        }
        core_verify(&self.database, verify::CHECKS, verify::more)
    }

    fn repair(&self) -> Result<Done<Vec<Repaired>>> {
        let mut all = Done::<Vec<Repaired>>::default();
        let mut add = |done: Done<Vec<Repaired>>| {
            all.wakes = all.wakes.max(done.wakes);
            all.value.extend(done.value);
        };
        // Whoever may not write is refused also where there is nothing to put right.
        self.write(|_| Ok(()))?;
        for part in verify::Part::ALL {
            for found in self.database.read(|connection| part.find(connection))? {
                add(self.write(move |writing| found.repair(writing))?);
            }
        }
        all.value = verify::summed(all.value);
        Ok(all)
    }
}
