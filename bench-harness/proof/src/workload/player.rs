//! Makes the calls of a script on a shipped engine.

use std::time::Duration;

use queue_core::claim::{Claim, ClaimRequest, WorkerId};
use queue_core::options::TaskOptions;
use queue_core::outcome::{Outcome, Settlement};
use queue_core::output::{Output, Stream};
use queue_core::queue::{Edit, PruneRequest, Queue, Serves, WorkerInfo};
use queue_core::sqlite::Database;
use queue_core::task::{DEFAULT_QUEUE, NewTask, TaskId};
use queue_core::workflow::{Condition, Edge};
use queue_core::{Error, Result, Timestamp};
use workflow_queue::{Limit, Promotion, Rate, Settings, WorkflowQueue, WorkflowTask, promote_file};

use super::script::{Common, OfWorkflows, Step};
use crate::test_machine::{Engine, Manner, Opened, TestMachine};

/// Player of a script: the open file, and the remembered results.
#[derive(Debug)]
pub struct Player {
    engine: Engine,
    manner: Manner,
    opened: Option<Opened>,
    lots: fastrand::Rng,
    worker: WorkerId,
    workers: Vec<WorkerId>,
    tasks: Vec<TaskId>,
    claims: Vec<Claim>,
    named: u64,
}

impl Player {
    /// Makes a player without an open file. Its random choices depend on `seed` alone.
    #[must_use]
    pub fn new(seed: u64, engine: Engine, manner: Manner) -> Self {
        Self {
            engine,
            manner,
            opened: None,
            lots: fastrand::Rng::with_seed(!seed),
            worker: WorkerId(1),
            workers: Vec::new(),
            tasks: Vec::new(),
            claims: Vec::new(),
            named: 0,
        }
    }

    /// The engine that currently owns the file.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Turns off syncs on the writing connection, in a one-shot program: in other programs reads have
    /// connections of their own.
    ///
    /// # Errors
    /// As `SQLite`.
    pub(crate) fn sync_off(&self) -> Result<()> {
        let Some(opened) = &self.opened else {
            return Ok(());
        };
        opened.database().read(|connection| {
            // A read transaction is open.
            connection.execute_batch("ROLLBACK; PRAGMA synchronous = OFF; BEGIN")?;
            Ok(())
        })
    }

    /// The open file.
    #[must_use]
    pub fn opened(&self) -> Option<&Opened> {
        self.opened.as_ref()
    }

    /// Makes one call.
    ///
    /// # Errors
    /// Errors of the call. A justified refusal, such as for the retry of a succeeded task, is an error
    /// too.
    pub fn play(&mut self, step: Step, tested: &TestMachine) -> Result<()> {
        tested
            .clock()
            .advance(Duration::from_millis(self.lots.u64(0..400)));
        match step {
            Step::Open => self.open(tested),
            Step::Promote => {
                self.opened = None;
                self.engine = Engine::Workflow;
                let options = tested.options(self.manner)?;
                // No process holds a worker's lock, so the promotion waits for none.
                while promote_file(tested.path(), options.clone())? != Promotion::Done {}
                self.open(tested)
            }
            Step::Checkpoint => match self.database().map(Database::checkpoint) {
                Some(Ok(Some(what))) => Err(Error::invalid(what)),
                Some(Ok(None)) | None => Ok(()),
                Some(Err(error)) => Err(error),
            },
            Step::Both(call) => match self.opened.take() {
                Some(opened) => {
                    let answer = match &opened {
                        Opened::Fast(queue) => self.call(call, queue),
                        Opened::Workflow(queue) => self.call(call, queue),
                    };
                    self.opened = Some(opened);
                    answer
                }
                None => Ok(()),
            },
            Step::Workflow(call) => match self.opened.take() {
                Some(Opened::Workflow(queue)) => {
                    let answer = self.call_workflow(call, &queue);
                    self.opened = Some(Opened::Workflow(queue));
                    answer.unwrap_or(Ok(()))
                }
                other => {
                    self.opened = other;
                    Ok(())
                }
            },
        }
    }

    fn open(&mut self, tested: &TestMachine) -> Result<()> {
        self.opened = None;
        self.opened = Some(tested.open(self.engine, self.manner)?);
        Ok(())
    }

