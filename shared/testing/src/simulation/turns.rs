//! Workers of several queues: the slots that a queue keeps, and the turns of queues at the others.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use super::extension::{Call, Extension, Ledger};
use queue_core::claim::{Claim, ClaimRequest, Claims, WorkerId};
use queue_core::queue::{ListQuery, Queue, WorkerInfo};
use queue_core::state::State;
use queue_core::task::{DEFAULT_QUEUE, Task};

/// Extension that adds queues to a run, and checks every claim for several of them.
#[derive(Debug, Default)]
pub struct SeveralQueues(Mutex<HashMap<WorkerId, Turns>>);

/// Claims of one worker.
#[derive(Debug, Default)]
struct Turns {
    /// Queue that had the last turn.
    after: Option<Arc<str>>,
    /// Queues with tasks that the last claim left.
    waiting: HashSet<String>,
    /// Number of turns of other queues at shared slots, while a queue with tasks had none.
    passed: HashMap<(String, String), usize>,
}

impl Turns {
    /// Takes in a claim that left tasks in `waiting`. Returns a sentence if a queue with tasks waits
    /// for more than one turn of another.
    fn claimed(
        &mut self,
        request: &ClaimRequest,
        claims: &Claims,
        waiting: HashSet<String>,
    ) -> Option<String> {
        // After a call without an answer the worker asks for the same turn again.
        if request.after != self.after {
            self.passed.clear();
        }
        let mut taken: HashMap<&str, usize> = HashMap::new();
        for task in &claims.tasks {
            *taken.entry(&task.queue).or_default() += 1;
        }
        let starves = |name: &String| {
            waiting.contains(name) && self.waiting.contains(name) && !taken.contains_key(&**name)
        };
        self.passed.retain(|(name, _), _| starves(name));
        let mut found = None;
        for name in waiting.iter().filter(|name| starves(name)) {
            for (other, count) in &taken {
                let own = request
                    .queues
                    .names()
                    .iter()
                    .find(|own| &*own.name == *other);
                let kept = own.map_or(0, |own| usize::try_from(own.reserved).unwrap_or(0));
                let turns = self
                    .passed
                    .entry((name.clone(), (*other).to_owned()))
                    .or_default();
                *turns += count.saturating_sub(kept);
                if *turns > 1 {
                    found = Some(format!("{name} waits while {other} had {turns} turns"));
                }
            }
        }
        self.waiting = waiting;
        self.after.clone_from(&claims.after);
        found
    }
}

impl SeveralQueues {
    fn claimed<Q: Queue>(
        &self,
        (request, claims): (&ClaimRequest, &Claims),
        queue: &Q,
        ledger: Ledger<'_>,
    ) {
        if request.queues.only().is_some() {
            return;
        }
        let tasks = |state| {
            let query = ListQuery::new().states([state]).limit(usize::MAX);
            queue.list(&query).unwrap_or_default()
        };
        let workers = queue.workers().unwrap_or_default();
        let worker = workers.iter().find(|worker| worker.id == request.worker);
        let running = tasks(State::Running);
        // Claims whose answer was lost are rows too, which the worker returns without running them.
        let mut held = ledger.world.lock().executions();
        held.extend(claims.tasks.iter().map(|task| task.claim));
        let is_own = |task: &&Task| {
            let claim = |claim: &Claim| claim.task == task.id && claim.token == task.token;
            task.worker == Some(request.worker) && held.iter().any(claim)
        };
        let own = running.iter().filter(is_own);
        let own: Vec<&str> = own.map(|task| task.queue.as_str()).collect();
        if let Some(what) = worker.and_then(|worker| beyond(worker, &own)) {
            ledger.violated(format!("{what}, after {request:?}"));
        }
        let paused = queue.queues().unwrap_or_default().into_iter();
        let paused: HashSet<String> = paused
            .filter(|queue| queue.paused_at.is_some())
            .map(|queue| queue.name)
            .collect();
        let waiting = tasks(State::Queued).into_iter();
        let waiting: HashSet<String> = waiting
            .filter(|task| task.run_at.is_none() && request.queues.covers(&task.queue))
            .map(|task| task.queue)
            .filter(|name| !paused.contains(name))
            .collect();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = all.entry(request.worker).or_default();
        if let Some(what) = turns.claimed(request, claims, waiting) {
            ledger.violated(what);
        }
    }
}

/// Sentence about tasks in slots that their worker keeps for other queues.
fn beyond(worker: &WorkerInfo, running: &[&str]) -> Option<String> {
    let size = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
    let served = &worker.serves.queues;
    let kept: usize = served.names().iter().map(|own| size(own.reserved)).sum();
    let in_own = |name: &str, reserved: u32| {
        let count = running.iter().filter(|queue| **queue == name).count();
        count.min(size(reserved))
    };
    let owners = served.names().iter();
    let in_own: usize = owners.map(|own| in_own(&own.name, own.reserved)).sum();
    let (beyond, shared) = (running.len() - in_own, size(worker.slots) - kept);
    (beyond > shared).then(|| {
        format!(
            "{running:?} run in {} slots of {served}: {beyond} beyond kept ones",
            worker.slots
        )
    })
}

impl<Q: Queue> Extension<Q> for SeveralQueues {
    fn queues(&self) -> &[&str] {
        &[DEFAULT_QUEUE, "mail", "build"]
    }

    fn committed(&self, call: &Call<'_>, queue: &Q, ledger: &Ledger<'_>) {
        if let Call::Claim { request, claims }
        | Call::SettleAndClaim {
            request, claims, ..
        } = call
        {
            self.claimed((request, claims), queue, *ledger);
        }
    }
}
