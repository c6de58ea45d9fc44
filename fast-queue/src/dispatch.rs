//! Every verb, passed on to the file of its name. Verbs without a file here are the same in both
//! engines: see `shared/src/sqlite/verbs/`.

use queue_core::Ageing;
use queue_core::claim::{Claim, ClaimRequest, Claims, WorkerId};
use queue_core::coordination::Wake;
use queue_core::error::{Error, Result};
use queue_core::outcome::{Settled, Settlement};
use queue_core::queue::{
    Backlog, Change, ClaimOrder, Edit, Enqueued, Gauges, Invariant, Monitored, PruneRequest, Queue,
    Reaped, Repaired, Stats, TaskCopy, Waits, WorkerInfo,
};
use queue_core::settings::FileSetting;
use queue_core::sqlite::verbs;
use queue_core::state::State;
use queue_core::task::{NewTask, Task, TaskId};

use crate::queue::FastQueue;
use crate::{
    ageing, cancel, claim, edit, enqueue, hold, pause, prune, reap, register, release,
    reprioritize, rerun, retry, settings, settle, start, stats, verify, why,
};

impl Monitored for FastQueue {
    fn backlog(&self) -> Result<Vec<Backlog>> {
        self.database().read(verbs::backlog)
    }

    fn gauges(&self) -> Result<Gauges> {
        let read = |connection: &_| verbs::gauges(connection, None);
        self.database().read(read)
    }
}

impl Queue for FastQueue {
    type Tx<'a> = rusqlite::Transaction<'a>;

    queue_core::answered_by_database!();

    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>> {
        enqueue::enqueue(self, tasks)
    }

    fn enqueue_in(&self, tx: &Self::Tx<'_>, tasks: &[NewTask]) -> Result<(Vec<Enqueued>, Wake)> {
        enqueue::enqueue_in(self, tx, tasks)
    }

    fn claim(&self, request: &ClaimRequest) -> Result<Claims> {
        claim::claim(self, request)
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        settle::settle(self, settlements)
    }

    fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        request: &ClaimRequest,
    ) -> Result<(Vec<Settled>, Result<Claims>)> {
        settle::settle_and_claim(self, settlements, request)
    }

    fn settle_in(
        &self,
        tx: &Self::Tx<'_>,
        settlements: &[Settlement],
    ) -> Result<(Vec<Settled>, Wake)> {
        settle::settle_in(self, tx, settlements)
    }

    fn register(&self, worker: &WorkerInfo) -> Result<u32> {
        register::register(self, worker)
    }

    fn deregister(&self, worker: WorkerId) -> Result<()> {
        register::deregister(self, worker)
    }

    fn take_back(&self) -> Result<usize> {
        register::take_back(self)
    }

    fn reap_except(&self, worker: WorkerId, kept: &[Claim]) -> Result<Vec<Reaped>> {
        reap::reap_except(self, worker, kept)
    }

    fn stats(&self) -> Result<Stats> {
        stats::stats(self)
    }

    fn next_waiting(&self, state: State, limit: usize) -> Result<Vec<Task>> {
        self.database()
            .read(|connection| verbs::next_waiting(connection, state, limit))
    }

    fn refuses(&self) -> Result<Option<Error>> {
        self.refusal()
    }

    fn waits_in_order(&self, id: TaskId, order: &mut ClaimOrder) -> Result<Vec<Waits>> {
        why::waits(self, id, Some(order))
    }

    fn waits_in_file(&self, id: TaskId) -> Result<Vec<Waits>> {
        why::waits(self, id, None)
    }

    fn cancel(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        cancel::cancel(self, ids)
    }

    fn withdraw(&self, ids: &[TaskId], why: &str) -> Result<Vec<Change>> {
        cancel::withdraw(self, ids, why)
    }

    fn retry(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        retry::retry(self, ids)
    }

    fn hold(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        hold::hold(self, ids)
    }

    fn release(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        release::release(self, ids)
    }

    fn rerun(&self, ids: &[TaskId], held: bool) -> Result<Vec<TaskCopy>> {
        rerun::rerun(self, ids, held)
    }

    fn start(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        start::start(self, ids)
    }

    fn edit(&self, ids: &[TaskId], edit: &Edit) -> Result<Vec<Change>> {
        edit::edit(self, ids, edit)
    }

    fn reprioritize(&self, ids: &[TaskId], priority: i32) -> Result<Vec<Change>> {
        reprioritize::reprioritize(self, ids, priority)
    }

    fn set_paused(&self, queue: &str, paused: bool) -> Result<bool> {
        pause::set_paused(self, queue, paused)
    }

    fn set_ageing(&self, queue: &str, ageing: Option<Ageing>) -> Result<bool> {
        ageing::set_ageing(self, queue, ageing)
    }

    fn change_setting(&self, setting: FileSetting, value: Option<u64>) -> Result<bool> {
        settings::change_setting(self, setting, value)
    }

    fn delete_logs(&self) -> Result<()> {
        prune::delete_logs(self)
    }

    fn prune_while(
        &self,
        request: &PruneRequest,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64> {
        prune::prune_while(self, request, go_on)
    }

    fn verify(&self) -> Result<Vec<Invariant>> {
        verify::verify(self)
    }

    fn repair(&self) -> Result<Vec<Repaired>> {
        verify::repair(self)
    }
}
