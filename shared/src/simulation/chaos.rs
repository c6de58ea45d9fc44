//! Who does what next: the part of the simulation that draws the lots.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::actor::{Half, Heart, Pace, Worker};
use super::faulty::Faulty;
use super::shell::SimulatedShell;
use super::world::Shared;
use super::{Config, Plant, Report, Stalls};
use crate::clock::{BootTime, Clock};
use crate::conformance::ManualClock;
use crate::error::Result;
use crate::options::TaskOptions;
use crate::queue::{ListQuery, Queue, Serves};
use crate::random::{Random, SystemRandom};
use crate::runtime::driver::{Driver, Observer, Turn};
use crate::runtime::pacemaker;
use crate::runtime::presence::Registration;
use crate::runtime::protocol::{Config as WorkerConfig, WorkerEvent};
use crate::runtime::wakeup::Waker;
use crate::task::{DEFAULT_QUEUE, NewTask, TaskId};

/// Handles on the file, as of several processes.
const HANDLES: usize = 3;
/// Turns the calm phase may take before it counts as stuck.
const CALM_TURNS: u64 = 60_000;
/// Turns a worker may take without ever waiting for something to happen.
const MOST_BUSY_TURNS: u32 = 2_000;
/// Steps between two looks at every task.
const LOOK_EVERY: u32 = 40;

pub(super) struct Simulation<Q: Queue> {
    config: Config,
    world: Shared,
    clock: Arc<ManualClock>,
    queues: Vec<Arc<Faulty<Q>>>,
    workers: Vec<Worker<Q>>,
    /// Locks that a planted mistake does not let go of.
    undead: Vec<Driver<Faulty<Q>, SimulatedShell>>,
    keys: u64,
    _folder: tempfile::TempDir,
}

/// Takes a worker's events into the trace.
struct Tracer(Shared);

impl Observer for Tracer {
    fn on(&mut self, event: &WorkerEvent) {
        let mut world = self.0.lock();
        if matches!(event, WorkerEvent::Recovered(_)) {
            world.counts.recoveries += 1;
        }
        world.note(format_args!("{event:?}"));
    }
}

impl<Q: Queue> Simulation<Q> {
    pub(super) fn new(
        seed: u64,
        config: Config,
        make: impl Fn(&Path, Arc<dyn Clock>, Arc<dyn Random>) -> Result<Q>,
    ) -> Self {
        let world = Shared::new(seed, config);
        let clock = Arc::new(ManualClock::default());
        let random: Arc<dyn Random> = Arc::new(SystemRandom::seeded(!seed));
        // Nothing here survives a power cut, so nothing has to wait for a disk.
        let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
        let folder = folder.unwrap();
        let path = folder.path().join("q.db");
        let queues = (0..HANDLES)
            .map(|_| {
                let clock: Arc<dyn Clock> = Arc::<ManualClock>::clone(&clock);
                Arc::new(Faulty {
                    inner: make(&path, clock, Arc::clone(&random)).unwrap(),
                    world: world.clone(),
                })
            })
            .collect();
        Self {
            config,
            world,
            clock,
            queues,
            workers: Vec::new(),
            undead: Vec::new(),
            keys: 0,
            _folder: folder,
        }
    }

