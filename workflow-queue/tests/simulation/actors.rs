//! Random calls of the verbs that only this engine has.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use queue_core::claim::Claim;
use queue_core::options::TaskOptions;
use queue_core::outcome::{Outcome, Settlement};
use queue_core::queue::{Queue, Waits};
use queue_core::task::{NewTask, Task, TaskId};
use queue_core::workflow::Condition;
use queue_testing::simulation::{Call, Extension, Ledger};
use workflow_queue::{
    Dependency, DependentTasks, Edge, KeyScope, Limit, LimitKind, OnConflict, Rate, Settings,
    WorkflowQueue, WorkflowTask,
};

use crate::checks::{At, Checks, MAX_BACKOFF_MS};
use crate::file::Mistake;
use crate::model::Phase;
use crate::seen::{Seen, Sight};
use crate::submissions::From;

/// The queues of a run. The second is first named by a task, a limit or a pause.
const QUEUES: [&str; 2] = ["default", "other"];
/// The limit keys and the idempotency keys: few, so that several tasks share one.
const KEYS: [&[u8]; 2] = [b"k", b"\xff\0"];

pub(crate) type Context<'a> = queue_testing::simulation::Context<'a, WorkflowQueue>;

/// The engine's own actions, with its model.
#[derive(Debug, Default)]
pub(crate) struct Workflows {
    checks: Mutex<Checks>,
}

impl Workflows {
    pub(crate) fn new(mistake: Option<Mistake>) -> Self {
        Self {
            checks: Mutex::new(Checks::new(mistake)),
        }
    }

    pub(crate) fn seen(&self) -> Seen {
        self.checks().seen.clone()
    }

