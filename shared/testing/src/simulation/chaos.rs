//! Random choice of the next action of a run.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::actor::SimulatedWorker;
use super::extension::{Context, Extension, Ledger};
use super::faulty::{Faulty, all_tasks};
use super::host::SimulatedHost;
use super::template::folder;
use super::world::Shared;
use super::{Config, Platform, Report, Setup};
use crate::conformance::ManualClock;
use queue_core::Ageing;
use queue_core::clock::{Clock, Timestamp};
use queue_core::error::Error;
use queue_core::internals::driver::Driver;
use queue_core::options::TaskOptions;
use queue_core::queue::{Edit, PruneRequest, Queue};
use queue_core::random::{Random, SystemRandom};
use queue_core::task::{DEFAULT_QUEUE, NewTask, TaskId};

/// Steps between two checks of every task.
const LOOK_EVERY: u32 = 40;

pub(super) struct Simulation<'a, Q: Queue> {
    pub(super) config: Config,
    pub(super) world: Shared,
    pub(super) platform: &'a dyn Platform<Q>,
    pub(super) path: PathBuf,
    pub(super) clock: Arc<ManualClock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) idle_ms: u64,
    pub(super) queues: Vec<Arc<Faulty<Q>>>,
    pub(super) extension: Arc<dyn Extension<Q>>,
    pub(super) workers: Vec<SimulatedWorker<Q>>,
    /// Drivers whose locks a planted mistake does not release.
    pub(super) undead: Vec<Driver<Faulty<Q>, SimulatedHost>>,
    keys: u64,
    _folder: tempfile::TempDir,
}

impl<'a, Q: Queue> Simulation<'a, Q> {
    pub(super) fn new(setup: Setup<'_, Q>, platform: &'a dyn Platform<Q>) -> Self {
        let Setup {
            seed,
            config,
            template,
            extension,
        } = setup;
        let world = Shared::new(seed, config);
        let clock = Arc::new(ManualClock::default());
        let random: Arc<dyn Random> = Arc::new(SystemRandom::seeded(!seed));
        let folder = folder();
        let path = folder.path().join("q.db");
        if let Some(template) = template {
            template.put(&path);
        }
        let queues = (0..config.handles)
            .map(|process| {
                let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
                Arc::new(Faulty {
                    inner: platform.open(process, &path, &clock, &random).unwrap(),
                    world: world.clone(),
                    extension: Arc::clone(&extension),
                })
            })
            .collect();
        Self {
            config,
            world,
            platform,
            path,
            clock,
            random,
            idle_ms: 0,
            queues,
            extension,
            workers: Vec::new(),
            undead: Vec::new(),
            keys: 0,
            _folder: folder,
        }
    }

    pub(super) fn run(mut self) -> Report {
        let began = self.clock.now().boot;
        self.extension.begin(&self.context());
        self.start_some_worker();
        for step in 0..self.config.steps {
            self.wild_step();
            if step % LOOK_EVERY == 0 {
                self.look();
            }
            if self.has_failed() {
                break;
            }
        }
        if !self.has_failed() {
            self.drain();
        }
        let simulated_ms = self.clock.now().boot.since(began).as_millis();
        let mut world = self.world.lock();
        Report {
            trace: world.trace(),
            violations: std::mem::take(&mut world.violations),
            last: world.last.drain(..).collect(),
            counts: world.counts,
            simulated_ms: u64::try_from(simulated_ms).unwrap_or(u64::MAX),
            idle_ms: self.idle_ms,
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        !self.world.lock().violations.is_empty()
    }

    fn wild_step(&mut self) {
        if self.workers.len() < self.config.fewest && self.draw(4) == 0 {
            self.start_some_worker();
        }
        if self.config.platform_faults > 0 && self.draw(1000) < self.config.platform_faults {
            return self.break_something();
        }
        if self.config.outages > 0 && self.draw(1000) < self.config.outages {
            self.begin_outage();
        }
        if self.draw(1000) >= self.config.actions {
            for _ in 0..=self.draw(self.config.burst) {
                self.turn();
            }
            return;
        }
        if self.draw(100) < self.extension.share() {
            self.extension.act(&self.context());
        } else {
            self.act();
        }
        self.wake_all();
    }

    /// Makes all writes of all processes fail for a while.
    fn begin_outage(&self) {
        let now = self.clock.now().boot;
        let mut world = self.world.lock();
        if now < world.refuses_until {
            return;
        }
        let lasts = world.rng.u64(0..self.config.outage_ms.max(1));
        world.refuses_until = now.after(Duration::from_millis(lasts));
        world.counts.outages += 1;
        world.note(format_args!("no write is possible for {lasts} ms"));
    }

    /// Performs an action that every engine has.
    fn act(&mut self) {
        let lot = self.draw(100);
        match lot {
            0..10 => self.start_some_worker(),
            10..18 if lot - 10 < self.config.kills => self.kill(),
            18..26 => self.suspend(),
            26..30 => self.stop(),
            30..70 => self.enqueue(),
            70..77 => self.cancel(),
            77..83 => self.retry(),
            83 => self.reprioritize(),
            84 => self.start(),
            85 => self.edit(),
            86 => self.hold(),
            87..90 => self.release(),
            90..93 => self.prune(),
            93..97 => self.jump(),
            97..99 => self.pause_queue(),
            99 => self.age_queue(),
            _ => {}
        }
    }

    /// Creates the context of an extension's action.
    pub(super) fn context(&self) -> Context<'_, Q> {
        Context {
            ledger: Ledger { world: &self.world },
            queues: &self.queues,
        }
    }