    pub(super) fn run(mut self) -> Report {
        let began = self.clock.now().boot;
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
            self.calm_down();
        }
        let simulated_ms = self.clock.now().boot.since(began).as_millis();
        let mut world = self.world.lock();
        Report {
            trace: world.trace(),
            violations: std::mem::take(&mut world.violations),
            last: world.last.drain(..).collect(),
            counts: world.counts,
            simulated_ms: u64::try_from(simulated_ms).unwrap_or(u64::MAX),
        }
    }

    fn has_failed(&self) -> bool {
        !self.world.lock().violations.is_empty()
    }

    fn wild_step(&mut self) {
        let lot = self.draw(1000);
        match lot {
            0..8 => self.start_worker(),
            8..14 if lot - 8 < self.config.kills => self.kill(),
            14..18 => self.suspend(),
            18..22 => self.stop(),
            22..62 => self.enqueue(),
            62..68 => self.cancel(),
            68..74 => self.retry(),
            74..77 => self.jump(),
            77..80 => self.pause_queue(),
            _ => return self.turn(),
        }
        self.rouse();
    }

    fn draw(&self, below: u32) -> u32 {
        self.world.lock().rng.u32(0..below)
    }

    fn pick(&self, length: usize) -> Option<usize> {
        (length > 0).then(|| self.world.lock().rng.usize(0..length))
    }

    fn queue(&self) -> Arc<Faulty<Q>> {
        let lot = self.world.lock().rng.usize(0..self.queues.len());
        Arc::clone(&self.queues[lot])
    }

    /// Something happened, so everybody looks again.
    fn rouse(&mut self) {
        self.workers.iter_mut().for_each(Worker::rouse);
    }

    fn start_worker(&mut self) {
        if self.workers.len() >= self.config.workers {
            return;
        }
        let queue = self.queue();
        let slots = 1 + self.draw(4);
        let serves = Serves {
            queue: DEFAULT_QUEUE.to_owned(),
            commands: true,
            handlers: Vec::new(),
        };
        // A worker that cannot register ends, and leaves whatever it did to be cleared up.
        let Ok(registration) = Registration::new(&*queue, slots, serves.clone()) else {
            return;
        };
        let id = registration.info().id;
        let shell = SimulatedShell {
            registration,
            world: self.world.clone(),
            clock: Arc::clone(&self.clock),
            sidecar: queue.sidecar().clone(),
            waker: Arc::new(Waker::new(queue.sidecar().clone())),
            listening: None,
            greeted: Vec::new(),
            dead: Vec::new(),
            stops: 0,
        };
        let config = WorkerConfig {
            slots: usize::try_from(slots).unwrap_or(1),
            drain: self.draw(4) == 0,
            grace: Duration::from_millis(400),
            ..WorkerConfig::default()
        };
        self.world
            .lock()
            .note(format_args!("worker {id} with {slots} slots"));
        let (pulse, heart) = queue.lease().map_or((None, None), |lease| {
            let (pulse, pacemaker) = pacemaker::pair(Arc::clone(&queue), lease).unwrap();
            let pace = Pace::default();
            (Some(pulse), Some(Heart { pacemaker, pace }))
        });
        self.workers.push(Worker {
            id,
            driver: Driver::new(queue, shell, id, serves, config).under_leases(pulse),
            own: Pace::default(),
            busy_turns: 0,
            heart,
        });
    }

    fn kill(&mut self) {
        if let Some(position) = self.pick(self.workers.len()) {
            let worker = self.workers.swap_remove(position);
            let mut world = self.world.lock();
            world.counts.kills += 1;
            world.note(format_args!("killed {}", worker.id));
            let watchers: Vec<_> = self.workers.iter().map(|worker| worker.id).collect();
            world.died(worker.id, &watchers);
            if world.plant(Plant::NobodyDies) {
                self.undead.push(worker.driver);
            }
        }
    }

    fn suspend(&mut self) {
        let time = Duration::from_millis(u64::from(self.draw(20_000)));
        let until = self.clock.now().boot.after(time);
        let leases = self.queues[0].lease().is_some();
        let half = match self.config.stalls {
            Stalls::WorkersAlone => Some(Half::Worker),
            Stalls::Any if leases => {
                [None, Some(Half::Worker), Some(Half::Heart)][self.world.lock().rng.usize(0..3)]
            }
            Stalls::Any => None,
        };
        if let Some(position) = self.pick(self.workers.len()) {
            self.workers[position].stop(half, until);
        }
    }

    fn stop(&mut self) {
        if let Some(position) = self.pick(self.workers.len()) {
            self.workers[position].driver.shell_mut().stops += 1;
        }
    }

    fn enqueue(&mut self) {
        let tasks = (0..=self.draw(3))
            .map(|_| self.new_task())
            .collect::<Vec<_>>();
        let known = self.world.lock().acknowledged().len();
        if known + tasks.len() > self.config.tasks {
            return;
        }
        let queue = self.queue();
        let mut answer = queue.enqueue(tasks.clone());
        // Whoever used keys may ask again until somebody knows.
        while answer
            .as_ref()
            .is_err_and(|error| error.is_busy() || error.is_unknown())
        {
            answer = queue.enqueue(tasks.clone());
        }
        if let Err(error) = answer {
            self.world
                .lock()
                .violated(format!("an enqueue failed: {error}"));
        }
    }

    fn new_task(&mut self) -> NewTask {
        self.keys += 1;
        let mut world = self.world.lock();
        let rng = &mut world.rng;
        let options = TaskOptions {
            max_attempts: rng.u32(1..4),
            max_crashes: rng.u32(1..6),
            backoff_ms: if rng.bool() { 0 } else { rng.u64(0..500) },
            max_backoff_ms: 2_000,
            timeout_ms: rng.bool().then(|| rng.u64(200..3_000)),
            ..TaskOptions::default()
        };
        let mut task = NewTask::shell(format!("task {}", self.keys), "true")
            .key(self.keys.to_le_bytes())
            .priority(rng.i32(-2..3))
            .options(options);
        if rng.u32(0..4) == 0 {
            let delay = Duration::from_millis(rng.u64(0..5_000));
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

    fn jump(&mut self) {
        let millis = i64::from(self.draw(120_000)) - 60_000;
        self.clock.jump(millis);
        self.world
            .lock()
            .note(format_args!("wall time jumps by {millis}"));
    }

    fn pause_queue(&mut self) {
        let paused = self.world.lock().rng.bool();
        // Whether it did does not matter: the calm phase lets go on.
        let _ = self.queue().set_paused(DEFAULT_QUEUE, paused);
    }

    /// One worker does one thing; if none has anything to do, time goes on.
    fn turn(&mut self) {
        let now = self.clock.now().boot;
        let mut ready = Vec::new();
        for (position, worker) in self.workers.iter_mut().enumerate() {
            worker.go_on(now);
            ready.extend(worker.ready(now).map(|half| (position, half)));
        }
        match self.pick(ready.len()).map(|lot| ready[lot]) {
            Some((position, Half::Worker)) => self.turn_of(position),
            Some((position, Half::Heart)) => self.beat(position),
            None => self.pass_time(now),
        }
        if self.draw(8) == 0 {
            self.clock.advance(Duration::from_millis(1));
        }
    }

    fn beat(&mut self, position: usize) {
        self.world.lock().counts.turns += 1;
        let worker = &mut self.workers[position];
        if worker.heart.as_mut().is_some_and(Heart::turn) {
            self.rouse();
        }
    }

    fn turn_of(&mut self, position: usize) {
        let mut tracer = Tracer(self.world.clone());
        let worker = &mut self.workers[position];
        self.world.lock().counts.turns += 1;
        match worker.driver.turn(&mut tracer) {
            Turn::Busy => {
                worker.busy_turns += 1;
                if worker.busy_turns == MOST_BUSY_TURNS {
                    let what = format!("{} never comes to rest", worker.id);
                    self.world.lock().violated(what);
                }
                self.rouse();
            }
            Turn::Wait(until) => {
                worker.busy_turns = 0;
                let waited = worker.driver.wait(Some(until));
                if let Err(error) = waited {
                    self.world
                        .lock()
                        .violated(format!("a wait failed: {error}"));
                }
                if !worker.driver.has_events() {
                    worker.own.waits_until = Some(until);
                }
            }
            Turn::Finished => self.finish(position),
        }
    }

    fn finish(&mut self, position: usize) {
        let mut worker = self.workers.swap_remove(position);
        let result = worker.driver.result();
        let now = self.clock.now().boot;
        let queue = self.queue();
        let left = self.world.lock().left_by(worker.id, now);
        {
            let mut world = self.world.lock();
            world.note(format_args!("{} ended, ok {}", worker.id, result.is_ok()));
            if left > 0 {
                world.violated(format!("{} ended and left {left} executions", worker.id));
            }
        }
        // A worker that cannot say goodbye is recovered as if it had died.
        let _ = worker.driver.into_shell().registration.close(&*queue);
        let watchers: Vec<_> = self.workers.iter().map(|worker| worker.id).collect();
        self.world.lock().died(worker.id, &watchers);
        self.rouse();
    }

    /// Nobody has anything to do before then.
    fn pass_time(&mut self, now: BootTime) {
        let waits = self.workers.iter().filter_map(|worker| worker.next(now));
        let next = waits.chain(self.world.lock().next_end(now)).min();
        let next = next.unwrap_or_else(|| now.after(Duration::from_millis(500)));
        self.clock
            .advance(next.since(now).max(Duration::from_millis(1)));
        self.rouse();
    }

    fn look(&mut self) {
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

    /// No more faults: everything ends now.
    fn calm_down(&mut self) {
        self.world.lock().calm = true;
        for worker in &mut self.workers {
            worker.go_on(BootTime(i64::MAX));
        }
        let _ = self.queue().set_paused(DEFAULT_QUEUE, false);
        self.rouse();
        for turns in 0..CALM_TURNS {
            if self.workers.is_empty() {
                self.start_worker();
            }
            self.turn();
            if self.has_failed() {
                return;
            }
            if turns % 64 == 0 && self.at_rest() {
                self.look();
                return self.stop_everybody();
            }
        }
        self.report_stuck();
    }

    fn report_stuck(&mut self) {
        let rows = self.queues[0].inner.workers().unwrap_or_default();
        let mut open = Vec::new();
        for task in all_tasks(&self.queues[0].inner).unwrap_or_default() {
            if !task.state.is_terminal() {
                let registered = rows.iter().any(|row| Some(row.id) == task.worker);
                let lives = self.workers.iter().any(|own| Some(own.id) == task.worker);
                open.push(format!(
                    "{} is {}, its worker registered: {registered}, alive: {lives}",
                    task.id, task.state
                ));
            }
        }
        let mut world = self.world.lock();
        world.violated(format!("in all calm these did not end: {open:#?}"));
    }

    fn at_rest(&self) -> bool {
        let tasks = all_tasks(&self.queues[0].inner).unwrap_or_default();
        tasks.iter().all(|task| task.state.is_terminal())
    }

    fn stop_everybody(&mut self) {
        for worker in &mut self.workers {
            worker.driver.shell_mut().stops += 1;
        }
        self.rouse();
        for _ in 0..CALM_TURNS {
            if self.workers.is_empty() {
                return;
            }
            self.turn();
        }
        self.world.lock().violated("workers do not stop".to_owned());
    }
}

fn all_tasks<Q: Queue>(queue: &Q) -> Result<Vec<crate::task::Task>> {
    queue.list(&ListQuery {
        limit: 10_000,
        ..ListQuery::default()
    })
}