    fn database(&self) -> Option<&Database> {
        self.opened.as_ref().map(Opened::database)
    }

    fn call<Q: Queue>(&mut self, call: Common, queue: &Q) -> Result<()> {
        match call {
            Common::Enqueue => {
                let task = self.task(queue.now().wall);
                self.enqueued(&queue.enqueue(vec![task])?);
            }
            Common::EnqueueMany => {
                let count = self.lots.usize(2..24);
                let tasks = (0..count).map(|_| self.task(queue.now().wall)).collect();
                self.enqueued(&queue.enqueue(tasks)?);
            }
            Common::Claim => {
                let claims = queue.claim(&self.request())?;
                self.claims
                    .extend(claims.tasks.iter().map(|task| task.claim));
            }
            Common::Settle => {
                let settlements = self.settlements(queue.now().wall);
                queue.settle(settlements)?;
            }
            Common::SettleAndClaim => {
                let settlements = self.settlements(queue.now().wall);
                let (_, claims) = queue.settle_and_claim(settlements, &self.request())?;
                let claims = claims?.tasks;
                self.claims.extend(claims.iter().map(|task| task.claim));
            }
            Common::Cancel => {
                queue.cancel(&self.some_tasks())?;
            }
            Common::Retry => {
                queue.retry(&self.some_tasks())?;
            }
            Common::Reprioritize => {
                let priority = self.lots.i32(-3..4);
                queue.reprioritize(&self.some_tasks(), priority)?;
            }
            Common::Hold => {
                queue.hold(&self.some_tasks())?;
            }
            Common::Release => {
                queue.release(&self.some_tasks())?;
            }
            Common::Start => {
                queue.start(&self.some_tasks())?;
            }
            Common::Edit => {
                let edit = self.edit(queue.now().wall);
                queue.edit(&self.some_tasks(), &edit)?;
            }
            Common::Pause => {
                let paused = self.lots.u8(0..3) == 0;
                queue.set_paused(DEFAULT_QUEUE, paused)?;
            }
            Common::Prune => {
                queue.prune(&PruneRequest::new(queue.now().wall).keep(self.lots.u64(0..4)))?;
            }
            Common::Register => {
                self.worker = WorkerId(self.worker.0 + 1);
                self.workers.push(self.worker);
                queue.register(&self.info(queue.now().wall))?;
            }
            Common::Reap => {
                if let Some(worker) = self.workers.pop() {
                    queue.reap(worker)?;
                }
            }
            Common::Heartbeat => {
                queue.heartbeat(&self.claims)?;
            }
        }
        Ok(())
    }

    /// `None` if the call needs a task that does not exist yet.
    fn call_workflow(&mut self, call: OfWorkflows, queue: &WorkflowQueue) -> Option<Result<()>> {
        Some(match call {
            OfWorkflows::Submit => {
                let tasks = self.diamond(queue.now().wall);
                let answer = queue.enqueue_workflow(tasks);
                answer.map(|enqueued| self.enqueued(&enqueued))
            }
            OfWorkflows::Spawn => {
                let claim = *self.claims.last()?;
                let task = WorkflowTask::from(self.task(queue.now().wall));
                let answer = queue.spawn(claim, vec![task], Vec::new());
                answer.map(|enqueued| self.enqueued(&enqueued))
            }
            OfWorkflows::Link => {
                let some = self.some_tasks();
                let (on, dependent) = (*some.iter().min()?, *some.iter().max()?);
                let condition = self.condition();
                queue.add_dependencies(vec![Edge {
                    dependent,
                    on,
                    condition,
                }])
            }
            OfWorkflows::SetLimit => queue.set_limit(&self.limit()),
            OfWorkflows::RetryDownstream => queue.retry_downstream(&self.some_tasks()).map(drop),
            OfWorkflows::Expire => {
                let expired = queue.expired();
                expired.and_then(|claims| queue.expire(&claims)).map(drop)
            }
        })
    }

    fn enqueued(&mut self, enqueued: &[queue_core::Enqueued]) {
        self.tasks.extend(enqueued.iter().map(|one| one.id));
    }

    fn request(&mut self) -> ClaimRequest {
        ClaimRequest::new(self.worker, self.lots.usize(1..6)).commands(true)
    }

