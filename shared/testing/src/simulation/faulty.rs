//! Engine wrapper that refuses some calls, loses the answers of others, and checks the results.

mod calls;
mod mistakes;

use std::sync::Arc;
use std::time::Duration;

use super::Plant;
use super::extension::{Call, Extension};
use super::world::Shared;
use queue_core::Ageing;
use queue_core::claim::{Claim, ClaimRequest, Claims, Held, WorkerId};
use queue_core::clock::{Now, Timestamp};
use queue_core::coordination::{Coordination, Wake};
use queue_core::error::Result;
use queue_core::outcome::{Settled, Settlement};
use queue_core::output::Output;
use queue_core::queue::{
    Alert, Backlog, Change, Edit, Enqueued, Fact, Finding, Gauges, Invariant, ListQuery, Monitored,
    PruneRequest, Queue, QueueInfo, Reaped, Repaired, Stats, TaskCopy, Waits, WorkerInfo,
};
use queue_core::settings::{FileSetting, FileSettings};
use queue_core::state::State;
use queue_core::task::{NewTask, Task, TaskId};
use queue_core::workflow::Edge;

pub(super) struct Faulty<Q: Queue> {
    pub(super) inner: Q,
    pub(super) world: Shared,
    pub(super) extension: Arc<dyn Extension<Q>>,
}

/// Reads all tasks.
pub(super) fn all_tasks<Q: Queue>(queue: &Q) -> Result<Vec<Task>> {
    queue.list(&ListQuery::new().limit(10_000))
}

/// Returns true if a prune may take a task, not counting tasks kept for their id or position.
fn is_pruned(task: &Task, request: &PruneRequest) -> bool {
    let finished = task.finished_at;
    let old = finished.is_some_and(|at| at < request.finished_before);
    let wanted = request.states.is_empty() || request.states.contains(&task.state);
    old && wanted && !request.dry_run
}

impl<Q: Queue> Monitored for Faulty<Q> {
    fn backlog(&self) -> Result<Vec<Backlog>> {
        self.inner.backlog()
    }

    fn gauges(&self) -> Result<Gauges> {
        self.inner.gauges()
    }

    fn alerts(&self) -> Result<Vec<Alert>> {
        self.inner.alerts()
    }
}

impl<Q: Queue> Queue for Faulty<Q> {
    type Tx<'a> = Q::Tx<'a>;

    fn enqueue(&self, tasks: Vec<NewTask>) -> Result<Vec<Enqueued>> {
        let mut enqueued = self.write("enqueue", |queue| {
            let enqueued = queue.enqueue(tasks.clone())?;
            self.committed(&Call::Enqueue {
                tasks: &tasks,
                enqueued: &enqueued,
            });
            Ok(enqueued)
        })?;
        if self.world.lock().plant(Plant::ForgetsTasks) {
            self.forget(&mut enqueued);
        }
        let mut world = self.world.lock();
        for task in &enqueued {
            world.acknowledge(task.id);
        }
        world.holds.enqueued(&tasks, &enqueued);
        Ok(enqueued)
    }

    fn enqueue_in(&self, tx: &Self::Tx<'_>, tasks: &[NewTask]) -> Result<(Vec<Enqueued>, Wake)> {
        self.inner.enqueue_in(tx, tasks)
    }

    fn claim(&self, request: &ClaimRequest) -> Result<Claims> {
        let commits = self.world.lock().commits;
        let mut claims = self.write("claim", |queue| {
            let claims = queue.claim(&self.asked(request))?;
            let claims = &claims;
            self.committed(&Call::Claim { request, claims });
            Ok(claims.clone())
        })?;
        if claims.tasks.is_empty() {
            // Nothing was written.
            self.world.lock().commits = commits;
        }
        self.hand_out(request, &mut claims)?;
        Ok(claims)
    }