    pub(super) fn draw(&self, below: u32) -> u32 {
        self.world.lock().rng.u32(0..below)
    }

    /// Random index below `length`, which is at least 1.
    pub(super) fn draw_index(&self, length: usize) -> usize {
        self.world.lock().rng.usize(0..length)
    }

    pub(super) fn pick(&self, length: usize) -> Option<usize> {
        (length > 0).then(|| self.draw_index(length))
    }

    pub(super) fn queue(&self) -> Arc<Faulty<Q>> {
        Arc::clone(&self.queues[self.draw_index(self.queues.len())])
    }

    fn enqueue(&mut self) {
        let tasks = (0..=self.draw(3))
            .map(|_| self.new_task())
            .collect::<Vec<_>>();
        let known = self.world.lock().acknowledged().len();
        if known + tasks.len() > self.config.tasks {
            return;
        }
        let process = self.draw_index(self.queues.len());
        let queue = Arc::clone(&self.queues[process]);
        let mut answer = queue.enqueue(tasks.clone());
        // A producer with keys may repeat the call until the answer is known, or the disk no longer
        // confirms writes.
        while !self.platform.is_broken()
            && self.clock.now().boot >= self.world.lock().refuses_until
            && answer.as_ref().is_err_and(Error::may_pass)
        {
            answer = queue.enqueue(tasks.clone());
        }
        match answer {
            Ok(_) => {}
            // After an unconfirmed write, only another process may write.
            Err(Error::Unusable { .. }) if self.config.platform_faults > 0 => self.restart(process),
            Err(_) if self.platform.is_broken() => {}
            Err(Error::Shortage { .. }) if self.config.outages > 0 => {}
            Err(error) => {
                let what = format!("an enqueue failed: {error}");
                self.world.lock().violated(what);
            }
        }
    }

    fn new_task(&mut self) -> NewTask {
        self.keys += 1;
        let queues = self.extension.queues();
        let queue = queues[self.draw_index(queues.len())].to_owned();
        let mut world = self.world.lock();
        let rng = &mut world.rng;
        let mut options = TaskOptions::new()
            .max_attempts(rng.u32(1..4))
            .max_crashes(rng.u32(1..6))
            .backoff_ms(if rng.bool() { 0 } else { rng.u64(0..500) })
            .max_backoff_ms(self.config.usual_ms);
        options.timeout_ms = rng
            .bool()
            .then(|| rng.u64(self.config.usual_ms / 10..self.config.usual_ms * 3 / 2));
        let mut task = NewTask::shell(format!("task {}", self.keys), "true")
            .key(self.keys.to_le_bytes())
            .priority(rng.i32(-2..3))
            .queue(queue)
            .options(options);
        if rng.u32(0..16) == 0 {
            task = task.held(true);
        }
        if rng.u32(0..4) == 0 {
            let delay = Duration::from_millis(rng.u64(0..2 * self.config.usual_ms));
            task = task.run_at(self.clock.now().wall.after(delay));
        }
        task
    }

