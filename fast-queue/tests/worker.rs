//! A worker with real processes over a real file.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::num::NonZeroU32;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use fast_queue::FastQueue;
use queue_core::claim::ClaimRequest;
use queue_core::outcome::{Outcome, Settlement};
use queue_core::queue::Serves;
use queue_core::runtime::handlers::{Done, Handlers};
use queue_core::runtime::{Hold, Observer, Summary, Worker, WorkerEvent, WorkerOptions};
use queue_core::sidecar::Registration;
use queue_core::{NewTask, Queue, State, TaskId, TaskOptions};
use queue_testing::patience::until;
use tempfile::TempDir;

/// Queue of its own, with a worker's options.
struct Bench {
    folder: TempDir,
    queue: Arc<FastQueue>,
    options: WorkerOptions,
}

impl Bench {
    fn new(slots: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = Arc::new(FastQueue::open(folder.path().join("q.db")).unwrap());
        let mut options = WorkerOptions::new(NonZeroU32::new(slots).unwrap()).commands(true);
        options.drain = true;
        options.grace = Duration::from_millis(400);
        Self {
            folder,
            queue,
            options,
        }
    }

    fn enqueue(&self, task: NewTask) -> TaskId {
        self.queue.enqueue(vec![task]).unwrap()[0].id
    }

    fn shell(&self, command: &str) -> TaskId {
        self.enqueue(NewTask::shell("t", command))
    }

    fn worker(&self) -> Worker<FastQueue> {
        Worker::new(Arc::clone(&self.queue), self.options.clone()).unwrap()
    }

    fn drain(&self) -> Summary {
        self.worker().run(&mut ()).unwrap()
    }

    fn state(&self, task: TaskId) -> State {
        self.queue.get(task).unwrap().unwrap().state
    }
}

/// Sends every event to a channel.
struct Events(mpsc::Sender<WorkerEvent>);

impl Observer for Events {
    fn on(&mut self, event: &WorkerEvent) {
        let _ = self.0.send(event.clone());
    }
}

fn once() -> TaskOptions {
    TaskOptions::new().max_attempts(1)
}

#[test]
fn a_draining_worker_runs_everything_and_ends() {
    let bench = Bench::new(4);
    let good: Vec<_> = (0..20).map(|_| bench.shell("true")).collect();
    let bad = bench.enqueue(NewTask::shell("bad", "exit 3").options(once()));
    let summary = bench.drain();
    assert_eq!((summary.succeeded, summary.failed), (20, 1));
    assert!(good.iter().all(|id| bench.state(*id) == State::Succeeded));
    let bad = bench.queue.get(bad).unwrap().unwrap();
    assert_eq!((bad.state, bad.exit_code), (State::Failed, Some(3)));
    assert_eq!(bench.queue.workers().unwrap(), vec![]);
}

#[test]
fn a_failed_task_is_retried_after_its_backoff() {
    let bench = Bench::new(1);
    let mark = bench.folder.path().join("mark");
    let options = TaskOptions::new().backoff_ms(30);
    let command = format!("test -e {0} || {{ touch {0}; exit 1; }}", mark.display());
    let task = bench.enqueue(NewTask::shell("again", command).options(options));
    let summary = bench.drain();
    assert_eq!((summary.succeeded, summary.returned), (1, 1));
    assert_eq!(bench.queue.get(task).unwrap().unwrap().attempt, 2);
}

#[test]
fn a_task_beyond_its_timeout_is_ended_even_if_it_ignores_term() {
    let bench = Bench::new(1);
    let options = once().timeout_ms(50);
    let command = "trap '' TERM; while :; do sleep 0.05; done";
    let task = bench.enqueue(NewTask::shell("stubborn", command).options(options));
    assert_eq!(bench.drain().failed, 1);
    let task = bench.queue.get(task).unwrap().unwrap();
    assert_eq!(task.reason, Some(queue_core::Reason::Timeout));
}

#[test]
fn a_running_task_ends_when_it_is_cancelled() {
    let bench = Bench::new(1);
    let task = bench.shell("sleep 60");
    let (sender, events) = mpsc::channel();
    let worker = bench.worker();
    let running = std::thread::spawn(move || worker.run(&mut Events(sender)).unwrap());
    assert!(matches!(events.recv(), Ok(WorkerEvent::Started { .. })));
    bench.queue.cancel(&[task]).unwrap();
    assert_eq!(running.join().unwrap().cancelled, 1);
    assert_eq!(bench.state(task), State::Cancelled);
}