    fn checks(&self) -> MutexGuard<'_, Checks> {
        self.checks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a completed call to the model, then compares.
    pub(crate) fn follow(
        &self,
        queue: &WorkflowQueue,
        ledger: Ledger<'_>,
        apply: impl FnOnce(&mut Checks, At<'_>),
    ) {
        let now = queue.now();
        let ledger = &ledger;
        let at = At { now, queue, ledger };
        let mut checks = self.checks();
        checks.begin(at);
        apply(&mut checks, at);
        checks.compare(at);
    }

    /// Submits some tasks; later ones depend on earlier ones and on stored ones.
    fn submit(&self, context: &Context<'_>) {
        let count = 1 + context.ledger.draw(5) as usize;
        if !context.has_room(count) {
            return;
        }
        let tasks = new_tasks(context, count);
        let answer = context.write("workflow", |queue| {
            let answer = queue.enqueue_workflow(tasks.clone());
            self.follow(queue, context.ledger, |checks, at| {
                checks.submitted(&tasks, From::Workflow, answer.as_deref(), at);
            });
            answer
        });
        context.acknowledge(&answer.unwrap_or_default());
    }

    fn lost_claims(&self) -> Vec<Claim> {
        let checks = self.checks();
        let lost = |claim: &&Claim| !checks.model.is_live(**claim);
        checks.claims.iter().filter(lost).copied().collect()
    }

    /// Settles a claim that was given up as dead, possibly while its task runs elsewhere.
    fn settle_late(&self, context: &Context<'_>) {
        let lost = self.lost_claims();
        let again: Vec<Claim> = {
            let checks = self.checks();
            let runs = |claim: &&Claim| checks.model.phase(claim.task) == Phase::Runs;
            lost.iter().filter(runs).copied().collect()
        };
        let claims = if again.is_empty() { lost } else { again };
        if let Some(claim) = context.ledger.pick(&claims) {
            let succeeded = context.ledger.chance(500);
            let late = Settlement::new(
                claim,
                if succeeded {
                    Outcome::Succeeded
                } else {
                    Outcome::Returned
                },
            );
            // The result is read from the file.
            let _ = context.settle(vec![late]);
        }
    }

    /// Spawns tasks under a claim, which may be lost.
    fn spawn(&self, context: &Context<'_>) {
        let claims = if context.ledger.chance(250) {
            self.lost_claims()
        } else {
            context.executions()
        };
        let Some(claim) = context.ledger.pick(&claims) else {
            return;
        };
        let count = 1 + context.ledger.draw(2) as usize;
        if !context.has_room(count) {
            return;
        }
        let mut tasks = new_tasks(context, count);
        if let Some(task) = tasks.pop() {
            tasks.push(put_before(context, task));
        }
        let answer = context.write("spawn", |queue| {
            let mut answer = queue.spawn(claim, tasks.clone(), Vec::new());
            let mut checks = self.checks();
            let live = checks.model.is_live(claim);
            if checks.mistake == Some(Mistake::SpawnsUnfenced) && !live {
                answer = queue.enqueue_workflow(tasks.clone());
            }
            checks
                .seen
                .saw(if live { Sight::Spawn } else { Sight::LostSpawn });
            drop(checks);
            self.follow(queue, context.ledger, |checks, at| {
                checks.submitted(&tasks, From::Spawner(claim), answer.as_deref(), at);
            });
            answer
        });
        context.acknowledge(&answer.unwrap_or_default());
    }

    /// Adds an edge between stored tasks; now and then under a claim, within its workflow.
    fn link(&self, context: &Context<'_>) {
        let known = context.tasks();
        let (Some(dependent), Some(on)) =
            (context.ledger.pick(&known), context.ledger.pick(&known))
        else {
            return;
        };
        let edge = Edge {
            dependent,
            on,
            condition: condition(context),
        };
        let claims = context.executions();
        let claim = context
            .ledger
            .pick(&claims)
            .filter(|_| context.ledger.chance(300));
        // The result is read from the file.
        let _ = context.write("link", |queue| {
            let answer = match claim {
                Some(claim) => queue.spawn(claim, Vec::new(), vec![edge]).map(|_| ()),
                None => queue.add_dependencies(vec![edge]),
            };
            self.follow(queue, context.ledger, |checks, at| {
                let model = &checks.model;
                let of = |task: TaskId| model.nodes.get(&task).map(|node| node.workflow);
                let fenced = claim.is_none_or(|claim| {
                    let own = of(claim.task);
                    model.is_live(claim) && of(edge.dependent) == own && of(edge.on) == own
                });
                let can = fenced && model.can_link(edge);
                at.check(answer.is_ok() == can, || format!("{edge:?}: {answer:?}"));
                if can {
                    checks.model.link(edge);
                    checks.seen.saw(Sight::Link);
                }
            });
            answer
        });
    }

    fn retry(&self, context: &Context<'_>) {
        let known = context.tasks();
        let ended: Vec<_> = {
            let checks = self.checks();
            let again = |task: &&TaskId| checks.model.may_reopen(**task);
            known.iter().filter(again).copied().collect()
        };
        let from = if context.ledger.chance(800) {
            &ended
        } else {
            &known
        };
        let count = 1 + context.ledger.draw(2);
        let ids: Vec<_> = (0..count)
            .filter_map(|_| context.ledger.pick(from))
            .collect();
        let downstream = !context.ledger.chance(300);
        // Tasks that only the file knows are re-opened downstream too.
        let stored: Vec<TaskId> = self.checks().model.nodes.keys().copied().collect();
        context.ledger.reopens(stored);
        // The result is read from the file.
        let _ = context.write("retry", |queue| {
            let changes = if downstream {
                queue.retry_downstream(&ids)?
            } else {
                queue.retry(&ids)?
            };
            self.follow(queue, context.ledger, |checks, at| {
                checks.retried(&ids, &changes, downstream, at);
            });
            Ok(())
        });
    }

    fn limit(&self, context: &Context<'_>) {
        let small = |context: &Context<'_>| context.ledger.pick(&[0, 1, 1, 2, 2, 3]).unwrap_or(1);
        let some = |context: &Context<'_>| context.ledger.chance(600);
        let on_queue = context.ledger.chance(500);
        let kind = if on_queue {
            LimitKind::Queue(queue_name(context))
        } else {
            LimitKind::Key(key(context))
        };
        let rate = Rate {
            starts: small(context),
            period_ms: 100 + context.ledger.draw(900),
        };
        let mut limit = Limit::new(kind);
        limit.concurrency = some(context).then(|| small(context));
        limit.rate = (on_queue && some(context)).then_some(rate);
        self.set_limit(context, &limit);
    }

    fn set_limit(&self, context: &Context<'_>, limit: &Limit) {
        // The result is read from the file.
        let _ = context.write("limit", |queue| {
            queue.set_limit(limit)?;
            self.follow(queue, context.ledger, |checks, _| {
                checks.limits.set(limit);
                checks.seen.saw(Sight::Limit);
            });
            Ok(())
        });
    }

    fn set_paused(&self, context: &Context<'_>, name: &str, paused: bool) {
        // The result is read from the file.
        let _ = context.write("pause", |queue| {
            queue.set_paused(name, paused)?;
            self.follow(queue, context.ledger, |checks, _| {
                checks.limits.pause(name, paused);
            });
            Ok(())
        });
    }
}

impl Extension<WorkflowQueue> for Workflows {
    fn queues(&self) -> &[&str] {
        &QUEUES
    }

