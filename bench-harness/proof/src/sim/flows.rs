//! What workflow-queue alone can do, drawn by lot, and what must hold of it at every claim.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use queue_core::claim::ClaimedTask;
use queue_core::state::State;
use queue_core::task::{NewTask, Task, TaskId};
use queue_core::workflow::{Condition, Edge};
use queue_core::{Queue, Result, TaskOptions};
use queue_testing::simulation::{Call, Extension, Ledger, Stage};
use rusqlite::OptionalExtension;
use workflow_queue::{Limit, LimitKind, Settings, WorkflowQueue, WorkflowTask};

/// The key that tasks are limited by, and how many of it may run.
const KEY: &[u8] = b"scarce";
const AT_ONCE: u32 = 2;

type Scene<'a> = Stage<'a, WorkflowQueue>;

/// Workflows, limits, retries of what was skipped.
#[derive(Debug)]
pub(super) struct Flows {
    /// Enqueued before the run.
    before: Arc<Mutex<Vec<TaskId>>>,
    limit: Mutex<Standing>,
}

/// How the limit on the key stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// It is not in the file, or a power cut has taken it away.
    #[default]
    Unset,
    /// It is in the file; more may run from before.
    Set,
    /// No more run than may, and so it has to stay.
    InForce,
}

impl Flows {
    pub(super) fn new(before: Arc<Mutex<Vec<TaskId>>>) -> Self {
        Self {
            before,
            limit: Mutex::default(),
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.limit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the limit. Until that is answered for, none is expected.
    fn limit(&self, scene: &Scene<'_>) {
        let limit = Limit {
            kind: LimitKind::Key(KEY.to_vec()),
            concurrency: Some(AT_ONCE),
            rate: None,
        };
        let answer = scene.write("limit", |queue| queue.set_limit(&limit));
        if answer.is_ok() {
            *self.standing() = Standing::Set;
        }
    }

    /// A workflow: a few layers, each of which waits for tasks of the one before.
    fn submit(scene: &Scene<'_>) {
        let count = 2 + scene.ledger.draw(6) as usize;
        if !scene.has_room(count) {
            return;
        }
        let tasks: Vec<_> = (0..count)
            .map(|place| {
                let mut task = new_task(scene);
                let edges = if place == 0 {
                    0
                } else {
                    1 + scene.ledger.draw(2)
                };
                let mut on: Vec<usize> = (0..edges).map(|_| scene.ledger.place(place)).collect();
                on.sort_unstable();
                on.dedup();
                for on in on {
                    task = task.after(on, condition(scene));
                }
                task
            })
            .collect();
        let answer = scene.write("workflow", |queue| queue.enqueue_workflow(tasks.clone()));
        scene.acknowledge(&answer.unwrap_or_default());
    }

    fn spawn(scene: &Scene<'_>) {
        let Some(claim) = scene.ledger.pick(&scene.executions()) else {
            return;
        };
        if !scene.has_room(1) {
            return;
        }
        let task = new_task(scene);
        let answer = scene.write("spawn", |queue| {
            queue.spawn(claim, vec![task.clone()], Vec::new())
        });
        scene.acknowledge(&answer.unwrap_or_default());
    }

    fn link(scene: &Scene<'_>) {
        let known = scene.tasks();
        if let (Some(one), Some(two)) = (scene.ledger.pick(&known), scene.ledger.pick(&known)) {
            let edge = Edge {
                dependent: one.max(two),
                on: one.min(two),
                condition: condition(scene),
            };
            // Many cannot be made to wait any more.
            let _ = scene.write("link", |queue| queue.add_dependencies(vec![edge]));
        }
    }

    fn retry(scene: &Scene<'_>) {
        let known = scene.tasks();
        let Some(task) = scene.ledger.pick(&known) else {
            return;
        };
        // Whatever was skipped because of it is re-opened too.
        scene.ledger.reopens_any();
        // What came of it is seen in the file.
        let _ = scene.write("retry", |queue| queue.retry_downstream(&[task]));
    }

    fn check(&self, claimed: &[ClaimedTask], queue: &WorkflowQueue, ledger: Ledger<'_>) {
        for task in claimed {
            // Where it cannot be read there is a check less.
            let edges = queue.dependencies(task.claim.task).unwrap_or_default();
            for edge in edges {
                let on = queue.get(edge.on).unwrap_or_default();
                if on.is_some_and(|on| !may_follow(edge.condition, &on, queue)) {
                    ledger.violated(format!("{} was claimed, and {edge:?}", edge.dependent));
                }
            }
        }
        if let Ok(running) = running_under_limit(queue) {
            self.follow(running, ledger);
        }
    }

    /// So many run under the limit; `None` where there is no limit.
    fn follow(&self, running: Option<u32>, ledger: Ledger<'_>) {
        let mut standing = self.standing();
        *standing = match (*standing, running) {
            (_, None) => Standing::Unset,
            (Standing::InForce, Some(running)) if running > AT_ONCE => {
                ledger.violated(format!("{running} run at once under a limit of {AT_ONCE}"));
                Standing::InForce
            }
            (Standing::Unset | Standing::Set, Some(running)) if running > AT_ONCE => Standing::Set,
            (_, Some(_)) => Standing::InForce,
        };
    }
}

/// Whether a dependent may run. A success is final; what failed may have been re-opened meanwhile,
/// and have succeeded, while the dependent waited for a worker.
fn may_follow(condition: Condition, on: &Task, queue: &WorkflowQueue) -> bool {
    match condition {
        Condition::Success => on.state == State::Succeeded,
        Condition::Failure => {
            let attempts = queue.attempts(on.id).unwrap_or_default();
            let has_failed = attempts.iter().any(|one| one.state == State::Failed);
            on.state != State::Succeeded || has_failed
        }
        Condition::Any => true,
    }
}

fn running_under_limit(queue: &WorkflowQueue) -> Result<Option<u32>> {
    queue.database().read(|connection| {
        let mut query = connection.prepare_cached(
            "SELECT (SELECT count(*) FROM queue_tasks WHERE state = 3 AND limit_key = ?1)
             FROM queue_limits WHERE kind = 1 AND name = ?1",
        )?;
        Ok(query.query_row([KEY], |row| row.get(0)).optional()?)
    })
}

fn condition(scene: &Scene<'_>) -> Condition {
    match scene.ledger.draw(5) {
        0 => Condition::Failure,
        1 => Condition::Any,
        _ => Condition::Success,
    }
}

fn new_task(scene: &Scene<'_>) -> WorkflowTask {
    let draw = |below| scene.ledger.draw(below);
    let options = TaskOptions {
        max_attempts: 1 + draw(3),
        max_crashes: 1 + draw(5),
        backoff_ms: u64::from(draw(60_000)),
        max_backoff_ms: 300_000,
        ..TaskOptions::default()
    };
    let task = NewTask::shell("flow", "true").options(options);
    let limit_key = (draw(3) == 0).then(|| KEY.to_vec());
    WorkflowTask::from(task).settings(Settings {
        limit_key,
        ..Settings::default()
    })
}

impl Extension<WorkflowQueue> for Flows {
    fn begin(&self, scene: &Scene<'_>) {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        scene.acknowledge_ids(&before);
    }

    fn share(&self) -> u32 {
        45
    }

    fn act(&self, scene: &Scene<'_>) {
        if *self.standing() == Standing::Unset {
            return self.limit(scene);
        }
        match scene.ledger.draw(100) {
            0..50 => Self::submit(scene),
            50..66 => Self::spawn(scene),
            66..80 => Self::link(scene),
            _ => Self::retry(scene),
        }
    }

    fn committed(&self, call: &Call<'_>, queue: &WorkflowQueue, ledger: &Ledger<'_>) {
        if let Call::Claim { claims, .. } | Call::SettleAndClaim { claims, .. } = call {
            self.check(&claims.tasks, queue, *ledger);
        }
    }
}
