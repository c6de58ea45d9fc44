//! The shipped worker and its wakes under a scheduler that chooses who runs next between any two
//! actions of a worker, a producer or a command. File, idle marks and datagrams are real. Time
//! stands still, so that no poll makes up for a lost wake: it shows as a deadlock.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fast_queue::FastQueue;
use queue_core::claim::{Claim, ClaimedTask, WorkerId};
use queue_core::clock::{BootTime, Now};
use queue_core::internals::driver::{Driver, Turn};
use queue_core::internals::executor::{End, Ended, Ending, Unreachable};
use queue_core::internals::host::{Batch, Host, Peer, StartResult, Sweeper};
use queue_core::internals::protocol::{Config, Event};
use queue_core::internals::recovery::Sweep;
use queue_core::queue::{ListQuery, Serves, WorkerInfo};
use queue_core::runtime::Observer as _;
use queue_core::runtime::StopReason;
use queue_core::runtime::WorkerEvent;
use queue_core::sidecar::Registration;
use queue_core::sidecar::{Signal, Waker};
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::{NewTask, Queue, Result, State, Usage};
use queue_testing::conformance::ManualClock;
use rusqlite::Connection;
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::sync::{Condvar, Mutex};
use shuttle::{Runner, thread};

/// Participants of a scenario.
#[derive(Clone, Copy, Debug)]
struct Cast {
    workers: usize,
    producers: usize,
    /// Tasks of each producer.
    tasks: usize,
    /// True if the first worker is told to stop at some moment.
    stops: bool,
}

const ONE_OF_EACH: Cast = Cast {
    workers: 1,
    producers: 1,
    tasks: 1,
    stops: false,
};
const ONE_STOPS: Cast = Cast {
    workers: 2,
    stops: true,
    ..ONE_OF_EACH
};
const SEVERAL: Cast = Cast {
    producers: 2,
    tasks: 2,
    ..ONE_STOPS
};
/// Schedules of each kind.
const SCHEDULES: usize = 200;
/// Stack for `SQLite`, which runs on the scheduler's own stacks.
const STACK_BYTES: usize = 1 << 20;

/// Planted fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plant {
    /// A worker marks itself idle after its last look instead of before it.
    LateMark,
    /// A worker that stops keeps a wake on which it will not act.
    KeptWake,
}

thread_local! {
    static PLANTED: Cell<Option<Plant>> = const { Cell::new(None) };
}

impl Plant {
    fn is_set(self) -> bool {
        PLANTED.get() == Some(self)
    }
}

/// State outside the workers.
struct World {
    cast: Cast,
    news: Mutex<News>,
    changed: Condvar,
}

#[derive(Default)]
struct News {
    ended: Vec<Ended>,
    stops: Vec<bool>,
    succeeded: usize,
}

impl World {
    fn of(cast: Cast) -> Self {
        let news = News {
            stops: vec![false; cast.workers],
            ..News::default()
        };
        Self {
            cast,
            news: Mutex::new(news),
            changed: Condvar::new(),
        }
    }

    fn tell(&self, change: impl FnOnce(&mut News)) {
        change(&mut self.news.lock().unwrap());
        self.changed.notify_all();
    }
}

/// Host of one worker.
struct ScheduledHost {
    index: usize,
    registration: Registration,
    waker: Waker,
    world: Arc<World>,
    /// Idle mark that is set late, as a planted fault.
    mark: Option<bool>,
}

/// Tasks about to be started, each of which ends at some moment.
struct Ready {
    tasks: Vec<ClaimedTask>,
    now: Now,
    world: Arc<World>,
}

impl fmt::Debug for Ready {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready").finish_non_exhaustive()
    }
}

impl Batch for Ready {
    type Started = Vec<(Claim, StartResult)>;

    fn is_quick(&self) -> bool {
        false
    }

    fn start(self) -> Self::Started {
        let at = self.now.boot;
        let start = |task: ClaimedTask| {
            let claim = task.claim;
            let ended = Ended {
                claim,
                end: End::Exited(0),
                at,
                output: None,
                usage: Usage::default(),
            };
            let world = Arc::clone(&self.world);
            thread::spawn(move || world.tell(|news| news.ended.push(ended)));
            (claim, Ok(at))
        };
        self.tasks.into_iter().map(start).collect()
    }
}