    fn share(&self) -> u32 {
        60
    }

    fn act(&self, context: &Context<'_>) {
        match context.ledger.draw(100) {
            0..36 => self.submit(context),
            36..50 => self.spawn(context),
            50..64 => self.link(context),
            64..80 => self.retry(context),
            80..88 => self.limit(context),
            88..91 => self.settle_late(context),
            91..94 => self.hold(context),
            _ => {
                let paused = context.ledger.chance(500);
                self.set_paused(context, &queue_name(context), paused);
            }
        }
    }

    fn committed(&self, call: &Call<'_>, queue: &WorkflowQueue, ledger: &Ledger<'_>) {
        self.follow(queue, *ledger, |checks, at| checks.core_call(call, at));
    }

    /// Leaves some limits of zero and some pauses in place, and holds a task now and then, so that `why`
    /// must name them.
    fn drain(&self, context: &Context<'_>) {
        if context.ledger.chance(300)
            && let Some(task) = context.ledger.pick(&context.tasks())
        {
            self.hold_or_release(context, task, false);
        }
        let (limits, paused) = self.checks().limits.stoppers();
        for name in limits {
            if context.ledger.chance(700) {
                let limit = Limit::new(name.kind());
                self.set_limit(context, &limit);
            }
        }
        for queue in paused {
            if context.ledger.chance(700) {
                self.set_paused(context, &queue, false);
            }
        }
    }

