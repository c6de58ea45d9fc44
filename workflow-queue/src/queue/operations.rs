//! All that every queue can do, over any store.

use std::path::Path;
use std::time::Duration;

use queue_core::claim::{Claim, ClaimRequest, Claims, Held, WorkerId};
use queue_core::clock::Now;
use queue_core::error::{Error, Result};
use queue_core::outcome::{Settled, Settlement};
use queue_core::output::Output;
use queue_core::queue::{
    Change, ClaimOrder, Enqueued, Fact, Finding, Invariant, ListQuery, PruneRequest, Queue,
    QueueInfo, Reaped, Repaired, RetryPlan, Stats, Waits, WorkerInfo,
};
use queue_core::sidecar::Sidecar;
use queue_core::sidecar::wakeup::Wake;
use queue_core::task::{NewTask, Task, TaskId, check_name};
use queue_core::workflow::Edge;

use super::WorkflowQueue;
use crate::store::{Limit, LimitKind, Store, Submission};
use crate::submission::WorkflowTask;

/// How many workers a change wakes that lets an unknown number of tasks go.
const MANY: usize = 1024;

impl<S: Store> Queue for WorkflowQueue<S> {
    type Tx<'a> = S::Tx<'a>;

    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>> {
        NewTask::validate_all(&tasks)?;
        let done = self.store.enqueue(unrelated(tasks))?;
        Ok(self.woken(done))
    }

    fn enqueue_in(&self, tx: &Self::Tx<'_>, tasks: &[NewTask]) -> Result<(Vec<Enqueued>, Wake)> {
        NewTask::validate_all(tasks)?;
        let submission = unrelated(tasks.iter().cloned());
        let done = self.store.enqueue_in(tx, &submission)?;
        Ok(self.to_wake(done))
    }

    fn claim(&self, request: &ClaimRequest) -> Result<Claims> {
        self.store.claim(request)
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        let done = self.store.settle(settlements)?;
        Ok(self.told(done))
    }

    fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        request: &ClaimRequest,
    ) -> Result<(Vec<Settled>, Result<Claims>)> {
        let done = self.store.settle_and_claim(settlements, request)?;
        let (settled, claims) = self.told(done);
        Ok((settled, Ok(claims)))
    }

    fn settle_in(
        &self,
        tx: &Self::Tx<'_>,
        settlements: &[Settlement],
    ) -> Result<(Vec<Settled>, Wake)> {
        let done = self.store.settle_in(tx, settlements)?;
        let (settled, wake) = self.to_wake(done);
        Ok((settled, wake.after_settling()))
    }

    fn held(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        self.store.held(claims)
    }

    fn heartbeat(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        self.store.heartbeat(claims)
    }

    fn register(&self, worker: &WorkerInfo) -> Result<u32> {
        self.store.register(worker)
    }

    fn deregister(&self, worker: WorkerId) -> Result<()> {
        self.store.deregister(worker)
    }

    fn take_back(&self) -> Result<usize> {
        self.store.take_back()
    }

    fn workers(&self) -> Result<Vec<WorkerInfo>> {
        self.store.workers()
    }

    fn claims_of(&self, worker: WorkerId) -> Result<Vec<Claim>> {
        self.store.claims_of(worker)
    }

    fn reap_except(&self, worker: WorkerId, kept: &[Claim]) -> Result<Vec<Reaped>> {
        let done = self.store.reap_except(worker, kept)?;
        Ok(self.told(done))
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.store.lease())
    }

    fn expired(&self) -> Result<Vec<Claim>> {
        self.store.expired()
    }

    fn probe(&self, claims: &[Claim]) -> Result<()> {
        self.store.probe(claims)
    }

    fn expire(&self, claims: &[Claim]) -> Result<Vec<Reaped>> {
        let done = self.store.expire(claims)?;
        Ok(self.told(done))
    }

    fn get(&self, id: TaskId) -> Result<Option<Task>> {
        self.store.get(id)
    }

    fn output(&self, id: TaskId) -> Result<Option<Output>> {
        self.store.output(id)
    }

    fn output_of(&self, id: TaskId, attempt: u32) -> Result<Option<Output>> {
        self.store.output_of(id, attempt)
    }

    fn with_outputs(&self, ids: &[TaskId]) -> Result<Vec<(Task, Option<Output>)>> {
        self.store.with_outputs(ids)
    }

    fn list(&self, query: &ListQuery) -> Result<Vec<Task>> {
        self.store.list(query)
    }

    fn last_id(&self) -> Result<Option<TaskId>> {
        self.store.last_id()
    }

    fn stats(&self) -> Result<Stats> {
        self.store.stats()
    }

    fn refuses(&self) -> Result<Option<Error>> {
        Ok(self.store.refuses())
    }

    fn queues(&self) -> Result<Vec<QueueInfo>> {
        self.store.queues()
    }

    fn knows_queue(&self, name: &str) -> Result<bool> {
        let is_own = |limit: Limit| matches!(limit.kind, LimitKind::Queue(own) if own == name);
        Ok(self.queues()?.iter().any(|lane| lane.name == name)
            || self.store.limits()?.into_iter().any(is_own))
    }

    fn waits_for(&self, id: TaskId) -> Result<Vec<Waits>> {
        self.store.waits_for(id, None)
    }

    fn waits_in_order(&self, id: TaskId, order: &mut ClaimOrder) -> Result<Vec<Waits>> {
        self.store.waits_for(id, Some(order))
    }

    fn dependencies(&self, id: TaskId) -> Result<Vec<Edge>> {
        self.store.dependencies(id)
    }

    fn facts(&self, id: TaskId) -> Result<Vec<Fact>> {
        Ok(self.store.details(id)?.unwrap_or_default().facts())
    }

    fn cancel(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let done = self.store.cancel(ids)?;
        let changes = self.told(done);
        self.wake_cancelled(&changes);
        Ok(changes)
    }

    fn withdraw(&self, ids: &[TaskId], why: &str) -> Result<Vec<Change>> {
        let done = self.store.withdraw(ids, why)?;
        let changes = self.told(done);
        self.wake_cancelled(&changes);
        Ok(changes)
    }

    fn retry(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let done = self.store.retry(ids, false)?;
        Ok(self.woken(done))
    }

    fn plan_retry(&self, ids: &[TaskId], downstream: bool) -> Result<RetryPlan> {
        self.store.plan_retry(ids, downstream)
    }

    fn retry_step(&self, plan: &mut RetryPlan) -> Result<Vec<(TaskId, Change)>> {
        let done = self.store.retry_step(plan)?;
        Ok(self.woken(done))
    }

    fn reprioritize(&self, ids: &[TaskId], priority: i32) -> Result<Vec<Change>> {
        self.store.reprioritize(ids, priority)
    }

    fn set_paused(&self, queue: &str, paused: bool) -> Result<bool> {
        check_name("a queue's name", queue)?;
        let changed = self.store.set_paused(queue, paused)?;
        if changed && !paused {
            self.store.waker().wake(MANY);
        }
        Ok(changed)
    }

    fn prune_while(
        &self,
        request: &PruneRequest,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64> {
        self.store.prune_while(request, go_on)
    }

    fn path(&self) -> &Path {
        self.store.path()
    }

    fn sidecar(&self) -> &Sidecar {
        self.store.sidecar()
    }

    fn now(&self) -> Now {
        self.store.now()
    }

    fn random(&self) -> u64 {
        self.store.random()
    }

    fn change_counter(&self) -> Result<i64> {
        self.store.change_counter()
    }

    fn diagnose(&self) -> Result<Vec<Finding>> {
        self.store.diagnose()
    }

    fn verify(&self) -> Result<Vec<Invariant>> {
        self.store.verify()
    }

    fn repair(&self) -> Result<Vec<Repaired>> {
        let done = self.store.repair()?;
        Ok(self.told(done))
    }
}

/// Checked tasks that have nothing to do with each other.
fn unrelated(tasks: impl IntoIterator<Item = NewTask>) -> Submission {
    Submission {
        tasks: tasks.into_iter().map(WorkflowTask::from).collect(),
        ..Submission::default()
    }
}
