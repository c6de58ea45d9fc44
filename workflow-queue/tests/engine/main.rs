//! The engine's tests, one module per subject, on a file and a clock that the test moves.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

mod alerts;
mod conformance;
mod dependency;
mod event_pages;
mod events;
mod firings;
mod heartbeat;
mod hold;
mod hooks;
mod inputs;
mod key;
mod lease;
mod limit;
/// The model of the simulation.
#[path = "../simulation/model.rs"]
#[expect(dead_code, reason = "sequences have neither keys nor a prune")]
mod model;
mod promote;
mod prune;
mod rate;
mod repair;
mod rerun;
mod retry;
mod rollups;
mod schedule_overlaps;
mod schedules;
mod sequences;
mod size;
mod slots;
mod spawn;
mod start;
mod time;
mod verify;
mod why;

use std::path::Path;
use std::sync::Arc;

use queue_core::claim::{Claim, ClaimRequest, WorkerId};
use queue_core::clock::Clock;
use queue_core::error::Result;
use queue_core::outcome::{Outcome, Settled};
use queue_core::queue::Queue;
use queue_core::random::Random;
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_testing::conformance::Engine;
use rusqlite::{Connection, Transaction};
use workflow_queue::{SqliteOptions, WorkflowQueue, WorkflowTask};

/// The engine under test.
struct Workflow;

impl Engine for Workflow {
    type Queue = WorkflowQueue;

    fn open(path: &Path, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<WorkflowQueue> {
        let options = SqliteOptions::new()?.open(
            OpenOptions::new(Durability::Fast)?
                .clock(clock)
                .random(random),
        );
        WorkflowQueue::open_with(path, options)
    }

    fn transaction<T>(path: &Path, commit: bool, work: impl FnOnce(&Transaction<'_>) -> T) -> T {
        let mut connection = Connection::open(path).unwrap();
        let pragma = connection.pragma_update(None, "wal_autocheckpoint", 0);
        pragma.unwrap();
        let tx = connection.transaction().unwrap();
        let value = work(&tx);
        if commit {
            tx.commit().unwrap();
        } else {
            tx.rollback().unwrap();
        }
        value
    }
}

type Bench = queue_testing::conformance::Bench<Workflow>;

/// The test steps that only this engine needs.
trait Workflows {
    /// Enqueues a workflow; returns the ids in its order.
    fn flow(&self, tasks: Vec<WorkflowTask>) -> Vec<TaskId>;
    /// Claims as a worker other than the usual one.
    fn claim_as(&self, worker: WorkerId, limit: usize) -> Vec<Claim>;
    /// Claims and settles exactly this task, whatever its place in the order.
    fn end(&self, id: TaskId, outcome: Outcome);
    /// Claims tasks and ends each with success, until none is ready.
    fn drain(&self) -> Vec<TaskId>;
    /// The state of each task.
    fn states(&self, ids: &[TaskId]) -> Vec<State>;
}

impl Workflows for Bench {
    fn flow(&self, tasks: Vec<WorkflowTask>) -> Vec<TaskId> {
        let enqueued = self.queue.enqueue_workflow(tasks).unwrap();
        enqueued.into_iter().map(|one| one.id).collect()
    }

    fn claim_as(&self, worker: WorkerId, limit: usize) -> Vec<Claim> {
        let request = ClaimRequest::new(worker, limit).commands(true);
        let claims = self.queue.claim(&request).unwrap();
        claims.tasks.into_iter().map(|task| task.claim).collect()
    }

    fn end(&self, id: TaskId, outcome: Outcome) {
        let claimed = self.claim(1000);
        let mut outcome = Some(outcome);
        for task in claimed {
            let outcome = if task.claim.task == id {
                outcome.take().unwrap()
            } else {
                Outcome::Returned
            };
            let settled = self.settle(task.claim, outcome);
            assert!(matches!(settled, Settled::Recorded(_)), "{settled:?}");
        }
        assert!(outcome.is_none(), "task {id} can be claimed");
    }

    fn drain(&self) -> Vec<TaskId> {
        let mut order = Vec::new();
        loop {
            let claimed = self.claim(100);
            if claimed.is_empty() {
                return order;
            }
            for task in claimed {
                order.push(task.claim.task);
                self.settle(task.claim, Outcome::Succeeded);
            }
        }
    }

    fn states(&self, ids: &[TaskId]) -> Vec<State> {
        ids.iter().map(|id| self.state(*id)).collect()
    }
}

/// A command that does nothing, by name.
fn task(name: &str) -> WorkflowTask {
    WorkflowTask::shell(name, "true")
}

/// A task with one attempt, so that its first failure is final.
fn once(name: &str) -> WorkflowTask {
    let mut task = task(name);
    task.task.options.max_attempts = 1;
    task
}

/// The outcome of a failed command.
const FAILED: Outcome = Outcome::Exited { code: 1 };