    fn some_tasks(&mut self) -> Vec<TaskId> {
        let count = self.lots.usize(1..4).min(self.tasks.len());
        let mut some: Vec<_> = (0..count)
            .filter_map(|_| self.lots.choice(&self.tasks).copied())
            .collect();
        some.sort_unstable();
        some.dedup();
        some
    }

    fn task(&mut self, now: Timestamp) -> NewTask {
        self.named += 1;
        let name = format!("task {}", self.named);
        // Occasionally a command so long that it needs overflow pages.
        let length = if self.lots.u8(0..12) == 0 { 6_000 } else { 10 };
        let command = "x".repeat(self.lots.usize(1..length));
        let options = TaskOptions::new()
            .max_attempts(self.lots.u32(1..4))
            .backoff_ms(self.lots.u64(0..300));
        let task = NewTask::shell(name, command)
            .priority(self.lots.i32(-2..3))
            .options(options);
        let task = match self.lots.u8(0..4) {
            0 => task.key(self.named.to_le_bytes()),
            1 => task.run_at(now.after(Duration::from_millis(self.lots.u64(0..2_000)))),
            _ => task,
        };
        if self.lots.u8(0..8) == 0 {
            return task.queue("other");
        }
        task
    }

    fn settlements(&mut self, now: Timestamp) -> Vec<Settlement> {
        let count = self.lots.usize(1..5).min(self.claims.len());
        let claims: Vec<Claim> = self.claims.drain(..count).collect();
        let settlements = claims.into_iter().map(|claim| {
            let mut settlement = Settlement::new(claim, self.outcome(now));
            settlement.output = self.output();
            settlement
        });
        settlements.collect()
    }

    /// Values that any waiting task can have.
    fn edit(&mut self, now: Timestamp) -> Edit {
        let later = now.after(Duration::from_millis(self.lots.u64(1..500)));
        Edit::new()
            .priority(self.lots.i32(-3..4))
            .run_at(self.lots.bool().then_some(later))
            .max_attempts(1_000)
            .max_crashes(1_000)
            .env("EDITED", Some("1".to_owned()))
    }

    fn outcome(&mut self, now: Timestamp) -> Outcome {
        match self.lots.u8(0..8) {
            0 => Outcome::Exited { code: 3 },
            1 => Outcome::TimedOut,
            2 => Outcome::Returned,
            3 => Outcome::Snoozed {
                until: now.after(Duration::from_millis(300)),
            },
            _ => Outcome::Succeeded,
        }
    }

    fn output(&mut self) -> Option<Output> {
        if self.lots.bool() {
            return None;
        }
        let mut output = Output::default();
        let length = if self.lots.u8(0..8) == 0 { 9_000 } else { 80 };
        let bytes = vec![b'o'; self.lots.usize(1..length)];
        output.push(Stream::Stdout, &bytes);
        Some(output)
    }

    fn info(&self, now: Timestamp) -> WorkerInfo {
        WorkerInfo::new(self.worker, 1, "boot")
            .started_at(now)
            .slots(4)
            .serves(Serves::new(DEFAULT_QUEUE).commands(true))
    }

    fn condition(&mut self) -> Condition {
        match self.lots.u8(0..4) {
            0 => Condition::Failure,
            1 => Condition::Any,
            _ => Condition::Success,
        }
    }

    fn limit(&mut self) -> Limit {
        if self.lots.bool() {
            return Limit::key(b"key").concurrency(self.lots.u32(0..3));
        }
        let mut limit = Limit::queue(DEFAULT_QUEUE);
        limit.concurrency = self.lots.bool().then_some(4);
        limit.rate = self.lots.bool().then_some(Rate {
            starts: 3,
            period_ms: 1_000,
        });
        limit
    }

    /// A task, two dependents, and a task that depends on both.
    fn diamond(&mut self, now: Timestamp) -> Vec<WorkflowTask> {
        let mut tasks: Vec<WorkflowTask> = (0..4).map(|_| self.task(now).into()).collect();
        for (place, on) in [(1, 0), (2, 0), (3, 1), (3, 2)] {
            let condition = self.condition();
            let task = tasks[place].clone();
            tasks[place] = task.after(on, condition);
        }
        if self.lots.bool() {
            tasks[0] = tasks[0].clone().settings(Settings::new().limit_key(b"key"));
        }
        tasks
    }
}