    fn settle_and_claim(
        &self,
        settlements: Vec<Settlement>,
        request: &ClaimRequest,
    ) -> Result<(Vec<Settled>, Result<Claims>)> {
        let recorded = self.recorded(&settlements);
        let (settled, claims) = self.write("settle and claim", |queue| {
            let (settled, claims) = queue.settle_and_claim(recorded, &self.asked(request))?;
            let claims = claims?;
            self.committed(&Call::SettleAndClaim {
                settlements: &settlements,
                settled: &settled,
                request,
                claims: &claims,
            });
            Ok((settled, claims))
        })?;
        self.world.lock().settled(&settlements, &settled);
        let mut claims = claims;
        let handed = self.hand_out(request, &mut claims);
        Ok((settled, handed.map(|()| claims)))
    }

    fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Settled>> {
        let recorded = self.recorded(&settlements);
        let settled = self.write("settle", |queue| {
            let settled = queue.settle(recorded)?;
            self.committed(&Call::Settle {
                settlements: &settlements,
                settled: &settled,
            });
            Ok(settled)
        })?;
        self.world.lock().settled(&settlements, &settled);
        Ok(settled)
    }

    fn settle_in(
        &self,
        tx: &Self::Tx<'_>,
        settlements: &[Settlement],
    ) -> Result<(Vec<Settled>, Wake)> {
        self.inner.settle_in(tx, settlements)
    }

    fn held(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        self.read("held", |queue| queue.held(claims))
    }

    fn heartbeat(&self, claims: &[Claim]) -> Result<Vec<Held>> {
        let answer = self.write("heartbeat", |queue| {
            let held = queue.heartbeat(claims)?;
            let answer = &held;
            self.committed(&Call::Heartbeat {
                claims,
                held: answer,
            });
            Ok(held)
        });
        if answer.is_err() && self.world.lock().plant(Plant::GivesUp) {
            return Ok(vec![Held::Lost; claims.len()]);
        }
        answer
    }

    fn register(&self, worker: &WorkerInfo) -> Result<u32> {
        self.write("register", |queue| queue.register(worker))
    }

    fn deregister(&self, worker: WorkerId) -> Result<()> {
        self.write("deregister", |queue| queue.deregister(worker))
    }

    fn take_back(&self) -> Result<usize> {
        self.inner.take_back()
    }

    fn trim_log(&self) -> Result<u64> {
        self.inner.trim_log()
    }

    fn workers(&self) -> Result<Vec<WorkerInfo>> {
        self.inner.workers()
    }

    fn claims_of(&self, worker: WorkerId) -> Result<Vec<Claim>> {
        let claims = self.read("claims_of", |queue| queue.claims_of(worker))?;
        let world = self.world.lock();
        // The recovery of a dead worker reads this too.
        let hides = world.plant(Plant::HidesClaims) && world.lives(worker);
        Ok(if hides { Vec::new() } else { claims })
    }

    fn reap_except(&self, worker: WorkerId, kept: &[Claim]) -> Result<Vec<Reaped>> {
        let reaped = self.write("reap", |queue| {
            let reaped = queue.reap_except(worker, kept)?;
            self.committed(&Call::Reap { reaped: &reaped });
            Ok(reaped)
        })?;
        let now = self.inner.now().boot;
        let mut world = self.world.lock();
        world.note(format_args!("reaped {reaped:?}"));
        if world.lives(worker) {
            world.violated(format!("{worker} was reaped and lives"));
        }
        world.reaped(&reaped, now);
        Ok(reaped)
    }

    fn fire(&self) -> Result<Option<Timestamp>> {
        let commits = self.world.lock().commits;
        let before = self.inner.last_id();
        let answer = self.write("fire", |queue| {
            let next = queue.fire()?;
            self.committed(&Call::Fire);
            Ok(next)
        });
        let after = self.inner.last_id();
        let mut world = self.world.lock();
        // A disk that fails hides the ids, and a call without an answer promises nothing there.
        let is_known = answer.is_ok() || world.config.platform_faults == 0;
        if let (Ok(before), Ok(after), true) = (before, after, is_known) {
            if before == after {
                // Nothing was enqueued.
                world.commits = commits;
            }
            let ids = before.map_or(1, |id| id.0 + 1)..=after.map_or(0, |id| id.0);
            ids.for_each(|id| world.acknowledge(TaskId(id)));
        }
        answer
    }

