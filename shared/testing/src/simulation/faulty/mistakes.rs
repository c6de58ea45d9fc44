//! Planted mistakes of an engine, each of which the simulation has to find.

use super::super::Plant;
use super::Faulty;
use queue_core::claim::{Claim, ClaimRequest, ClaimedTask, Claims, WorkerId};
use queue_core::error::Result;
use queue_core::outcome::Settlement;
use queue_core::queue::{Enqueued, ListQuery, Queue};
use queue_core::state::State;
use queue_core::task::TaskId;

impl<Q: Queue> Faulty<Q> {
    /// An engine without fencing: an outcome for a lost claim is recorded for the current claim.
    pub(super) fn unfenced(&self, mut settlements: Vec<Settlement>) -> Vec<Settlement> {
        for settlement in &mut settlements {
            if let Ok(Some(task)) = self.inner.get(settlement.claim.task)
                && task.state == State::Running
                && let Some(worker) = task.worker
            {
                settlement.claim.token = task.token;
                settlement.claim.worker = worker;
            }
        }
        settlements
    }

    /// An engine that claims a running task again.
    pub(super) fn claim_again(&self, claims: &mut Claims) -> Result<()> {
        if !self.world.lock().chance(100) {
            return Ok(());
        }
        let running = self
            .inner
            .list(&ListQuery::new().states([State::Running]).limit(1))?;
        for task in running {
            let claim = Claim {
                task: task.id,
                token: task.token,
                worker: task.worker.unwrap_or(WorkerId(1)),
            };
            if claims.tasks.iter().all(|own| own.claim != claim) {
                claims.tasks.pop();
                let mut stolen = ClaimedTask::new(claim, task.name, task.work);
                stolen.queue = task.queue.into();
                stolen.priority = task.priority;
                stolen.attempt = task.attempt;
                stolen.options = task.options;
                claims.tasks.push(stolen);
            }
        }
        Ok(())
    }

    /// The request, as an engine takes it that makes a mistake with several queues.
    pub(super) fn asked(&self, request: &ClaimRequest) -> ClaimRequest {
        let mut request = request.clone();
        let world = self.world.lock();
        if world.plant(Plant::GivesKept) {
            request.free = usize::MAX;
        }
        if world.plant(Plant::ForgetsTurns) {
            request.after = None;
        }
        request
    }

    /// An engine that forgets an acknowledged task.
    pub(super) fn forget(&self, enqueued: &mut [Enqueued]) {
        let forgets = self.world.lock().chance(100);
        if let Some(last) = enqueued.last_mut()
            && forgets
        {
            last.id = TaskId(last.id.0 + 1_000_000);
        }
    }
}