#[test]
fn a_stopping_worker_hands_back_what_does_not_finish() {
    let mut bench = Bench::new(2);
    bench.options.drain = false;
    let long = bench.shell("sleep 60");
    let short = bench.shell("sleep 0.1");
    let (sender, events) = mpsc::channel();
    let worker = bench.worker();
    let stopper = worker.stopper();
    let running = std::thread::spawn(move || worker.run(&mut Events(sender)).unwrap());
    let started = |event: &WorkerEvent| matches!(event, WorkerEvent::Started { .. });
    assert_eq!(events.iter().filter(started).take(2).count(), 2);
    stopper.stop();
    let summary = running.join().unwrap();
    assert_eq!((summary.succeeded, summary.returned), (1, 1));
    assert_eq!(bench.state(short), State::Succeeded);
    let long = bench.queue.get(long).unwrap().unwrap();
    assert_eq!(
        (long.state, long.attempt, long.crashes),
        (State::Queued, 0, 0)
    );
}

#[test]
fn an_idle_worker_learns_of_tasks_from_another_queue_handle() {
    let mut bench = Bench::new(1);
    bench.options.drain = false;
    let worker = bench.worker();
    let stopper = worker.stopper();
    let (sender, events) = mpsc::channel();
    let running = std::thread::spawn(move || worker.run(&mut Events(sender)).unwrap());
    let other = FastQueue::open(bench.queue.path()).unwrap();
    for _ in 0..5 {
        other.enqueue(vec![NewTask::shell("t", "true")]).unwrap();
        let ended = |event: &WorkerEvent| matches!(event, WorkerEvent::Ended { .. });
        assert!(events.iter().any(|event| ended(&event)));
    }
    stopper.stop();
    assert_eq!(running.join().unwrap().succeeded, 5);
}

#[test]
fn a_draining_worker_waits_to_be_told_of_the_last_task_of_another() {
    let bench = Bench::new(1);
    bench.shell("true");
    let serves = Serves::new("default").commands(true);
    let other = Registration::new(&*bench.queue, 1, serves).unwrap();
    let request = ClaimRequest::new(other.info().id, 1).commands(true);
    let claimed = bench.queue.claim(&request).unwrap().tasks.remove(0);
    let worker = bench.worker();
    let mark = worker.id().0.to_le_bytes();
    let running = std::thread::spawn(move || worker.run(&mut ()).unwrap());
    let board = bench.queue.sidecar().listening_file();
    let listens = || std::fs::read(&board).unwrap().starts_with(&mark);
    until("it listens", listens);
    let settlement = Settlement::new(claimed.claim, Outcome::Succeeded);
    bench.queue.settle(vec![settlement]).unwrap();
    bench.queue.database().coordination().tell_settled();
    assert_eq!(running.join().unwrap(), Summary::default());
    assert!(!listens());
}

#[test]
fn a_worker_of_handlers_runs_no_commands() {
    let mut bench = Bench::new(2);
    let command = bench.shell("true");
    let task = bench.enqueue(NewTask::handler("double", *b"21"));
    let (sender, doubled) = mpsc::channel();
    let sender = std::sync::Mutex::new(sender);
    let handlers = Handlers::new().register("double", move |task| {
        let number: u32 = std::str::from_utf8(task.payload())?.parse()?;
        sender.lock().unwrap().send(number * 2)?;
        Ok(Done::Succeeded)
    });
    bench.options = WorkerOptions::new(NonZeroU32::MIN)
        .handlers(handlers)
        .drain(true);
    assert_eq!(bench.drain().succeeded, 1);
    assert_eq!(doubled.recv(), Ok(42));
    assert_eq!(bench.state(task), State::Succeeded);
    assert_eq!(bench.state(command), State::Queued);
}

/// Bug: a drain ended as if all tasks were done although the remaining ones were for a program that
/// did not run.
#[test]
fn a_draining_worker_names_the_handler_that_nobody_has() {
    let bench = Bench::new(1);
    bench.shell("true");
    let left = bench.enqueue(NewTask::handler("mail", "x"));
    let (sender, events) = mpsc::channel();
    bench.worker().run(&mut Events(sender)).unwrap();
    let obstacles = events.iter().find_map(|event| {
        if let WorkerEvent::Left(obstacles) = event {
            Some(obstacles)
        } else {
            None
        }
    });
    let [obstacle] = &obstacles.unwrap()[..] else {
        panic!("there is one");
    };
    assert_eq!(obstacle.what, Hold::Unserved("mail".to_owned()));
    assert_eq!((obstacle.tasks, obstacle.task), (1, left));
}
