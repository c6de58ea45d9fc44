//! Every verb of the trait [`Queue`], with the place that carries it out: a decision in `plan/`, a
//! statement in `sqlite/`, or the part both engines share in `shared/src/sqlite/verbs/`.

use std::time::Duration;

use queue_core::Ageing;
use queue_core::claim::{Claim, ClaimRequest, Claims, Held, WorkerId};
use queue_core::clock::Timestamp;
use queue_core::coordination::Wake;
use queue_core::error::{Error, Result};
use queue_core::hook::HookStanding;
use queue_core::journal::{Event, Rollup, Span, of_task};
use queue_core::outcome::{Settled, Settlement};
use queue_core::queue::{
    Alert, AlertChange, AlertState, Backlog, Change, ClaimOrder, Edit, Enqueued, Fact, Gauges,
    Invariant, Monitored, PruneRequest, Queue, Reaped, Repaired, RetryPlan, ScheduleStanding,
    Stats, TaskCopy, Waits, WorkerInfo,
};
use queue_core::settings::FileSetting;
use queue_core::sqlite::{aside, verbs};
use queue_core::state::State;
use queue_core::task::{NewTask, Task, TaskId, check_name};
use queue_core::workflow::Edge;

use crate::limit::{Limit, LimitKind};
use crate::plan::plan_retry;
use crate::queue::WorkflowQueue;
use crate::sqlite::transaction::SqliteSlice;
use crate::sqlite::{
    ageing, alert, cancel, claim, edges, enqueue, events, facts, fire, fold, gauges, heartbeat,
    hooks, next_waiting, pause, reap, register, reprioritize, schedules, settings, stats, sums,
    take_back, trim_log, verify, why,
};
use crate::submission::Submission;

impl Monitored for WorkflowQueue {
    fn backlog(&self) -> Result<Vec<Backlog>> {
        self.database().read(verbs::backlog)
    }

    fn gauges(&self) -> Result<Gauges> {
        gauges::gauges(self)
    }

    fn fold(&self, steps: usize) -> Result<bool> {
        fold::fold(self, steps)
    }

    fn rollups(&self, span: Span, from: Timestamp) -> Result<Vec<Rollup>> {
        self.read(|connection| sums::rollups(connection, span, from))
    }

    fn alerts(&self) -> Result<Vec<Alert>> {
        self.read(alert::alerts)
    }

    fn record_alert(
        &self,
        alert: &Alert,
        next: AlertState,
        change: Option<AlertChange>,
    ) -> Result<bool> {
        let alert = alert.clone();
        self.write(move |writing| alert::record(writing, &alert, next, change))
    }

    fn schedule_standing(&self) -> Result<ScheduleStanding> {
        self.read(schedules::standing)
    }

    fn hook_standings(&self) -> Result<Vec<HookStanding>> {
        self.read(hooks::standings)
    }
}

impl Queue for WorkflowQueue {
    type Tx<'a> = rusqlite::Transaction<'a>;

    queue_core::answered_by_database!();

    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>> {
        NewTask::validate_all(&tasks)?;
        enqueue::enqueue(self, Submission::unrelated(tasks))
    }

    fn enqueue_in(&self, tx: &Self::Tx<'_>, tasks: &[NewTask]) -> Result<(Vec<Enqueued>, Wake)> {
        NewTask::validate_all(tasks)?;
        enqueue::enqueue_in(self, tx, &Submission::unrelated(tasks.iter().cloned()))
    }

    fn claim(&self, request: &ClaimRequest) -> Result<Claims> {
        claim::claim(self, request)
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        let random = self.random();
        self.write_ends(move |writing| writing.settle(&settlements, random))
    }

    fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        request: &ClaimRequest,
    ) -> Result<(Vec<Settled>, Result<Claims>)> {
        claim::settle_and_claim(self, settlements, request)
    }

    fn settle_in(
        &self,
        tx: &Self::Tx<'_>,
        settlements: &[Settlement],
    ) -> Result<(Vec<Settled>, Wake)> {
        let random = self.random();
        let (settled, wake) = self.write_in(tx, |writing| writing.settle(settlements, random))?;
        Ok((settled, wake.after_settling()))
    }

    fn heartbeat(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        heartbeat::heartbeat(self, claims)
    }

    fn lease(&self) -> Option<Duration> {
        Some(self.lease_duration())
    }

    fn expired(&self) -> Result<Vec<Claim>> {
        heartbeat::expired(self)
    }

    fn probe(&self, claims: &[Claim]) -> Result<()> {
        heartbeat::probe(self, claims)
    }

    fn expire(&self, claims: &[Claim]) -> Result<Vec<Reaped>> {
        let claims = claims.to_vec();
        self.write_ends(move |writing| writing.crash(&claims, true))
    }

    fn register(&self, worker: &WorkerInfo) -> Result<u32> {
        self.database().open_heartbeats()?;
        let worker = worker.clone();
        self.write(move |writing| register::register(writing, &worker))
    }

    fn deregister(&self, worker: WorkerId) -> Result<()> {
        self.write(move |writing| register::deregister(writing, worker))
    }

    fn keeps_log(&self) -> bool {
        !self.is_unpromoted()
    }

    fn history(&self, id: TaskId) -> Result<Option<Vec<Event>>> {
        if self.is_unpromoted() {
            return Ok(self.get(id)?.map(|task| of_task(&task)));
        }
        self.read(|connection| events::history(connection, id))
    }

    fn trim_log(&self) -> Result<u64> {
        trim_log::trim_log(self)
    }

    fn log_keeper(&self) -> Result<Option<TaskId>> {
        trim_log::keeper(self)
    }

    fn take_back(&self) -> Result<usize> {
        if self.database().read(aside::readable)?.is_empty() {
            return Ok(0);
        }
        self.write(take_back::take_back)
    }

    fn reap_except(&self, worker: WorkerId, kept: &[Claim]) -> Result<Vec<Reaped>> {
        let kept = kept.to_vec();
        self.write_ends(move |writing| reap::reap_except(writing, worker, &kept))
    }

    fn stats(&self) -> Result<Stats> {
        stats::stats(self)
    }

    fn fire(&self) -> Result<Option<Timestamp>> {
        fire::fire(self)
    }

    fn next_waiting(&self, state: State, limit: usize) -> Result<Vec<Task>> {
        next_waiting::next_waiting(self, state, limit)
    }

    fn refuses(&self) -> Result<Option<Error>> {
        Ok(self.refusal())
    }

    fn knows_queue(&self, name: &str) -> Result<bool> {
        let is_own = |limit: Limit| matches!(limit.kind, LimitKind::Queue(own) if own == name);
        Ok(self.queues()?.iter().any(|queue| queue.name == name)
            || self.limits()?.into_iter().any(is_own))
    }

    fn waits_in_file(&self, id: TaskId) -> Result<Vec<Waits>> {
        why::waits(self, id, None)
    }

    fn waits_in_order(&self, id: TaskId, order: &mut ClaimOrder) -> Result<Vec<Waits>> {
        why::waits(self, id, Some(order))
    }

    fn dependencies(&self, id: TaskId) -> Result<Vec<Edge>> {
        let found = self.read(|connection| edges::dependencies(connection, id))?;
        let edge = |(on, condition)| Edge {
            dependent: id,
            on,
            condition,
        };
        Ok(found.into_iter().map(edge).collect())
    }

    fn dependents(&self, id: TaskId) -> Result<Vec<Edge>> {
        Self::dependents(self, id)
    }

    fn facts(&self, id: TaskId) -> Result<Vec<Fact>> {
        let details = self.read(|connection| facts::details(connection, id))?;
        let mut details = details.unwrap_or_default();
        // Tasks of one submission share a workflow, which tells nothing of those without edges.
        if details.workflow.is_some()
            && details.spawner.is_none()
            && Queue::dependencies(self, id)?.is_empty()
            && Queue::dependents(self, id)?.is_empty()
        {
            details.workflow = None;
        }
        Ok(details.facts())
    }

    fn cancel(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        cancel::cancel(self, ids, None)
    }

    fn withdraw(&self, ids: &[TaskId], why: &str) -> Result<Vec<Change>> {
        cancel::cancel(self, ids, Some(why))
    }

    fn retry(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let ids = ids.to_vec();
        self.write(move |writing| writing.retry(&ids, false))
    }

    fn plan_retry(&self, ids: &[TaskId], downstream: bool) -> Result<RetryPlan> {
        self.check_promoted()?;
        let (queue_ids, now) = (self.database().queue_ids(), self.now());
        self.read(|connection| {
            plan_retry(
                &mut SqliteSlice::new(connection, queue_ids, now),
                ids,
                downstream,
            )
        })
    }

    fn retry_step(&self, plan: &mut RetryPlan) -> Result<Vec<(TaskId, Change)>> {
        let planned = plan.clone();
        let (changes, looked_at) = self.write(move |writing| writing.retry_some(&planned))?;
        plan.advance(looked_at);
        Ok(changes)
    }

    fn hold(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let ids = ids.to_vec();
        self.write(move |writing| writing.hold(&ids))
    }

    fn release(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let ids = ids.to_vec();
        self.write(move |writing| writing.release(&ids))
    }

    fn rerun(&self, ids: &[TaskId], held: bool) -> Result<Vec<TaskCopy>> {
        let ids = ids.to_vec();
        self.write(move |writing| writing.rerun(&ids, held))
    }

    fn start(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let ids = ids.to_vec();
        self.write(move |writing| writing.start(&ids))
    }

    fn edit(&self, ids: &[TaskId], edit: &Edit) -> Result<Vec<Change>> {
        let (ids, edit) = (ids.to_vec(), edit.clone());
        self.write(move |writing| writing.edit(&ids, &edit))
    }

    fn reprioritize(&self, ids: &[TaskId], priority: i32) -> Result<Vec<Change>> {
        let ids = ids.to_vec();
        self.write(move |writing| reprioritize::reprioritize(writing, &ids, priority))
    }

    fn set_paused(&self, queue: &str, paused: bool) -> Result<bool> {
        check_name("a queue's name", queue)?;
        pause::set_paused(self, queue, paused)
    }

    fn set_ageing(&self, queue: &str, ageing: Option<Ageing>) -> Result<bool> {
        check_name("a queue's name", queue)?;
        ageing::set_ageing(self, queue, ageing)
    }

    fn change_setting(&self, setting: FileSetting, value: Option<u64>) -> Result<bool> {
        self.write(move |writing| settings::change_setting(writing, setting, value))
    }

    fn delete_logs(&self) -> Result<()> {
        self.check_promoted()?;
        verbs::delete_logs(self.database(), &self.prune_rules())
    }

    fn prune_while(
        &self,
        request: &PruneRequest,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64> {
        self.check_promoted()?;
        let pruned = verbs::prune(self.database(), &self.prune_rules(), request, go_on)?;
        if !request.dry_run {
            self.trim_log()?;
        }
        Ok(pruned)
    }

    fn verify(&self) -> Result<Vec<Invariant>> {
        verify::verify(self)
    }

    fn repair(&self) -> Result<Vec<Repaired>> {
        verify::repair(self)
    }
}