impl Host for ScheduledHost {
    type Batch = Ready;

    fn prepare(&mut self, tasks: Vec<ClaimedTask>, now: Now) -> Ready {
        let world = Arc::clone(&self.world);
        Ready { tasks, now, world }
    }

    fn adopt(&mut self, started: Vec<(Claim, StartResult)>) -> Vec<(Claim, StartResult)> {
        started
    }

    fn signal(&mut self, _: Claim, _: Ending, _: StopReason) {}

    fn cannot_end(&self, _: &[Claim]) -> Vec<Unreachable> {
        Vec::new()
    }

    fn set_idle(&mut self, idle: bool) {
        if Plant::LateMark.is_set() && idle {
            self.mark = Some(idle);
        } else {
            self.registration.set_idle(idle);
        }
    }

    fn set_listening(&mut self, _: bool) {}

    fn wake_another(&mut self) {
        if !Plant::KeptWake.is_set() {
            self.waker.wake_another(self.registration.parts());
            self.world.tell(|_| {});
        }
    }

    fn resize(&mut self, slots: u32) -> WorkerInfo {
        self.registration.resize(slots);
        self.registration.info().clone()
    }

    fn look_at(&mut self, _: &WorkerInfo) -> Result<Peer> {
        Ok(Peer::Alive)
    }

    fn watch_only(&mut self, _: &[WorkerInfo]) {}

    fn sweeper(&mut self) -> Sweeper {
        Sweeper::new(|_, _| Ok(Sweep::default()))
    }

    fn release(&mut self, _: WorkerId, _: bool) {}

    fn wait(&mut self, _: Now, _: Option<BootTime>, events: &mut Vec<Event>) -> Result<()> {
        if let Some(mark) = self.mark.take() {
            self.registration.set_idle(mark);
        }
        let own = self.registration.info().id;
        let mut news = self.world.news.lock().unwrap();
        loop {
            for signal in self.registration.received() {
                match signal {
                    Signal::Tasks => events.push(Event::TasksWaiting),
                    Signal::Cancel
                    | Signal::Peers
                    | Signal::Settled
                    | Signal::Stop
                    | Signal::Slots(_) => {}
                }
            }
            let is_own = |ended: &mut Ended| ended.claim.worker == own;
            events.extend(news.ended.extract_if(.., is_own).map(Event::Ended));
            if std::mem::take(&mut news.stops[self.index]) {
                events.push(Event::Stop);
            }
            if !events.is_empty() {
                return Ok(());
            }
            news = self.world.changed.wait(news).unwrap();
        }
    }
}

fn open(path: &Path) -> FastQueue {
    let options = OpenOptions::new(Durability::Fast)
        .unwrap()
        .clock(Arc::new(ManualClock::default()));
    FastQueue::open_with(path, options).unwrap()
}

/// Works until told to stop. The worker that ends the last task tells all others.
fn work(path: &Path, index: usize, world: Arc<World>) {
    let queue = Arc::new(open(path));
    let serves = Serves::new("default").commands(true);
    let registration = Registration::new(&*queue, 1, serves.clone()).unwrap();
    let id = registration.info().id;
    let host = ScheduledHost {
        index,
        registration,
        waker: Waker::new(queue.sidecar().clone()),
        world: Arc::clone(&world),
        mark: None,
    };
    let config = Config {
        poll: Duration::from_secs(3600),
        ..Config::default()
    };
    let mut driver = Driver::new(Arc::clone(&queue), host, id, serves, config);
    let mut observer = Counter(world);
    loop {
        let turn = driver.turn();
        for event in driver.reports() {
            observer.on(&event);
        }
        match turn {
            Turn::Busy => thread::yield_now(),
            Turn::Call(call) => {
                thread::yield_now();
                driver.answered(call.perform(&*queue));
            }
            Turn::Wait(until) => driver.wait(Some(until)).unwrap(),
            Turn::Finished => break,
        }
    }
    driver.result().unwrap();
    assert_eq!(queue.claims_of(id).unwrap(), [], "it leaves nothing behind");
    driver.into_host().0.registration.close(&*queue).unwrap();
}