    fn explains(&self, queue: &WorkflowQueue, task: &Task) -> bool {
        let mut checks = self.checks();
        let explained = is_explained(&checks, queue, task.id);
        if explained {
            checks.seen.saw(Sight::Explained);
        }
        explained
    }
}

/// True if one of the engine's reasons explains why a task waits; every reason must be true.
fn is_explained(checks: &Checks, queue: &WorkflowQueue, task: TaskId) -> bool {
    let node = &checks.model.nodes[&task];
    if !node.phase.is_waiting() {
        return false;
    }
    let mut explained = false;
    for waits in queue.waits_in_file(task).unwrap_or_default() {
        let is_true = match waits {
            Waits::Time { .. }
            | Waits::Rate {
                more_at: Some(_), ..
            } => return false,
            Waits::Behind { .. } | Waits::Dependencies { .. } | Waits::Unserved => continue,
            // The free slots are offered to other tasks.
            Waits::Limit {
                running,
                bound: Some(bound),
                ..
            } if running < bound => continue,
            Waits::Held { .. } => node.held,
            Waits::Paused { .. } => checks.limits.is_paused(&node.queue),
            Waits::Rate { .. } => checks.limits.never_starts(&node.queue),
            Waits::Limit { name, .. } => checks.limits.stops(&checks.model, node, &name),
            Waits::Dependency {
                task: on,
                condition,
                ..
            } => {
                let edge = node.after.get(&on);
                node.phase == Phase::Waits
                    && edge.is_some_and(|edge| edge.condition == condition && !edge.met)
                    && is_explained(checks, queue, on)
            }
            _ => false,
        };
        if !is_true {
            return false;
        }
        explained = true;
    }
    explained
}

/// Puts a running task's new task in front of stored tasks, now and then.
fn put_before(context: &Context<'_>, task: WorkflowTask) -> WorkflowTask {
    let dependent = context.ledger.pick(&context.tasks());
    match (context.ledger.draw(6), dependent) {
        (0..2, _) => task.before(DependentTasks::OfSpawner, condition(context)),
        (2, Some(dependent)) => task.before(dependent, condition(context)),
        _ => task,
    }
}

/// Tasks of which later ones may depend on earlier ones, and all on stored ones.
fn new_tasks(context: &Context<'_>, count: usize) -> Vec<WorkflowTask> {
    let known = context.tasks();
    (0..count)
        .map(|place| {
            let mut task = new_task(context);
            for _ in 0..context.ledger.draw(4) {
                let condition = condition(context);
                let lot = context.ledger.draw(4);
                task = match context.ledger.pick(&known) {
                    Some(on) if lot == 0 => task.after(on, condition),
                    _ if place > 0 => {
                        let on = context.ledger.place(place);
                        task.after(on, condition)
                    }
                    _ => task,
                };
            }
            let mut seen = Vec::new();
            task.after.retain(|Dependency { on, .. }| {
                let fresh = !seen.contains(on);
                seen.push(on.clone());
                fresh
            });
            task
        })
        .collect()
}

fn new_task(context: &Context<'_>) -> WorkflowTask {
    let draw = |below| context.ledger.draw(below);
    let millis = |least: u32, most: u32| {
        Duration::from_millis(u64::from(least + context.ledger.draw(most - least)))
    };
    let mut options = TaskOptions::new()
        .max_attempts(1 + draw(3))
        .max_crashes(1 + draw(3))
        .backoff_ms(u64::from(draw(2) * draw(500)))
        .max_backoff_ms(MAX_BACKOFF_MS);
    options.timeout_ms = (draw(3) == 0).then(|| u64::from(100 + draw(1_000)));
    let mut task = NewTask::shell("t", "true")
        .queue(queue_name(context))
        .priority(i32::try_from(draw(4)).unwrap_or(0) - 1)
        .options(options);
    if draw(12) == 0 {
        task = task.held(true);
    }
    if draw(6) == 0 {
        task = task.run_at(context.now().wall.after(millis(0, 1_500)));
    }
    let mut settings = Settings::new();
    settings.start_within = (draw(8) == 0).then(|| millis(50, 3_000));
    settings.finish_within = (draw(8) == 0).then(|| millis(50, 3_000));
    settings.limit_key = (draw(3) == 0).then(|| key(context));
    if draw(2) == 0 {
        task = task.key(key(context));
        settings.key_scope = match draw(3) {
            0 => KeyScope::Forever,
            1 => KeyScope::WhileUnfinished,
            _ => KeyScope::For(millis(1, 5_000)),
        };
        if draw(4) == 0 {
            settings.on_conflict = OnConflict::Refuse;
        }
    }
    let task: WorkflowTask = task.into();
    task.settings(settings)
}

fn condition(context: &Context<'_>) -> Condition {
    let lot = context.ledger.draw(4) as usize;
    Condition::ALL.get(lot).copied().unwrap_or_default()
}

fn queue_name(context: &Context<'_>) -> String {
    QUEUES[usize::from(context.ledger.chance(350))].to_owned()
}

fn key(context: &Context<'_>) -> Vec<u8> {
    KEYS[usize::from(context.ledger.chance(400))].to_vec()
}