    fn some_task(&self) -> Option<TaskId> {
        let tasks = self.world.lock().acknowledged();
        self.pick(tasks.len()).map(|position| tasks[position])
    }

    fn cancel(&mut self) {
        if let Some(task) = self.some_task()
            && let Ok(changes) = self.queue().cancel(&[task])
        {
            self.world
                .lock()
                .note(format_args!("cancel {task}: {changes:?}"));
        }
    }

    fn retry(&mut self) {
        if let Some(task) = self.some_task()
            && let Ok(changes) = self.queue().retry(&[task])
        {
            self.world
                .lock()
                .note(format_args!("retry {task}: {changes:?}"));
        }
    }

    fn hold(&mut self) {
        if let Some(task) = self.some_task()
            && let Ok(changes) = self.queue().hold(&[task])
        {
            self.world
                .lock()
                .note(format_args!("hold {task}: {changes:?}"));
        }
    }

    fn release(&mut self) {
        if let Some(task) = self.some_task()
            && let Ok(changes) = self.queue().release(&[task])
        {
            self.world
                .lock()
                .note(format_args!("release {task}: {changes:?}"));
        }
    }

    fn start(&mut self) {
        if let Some(task) = self.some_task()
            && let Ok(changes) = self.queue().start(&[task])
        {
            self.world
                .lock()
                .note(format_args!("start {task}: {changes:?}"));
        }
    }

    fn edit(&mut self) {
        let delay = u64::from(self.draw(2 * u32::try_from(self.config.usual_ms).unwrap_or(1)));
        let run_at = self.clock.now().wall.after(Duration::from_millis(delay));
        let edit = Edit::new()
            .priority(i32::try_from(self.draw(5)).unwrap_or(0) - 2)
            .run_at((self.draw(3) > 0).then_some(run_at));
        if let Some(task) = self.some_task()
            && let Ok(changes) = self.queue().edit(&[task], &edit)
        {
            self.world
                .lock()
                .note(format_args!("edit {task}: {changes:?}"));
        }
    }

    fn reprioritize(&mut self) {
        let priority = self.world.lock().rng.i32(-2..3);
        if let Some(task) = self.some_task() {
            // The result does not matter.
            let _ = self.queue().reprioritize(&[task], priority);
        }
    }

    fn prune(&mut self) {
        let age = i64::from(self.draw(2_000));
        let request = PruneRequest::new(Timestamp(self.clock.now().wall.0 - age))
            .keep(u64::from(self.draw(3)))
            .dry_run(self.draw(4) == 0);
        // The file shows the pruned tasks.
        let _ = self.queue().prune(&request);
    }

    fn jump(&mut self) {
        let furthest = self.config.jump_ms;
        let millis = i64::from(self.draw(2 * furthest)) - i64::from(furthest);
        self.clock.jump(millis);
        self.world
            .lock()
            .note(format_args!("wall time jumps by {millis}"));
    }

    fn pause_queue(&mut self) {
        let paused = self.world.lock().rng.bool();
        // The result does not matter: the drain phase resumes all queues.
        let _ = self.queue().set_paused(DEFAULT_QUEUE, paused);
    }

    fn age_queue(&mut self) {
        let step = Duration::from_secs(u64::from(self.draw(3)));
        // Not a step of no time: it ends the ageing.
        let ageing = Ageing::every(step).ok();
        // The result does not matter: every order of claims is checked as ageing has it.
        let _ = self.queue().set_ageing(DEFAULT_QUEUE, ageing);
    }

    pub(super) fn look(&mut self) {
        if self.platform.is_broken() {
            return;
        }
        match all_tasks(&self.queues[0].inner) {
            Ok(tasks) => {
                let now = self.clock.now().boot;
                self.world.lock().compare(&tasks, now);
            }
            Err(error) => self
                .world
                .lock()
                .violated(format!("a list failed: {error}")),
        }
    }
}