    fn lease(&self) -> Option<Duration> {
        self.inner.lease()
    }

    fn expired(&self) -> Result<Vec<Claim>> {
        self.read("expired", Q::expired)
    }

    fn probe(&self, claims: &[Claim]) -> Result<()> {
        let probed = self.write("probe", |queue| queue.probe(claims));
        if self.world.lock().plant(Plant::NoProbe) {
            return Ok(());
        }
        probed
    }

    fn expire(&self, claims: &[Claim]) -> Result<Vec<Reaped>> {
        let reaped = self.write("expire", |queue| {
            let reaped = queue.expire(claims)?;
            self.committed(&Call::Expire { reaped: &reaped });
            Ok(reaped)
        })?;
        let now = self.inner.now().boot;
        let mut world = self.world.lock();
        world.note(format_args!("expired {reaped:?}"));
        world.counts.expired += reaped.len() as u64;
        let lives = |one: &&Reaped| world.lives(one.claim.worker);
        let taken = reaped.iter().filter(lives).count() as u64;
        world.counts.taken += taken;
        world.reaped(&reaped, now);
        Ok(reaped)
    }

    fn get(&self, id: TaskId) -> Result<Option<Task>> {
        self.inner.get(id)
    }

    fn output(&self, id: TaskId) -> Result<Option<Output>> {
        self.inner.output(id)
    }

    fn output_of(&self, id: TaskId, attempt: u32) -> Result<Option<Output>> {
        self.inner.output_of(id, attempt)
    }

    fn with_outputs(&self, ids: &[TaskId]) -> Result<Vec<(Task, Option<Output>)>> {
        self.inner.with_outputs(ids)
    }

    fn list(&self, query: &ListQuery) -> Result<Vec<Task>> {
        self.inner.list(query)
    }

    fn last_failed(&self, limit: usize, queue: Option<&str>) -> Result<Vec<Task>> {
        self.inner.last_failed(limit, queue)
    }

    fn next_waiting(&self, state: State, limit: usize) -> Result<Vec<Task>> {
        self.inner.next_waiting(state, limit)
    }

    fn named(&self, name: &str, limit: usize) -> Result<Vec<TaskId>> {
        self.inner.named(name, limit)
    }

    fn keyed(&self, key: &[u8]) -> Result<Option<TaskId>> {
        self.inner.keyed(key)
    }

    fn last_id(&self) -> Result<Option<TaskId>> {
        self.inner.last_id()
    }

    fn stats(&self) -> Result<Stats> {
        self.inner.stats()
    }

    fn queues(&self) -> Result<Vec<QueueInfo>> {
        self.inner.queues()
    }

    fn waits_in_file(&self, id: TaskId) -> Result<Vec<Waits>> {
        self.inner.waits_in_file(id)
    }

    fn dependencies(&self, id: TaskId) -> Result<Vec<Edge>> {
        self.inner.dependencies(id)
    }

    fn dependents(&self, id: TaskId) -> Result<Vec<Edge>> {
        self.inner.dependents(id)
    }

    fn facts(&self, id: TaskId) -> Result<Vec<Fact>> {
        self.inner.facts(id)
    }

    fn cancel(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        self.change("cancel", ids, Q::cancel, |ids, changes| Call::Cancel {
            ids,
            changes,
        })
    }

    fn withdraw(&self, ids: &[TaskId], why: &str) -> Result<Vec<Change>> {
        self.write("withdraw", |queue| {
            let changes = queue.withdraw(ids, why)?;
            self.committed(&Call::Cancel {
                ids,
                changes: &changes,
            });
            Ok(changes)
        })
    }