struct Counter(Arc<World>);

impl queue_core::runtime::Observer for Counter {
    fn on(&mut self, event: &WorkerEvent) {
        if let WorkerEvent::Ended {
            state: Some(State::Succeeded),
            ..
        } = event
        {
            let all = self.0.cast.producers * self.0.cast.tasks;
            self.0.tell(|news| {
                news.succeeded += 1;
                if news.succeeded == all {
                    news.stops.fill(true);
                }
            });
        }
    }
}

fn produce(path: &Path, world: &World) {
    let queue = open(path);
    let mut connection = Connection::open(path).unwrap();
    let pragma = connection.pragma_update(None, "wal_autocheckpoint", 0);
    pragma.unwrap();
    for _ in 0..world.cast.tasks {
        let tx = connection.transaction().unwrap();
        let tasks = [NewTask::shell("task", "true")];
        let (_, wake) = queue.enqueue_in(&tx, &tasks).unwrap();
        tx.commit().unwrap();
        thread::yield_now();
        wake.fire();
        world.tell(|_| {});
    }
}

/// Checks that every task runs once, even if a worker is told to stop meanwhile.
fn scenario(cast: Cast) {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let folder = folder.unwrap();
    let path = folder.path().join("q.db");
    let queue = open(&path);
    let world = Arc::new(World::of(cast));
    let mut threads = Vec::new();
    for index in 0..cast.workers {
        let (path, world) = (path.clone(), Arc::clone(&world));
        threads.push(thread::spawn(move || work(&path, index, world)));
    }
    for _ in 0..cast.producers {
        let (path, world) = (path.clone(), Arc::clone(&world));
        threads.push(thread::spawn(move || produce(&path, &world)));
    }
    if cast.stops {
        let world = Arc::clone(&world);
        threads.push(thread::spawn(move || {
            world.tell(|news| news.stops[0] = true);
        }));
    }
    for thread in threads {
        thread.join().unwrap();
    }
    let everything = ListQuery::new().limit(usize::MAX);
    let tasks = queue.list(&everything).unwrap();
    assert_eq!(tasks.len(), cast.producers * cast.tasks);
    for task in tasks {
        assert_eq!(
            (task.state, task.attempt),
            (State::Succeeded, 1),
            "{}",
            task.id
        );
    }
}

fn explore(scheduler: impl Scheduler + 'static, cast: Cast, planted: Option<Plant>) {
    PLANTED.set(planted);
    let mut config = shuttle::Config::new();
    config.stack_size = STACK_BYTES;
    config.failure_persistence = shuttle::FailurePersistence::None;
    Runner::new(scheduler, config).run(move || scenario(cast));
}

/// Message of the scheduler about the fault.
fn found(plant: Plant, cast: Cast) -> String {
    let search = || {
        let scheduler = RandomScheduler::new_from_seed(1, 5 * SCHEDULES);
        explore(scheduler, cast, Some(plant));
    };
    let panic = catch_unwind(AssertUnwindSafe(search)).unwrap_err();
    match panic.downcast::<String>() {
        Ok(said) => *said,
        Err(panic) => (*panic.downcast::<&str>().unwrap()).to_owned(),
    }
}

#[test]
fn no_schedule_loses_a_wake_or_a_task() {
    for cast in [ONE_OF_EACH, ONE_STOPS, SEVERAL] {
        explore(RandomScheduler::new_from_seed(1, SCHEDULES), cast, None);
        explore(PctScheduler::new_from_seed(2, 3, SCHEDULES), cast, None);
    }
}

#[test]
fn a_mark_that_follows_the_last_look_is_found() {
    let said = found(Plant::LateMark, ONE_OF_EACH);
    assert!(said.contains("deadlock"), "{said}");
}

#[test]
fn a_wake_that_a_stopping_worker_keeps_is_found() {
    let said = found(Plant::KeptWake, ONE_STOPS);
    assert!(said.contains("deadlock"), "{said}");
}
