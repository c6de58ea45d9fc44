//! Random operations on workflows and limits, and the checks at every claim.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use queue_core::claim::ClaimedTask;
use queue_core::state::State;
use queue_core::task::{NewTask, Task, TaskId};
use queue_core::workflow::{Condition, Edge};
use queue_core::{Queue, Result, TaskOptions};
use queue_testing::simulation::{Call, Extension, Ledger};
use rusqlite::OptionalExtension;
use workflow_queue::{Limit, Settings, WorkflowQueue, WorkflowTask};

/// Limit key of tasks, and its bound.
const KEY: &[u8] = b"scarce";
const AT_ONCE: u32 = 2;

type Context<'a> = queue_testing::simulation::Context<'a, WorkflowQueue>;

/// Workflows, limits, retries of skipped tasks.
#[derive(Debug)]
pub(super) struct Flows {
    /// Tasks enqueued before the run.
    before: Arc<Mutex<Vec<TaskId>>>,
    limit: Mutex<Standing>,
}

/// State of the limit on the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Standing {
    /// The limit is not in the file, or a power cut has removed it.
    #[default]
    Unset,
    /// The limit is in the file; tasks started before may exceed it.
    Set,
    /// No more tasks run than the limit allows, which must stay so.
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

    /// Sets the limit. Until it is acknowledged, no limit is expected.
    fn limit(&self, context: &Context<'_>) {
        let limit = Limit::key(KEY.to_vec()).concurrency(AT_ONCE);
        let answer = context.write("limit", |queue| queue.set_limit(&limit));
        if answer.is_ok() {
            *self.standing() = Standing::Set;
        }
    }

    /// Submits a workflow of a few layers; each task depends on tasks of the layer before.
    fn submit(context: &Context<'_>) {
        let count = 2 + context.ledger.draw(6) as usize;
        if !context.has_room(count) {
            return;
        }
        let tasks: Vec<_> = (0..count)
            .map(|place| {
                let mut task = new_task(context);
                let edges = if place == 0 {
                    0
                } else {
                    1 + context.ledger.draw(2)
                };
                let mut on: Vec<usize> = (0..edges).map(|_| context.ledger.place(place)).collect();
                on.sort_unstable();
                on.dedup();
                for on in on {
                    task = task.after(on, condition(context));
                }
                task
            })
            .collect();
        let answer = context.write("workflow", |queue| queue.enqueue_workflow(tasks.clone()));
        context.acknowledge(&answer.unwrap_or_default());
    }

    fn spawn(context: &Context<'_>) {
        let Some(claim) = context.ledger.pick(&context.executions()) else {
            return;
        };
        if !context.has_room(1) {
            return;
        }
        let task = new_task(context);
        let answer = context.write("spawn", |queue| {
            queue.spawn(claim, vec![task.clone()], Vec::new())
        });
        context.acknowledge(&answer.unwrap_or_default());
    }

    fn link(context: &Context<'_>) {
        let known = context.tasks();
        if let (Some(one), Some(two)) = (context.ledger.pick(&known), context.ledger.pick(&known)) {
            let edge = Edge {
                dependent: one.max(two),
                on: one.min(two),
                condition: condition(context),
            };
            // Many tasks can get no further dependency.
            let _ = context.write("link", |queue| queue.add_dependencies(vec![edge]));
        }
    }

    fn retry(context: &Context<'_>) {
        let known = context.tasks();
        let Some(task) = context.ledger.pick(&known) else {
            return;
        };
        // Tasks skipped because of it are re-opened too.
        context.ledger.reopens_any();
        // Checks of the file show the effect.
        let _ = context.write("retry", |queue| queue.retry_downstream(&[task]));
    }

    fn check(&self, claimed: &[ClaimedTask], queue: &WorkflowQueue, ledger: Ledger<'_>) {
        for task in claimed {
            // An unreadable file skips one check.
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

    /// Follows the number of tasks running under the limit; `None` without a limit.
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

/// Returns true if a dependent may run. A success is final; a failed task may have been re-opened and
/// have succeeded while the dependent waited for a worker.
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

fn condition(context: &Context<'_>) -> Condition {
    match context.ledger.draw(5) {
        0 => Condition::Failure,
        1 => Condition::Any,
        _ => Condition::Success,
    }
}

fn new_task(context: &Context<'_>) -> WorkflowTask {
    let draw = |below| context.ledger.draw(below);
    let options = TaskOptions::new()
        .max_attempts(1 + draw(3))
        .max_crashes(1 + draw(5))
        .backoff_ms(u64::from(draw(60_000)))
        .max_backoff_ms(300_000);
    let task = NewTask::shell("flow", "true").options(options);
    let mut settings = Settings::new();
    settings.limit_key = (draw(3) == 0).then(|| KEY.to_vec());
    WorkflowTask::from(task).settings(settings)
}

impl Extension<WorkflowQueue> for Flows {
    fn begin(&self, context: &Context<'_>) {
        let before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        context.acknowledge_ids(&before);
    }

    fn act(&self, context: &Context<'_>) {
        if *self.standing() == Standing::Unset {
            return self.limit(context);
        }
        match context.ledger.draw(100) {
            0..50 => Self::submit(context),
            50..66 => Self::spawn(context),
            66..80 => Self::link(context),
            _ => Self::retry(context),
        }
    }

    fn committed(&self, call: &Call<'_>, queue: &WorkflowQueue, ledger: &Ledger<'_>) {
        if let Call::Claim { claims, .. } | Call::SettleAndClaim { claims, .. } = call {
            self.check(&claims.tasks, queue, *ledger);
        }
    }
}