    fn retry(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        self.world.lock().reopened.extend(ids);
        self.world.lock().holds.ended(ids);
        self.change("retry", ids, Q::retry, |ids, changes| Call::Retry {
            ids,
            changes,
        })
    }

    fn hold(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        let changes = self.change("hold", ids, Q::hold, |ids, changes| Call::Hold {
            ids,
            changes,
        })?;
        self.world.lock().holds.held(ids, &changes);
        Ok(changes)
    }

    fn release(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        self.world.lock().holds.ended(ids);
        self.change("release", ids, Q::release, |ids, changes| Call::Release {
            ids,
            changes,
        })
    }

    fn rerun(&self, ids: &[TaskId], held: bool) -> Result<Vec<TaskCopy>> {
        self.write("rerun", |queue| queue.rerun(ids, held))
    }

    fn start(&self, ids: &[TaskId]) -> Result<Vec<Change>> {
        self.change("start", ids, Q::start, |ids, changes| Call::Start {
            ids,
            changes,
        })
    }

    fn edit(&self, ids: &[TaskId], edit: &Edit) -> Result<Vec<Change>> {
        self.write("edit", |queue| {
            let changes = queue.edit(ids, edit)?;
            let changes = &changes[..];
            self.committed(&Call::Edit { ids, edit, changes });
            Ok(changes.to_vec())
        })
    }

    fn reprioritize(&self, ids: &[TaskId], priority: i32) -> Result<Vec<Change>> {
        self.write("reprioritize", |queue| {
            let changes = queue.reprioritize(ids, priority)?;
            self.committed(&Call::Reprioritize { ids, priority });
            Ok(changes)
        })
    }

    fn set_paused(&self, queue: &str, paused: bool) -> Result<bool> {
        self.write("set_paused", |inner| {
            let changed = inner.set_paused(queue, paused)?;
            self.committed(&Call::SetPaused { queue, paused });
            Ok(changed)
        })
    }

    fn set_ageing(&self, queue: &str, ageing: Option<Ageing>) -> Result<bool> {
        self.write("set_ageing", |inner| {
            let changed = inner.set_ageing(queue, ageing)?;
            self.committed(&Call::SetAgeing { queue, ageing });
            Ok(changed)
        })
    }

    fn file_id(&self) -> Result<i64> {
        self.inner.file_id()
    }

    fn settings(&self) -> Result<FileSettings> {
        self.inner.settings()
    }

    fn change_setting(&self, setting: FileSetting, value: Option<u64>) -> Result<bool> {
        self.write("change_setting", |inner| {
            inner.change_setting(setting, value)
        })
    }

    fn delete_logs(&self) -> Result<()> {
        self.inner.delete_logs()
    }

    fn prune_while(
        &self,
        request: &PruneRequest,
        go_on: &mut dyn FnMut(u64) -> bool,
    ) -> Result<u64> {
        self.write("prune", |queue| {
            let before = all_tasks(queue)?;
            let pruned = queue.prune_while(request, go_on).inspect_err(|_| {
                let mut world = self.world.lock();
                let wanted = |task: &&Task| is_pruned(task, request);
                for task in before.iter().filter(wanted) {
                    world.pruned(task.id);
                }
            })?;
            self.note_pruned(&before, request);
            self.committed(&Call::Prune { request });
            Ok(pruned)
        })
    }

    fn coordination(&self) -> &Arc<dyn Coordination> {
        self.inner.coordination()
    }

    fn now(&self) -> Now {
        self.inner.now()
    }

    fn random(&self) -> u64 {
        self.inner.random()
    }

    /// Counts writes, since the engine's own counter depends on the time of its last check.
    fn change_counter(&self) -> Result<i64> {
        Ok(self.world.lock().commits)
    }

    fn diagnose(&self) -> Result<Vec<Finding>> {
        self.inner.diagnose()
    }

    fn verify(&self) -> Result<Vec<Invariant>> {
        self.inner.verify()
    }

    fn repair(&self) -> Result<Vec<Repaired>> {
        self.inner.repair()
    }
}
