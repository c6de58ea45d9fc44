use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use super::Engine;
use crate::patience::{PATIENCE, until};
use queue_core::claim::WorkerId;
use queue_core::clock::SystemClock;
use queue_core::options::TaskOptions;
use queue_core::outcome::Reason;
use queue_core::output::MAX_RESULT_BYTES;
use queue_core::queue::Queue;
use queue_core::random::SystemRandom;
use queue_core::runtime::handlers::{Done, HandlerError, Handlers};
use queue_core::runtime::{
    Observer, StopReason, Stopper, Summary, Worker, WorkerEvent, WorkerOptions,
};
use queue_core::state::State;
use queue_core::task::{NewTask, Task, TaskId};

/// A queue in a file of its own, with the system's clock: handlers run on threads.
pub(super) struct HandlerBench<E: Engine> {
    _folder: tempfile::TempDir,
    pub(super) queue: Arc<E::Queue>,
}

impl<E: Engine> HandlerBench<E> {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let random = Arc::new(SystemRandom::new().unwrap());
        let path = folder.path().join("queue.db");
        Self {
            queue: Arc::new(E::open(&path, Arc::new(SystemClock), random).unwrap()),
            _folder: folder,
        }
    }

    fn add(&self, task: NewTask) -> TaskId {
        self.queue.enqueue(vec![task]).unwrap()[0].id
    }

    fn task(&self, id: TaskId) -> Task {
        self.queue.get(id).unwrap().unwrap()
    }

    fn worker(&self, handlers: Handlers) -> Worker<E::Queue> {
        let mut options = WorkerOptions::new(NonZeroU32::new(2).unwrap()).handlers(handlers);
        options.drain = true;
        options.grace = Duration::from_millis(200);
        Worker::new(Arc::clone(&self.queue), options).unwrap()
    }

    fn drain(&self, handlers: Handlers) -> Summary {
        self.worker(handlers).run(&mut ()).unwrap()
    }

    /// Ending of the only task.
    fn end_of(&self, task: NewTask, handlers: Handlers) -> Task {
        let id = self.add(task);
        self.drain(handlers);
        self.task(id)
    }
}

fn once() -> TaskOptions {
    TaskOptions::new().max_attempts(1)
}

pub fn the_result_of_a_typed_handler_is_its_tasks_output<E: Engine>() {
    let bench = HandlerBench::<E>::new();
    let add = NewTask::handler_json("add", &(20, 22)).unwrap();
    let note = NewTask::handler_json("note", &"unimportant").unwrap();
    let raw = NewTask::handler("raw", b"\xff");
    let [add, note, raw] = [add, note, raw].map(|task| bench.add(task));
    let handlers = Handlers::new()
        .register_json::<(u32, u32), u32>("add", |_, (left, right)| Ok(left + right))
        .register_json::<String, ()>("note", |_, _| Ok(()))
        .register("raw", |task| Ok(Done::with_output(task.payload())));
    assert_eq!(bench.drain(handlers).succeeded, 3);
    let output = |id| bench.queue.output(id).unwrap();
    assert_eq!(output(add).unwrap().json::<u32>().unwrap(), 42);
    assert_eq!(output(note), None);
    assert_eq!(output(raw).unwrap().stdout().unwrap(), b"\xff");
}

pub fn a_result_replaces_that_of_an_earlier_attempt<E: Engine>() {
    let bench = HandlerBench::<E>::new();
    let options = TaskOptions::new().backoff_ms(1);
    let handlers = Handlers::new().register("attempt", |task| {
        if task.attempt() == 1 {
            return Err("not yet".into());
        }
        Done::json(&task.attempt())
    });
    let task = NewTask::handler("attempt", b"").options(options);
    let task = bench.end_of(task, handlers);
    assert_eq!((task.state, task.exit_code), (State::Succeeded, Some(0)));
    let output = bench.queue.output(task.id).unwrap().unwrap();
    assert_eq!(output.json::<u32>().unwrap(), 2);
}

pub fn a_payload_that_does_not_parse_fails_its_task_at_once<E: Engine>() {
    let bench = HandlerBench::<E>::new();
    let handlers = Handlers::new().register_json::<(u32, u32), u32>("add", |_, _| Ok(1));
    let task = bench.end_of(NewTask::handler("add", b"[1,\"two\"]"), handlers);
    assert_eq!((task.state, task.attempt), (State::Failed, 1));
    assert_eq!(task.reason, Some(Reason::HandlerError));
    let message = task.message.unwrap();
    let expected = "its payload is not the JSON that the handler expects: invalid type: string";
    assert!(message.starts_with(expected), "{message}");
}

pub fn a_result_at_the_limit_is_kept_and_one_beyond_it_fails_its_task_at_once<E: Engine>() {
    let bench = HandlerBench::<E>::new();
    let handlers = || {
        Handlers::new().register_json::<usize, String>("long", |_, length| Ok("x".repeat(length)))
    };
    let task = |text: usize| NewTask::handler_json("long", &text).unwrap();
    // Two bytes are the quotes.
    let kept = bench.end_of(task(MAX_RESULT_BYTES - 2), handlers());
    assert_eq!(kept.state, State::Succeeded);
    let output = bench.queue.output(kept.id).unwrap().unwrap();
    assert_eq!(output.stdout().unwrap().len(), MAX_RESULT_BYTES);

    let refused = bench.end_of(task(MAX_RESULT_BYTES - 1), handlers());
    assert_eq!((refused.state, refused.attempt), (State::Failed, 1));
    let message = refused.message.unwrap();
    let expected = "its result has 131073 bytes, more than the 131072 that are kept";
    assert!(message.starts_with(expected), "{message}");
    assert_eq!(bench.queue.output(refused.id).unwrap(), None);
}

/// Reason that the handler of this task sees after `act`, and the task afterwards. A second
/// execution succeeds.
fn asked_to_end<E: Engine>(
    options: TaskOptions,
    act: impl FnOnce(&E::Queue, TaskId, WorkerId, &Stopper),
) -> (StopReason, Task) {
    let bench = HandlerBench::<E>::new();
    let id = bench.add(NewTask::handler("wait", b"").options(options));
    let (begins, began) = mpsc::channel();
    let (sees, saw) = mpsc::channel();
    let was_run = AtomicBool::new(false);
    let handlers = Handlers::new().register("wait", move |task| {
        if was_run.swap(true, Ordering::SeqCst) {
            return Ok(Done::Succeeded);
        }
        begins.send(())?;
        while !task.is_cancelled() {
            std::thread::yield_now();
        }
        sees.send(task.stop_reason())?;
        Err(HandlerError::interrupted())
    });
    let worker = bench.worker(handlers);
    let (me, stopper) = (worker.id(), worker.stopper());
    let running = std::thread::spawn(move || worker.run(&mut ()).unwrap());
    began.recv().unwrap();
    act(&bench.queue, id, me, &stopper);
    let reason = saw.recv().unwrap().unwrap();
    running.join().unwrap();
    (reason, bench.task(id))
}

pub fn a_handler_that_a_shutdown_interrupts_spends_no_attempt<E: Engine>() {
    let (reason, task) = asked_to_end::<E>(once(), |_, _, _, stopper| stopper.stop());
    assert_eq!(reason, StopReason::Shutdown);
    assert_eq!((task.state, task.attempt), (State::Queued, 0));
    assert_eq!(task.crashes, 0);
}

pub fn a_handler_that_a_cancel_interrupts_is_cancelled<E: Engine>() {
    let cancel = |queue: &E::Queue, id, _, _: &Stopper| drop(queue.cancel(&[id]).unwrap());
    let (reason, task) = asked_to_end::<E>(TaskOptions::default(), cancel);
    assert_eq!(reason, StopReason::Cancelled);
    assert_eq!((task.state, task.attempt), (State::Cancelled, 1));
}

pub fn a_handler_that_its_timeout_interrupts_has_timed_out<E: Engine>() {
    let options = once().timeout_ms(20);
    let (reason, task) = asked_to_end::<E>(options, |_, _, _, _| ());
    assert_eq!(reason, StopReason::TimedOut);
    assert_eq!((task.state, task.attempt), (State::Failed, 1));
    assert_eq!(task.reason, Some(Reason::Timeout));
}

pub fn a_handler_learns_that_its_claim_is_lost<E: Engine>() {
    let reap = |queue: &E::Queue, _, me, _: &Stopper| assert_eq!(queue.reap(me).unwrap().len(), 1);
    let (reason, task) = asked_to_end::<E>(TaskOptions::default(), reap);
    assert_eq!(reason, StopReason::ClaimLost);
    assert_eq!((task.state, task.crashes), (State::Succeeded, 1));
}

pub fn a_handler_that_is_interrupted_by_nobody_has_failed<E: Engine>() {
    let bench = HandlerBench::<E>::new();
    let handlers = Handlers::new().register("idle", |_| Err(HandlerError::interrupted()));
    let task = bench.end_of(NewTask::handler("idle", b"").options(once()), handlers);
    assert_eq!((task.state, task.attempt), (State::Failed, 1));
    assert_eq!(task.reason, Some(Reason::HandlerError));
}

pub fn a_typed_handler_puts_its_task_off<E: Engine>() {
    let bench = HandlerBench::<E>::new();
    let was_run = AtomicBool::new(false);
    let handlers = Handlers::new().register_json::<(), u8>("later", move |_, ()| {
        if was_run.swap(true, Ordering::SeqCst) {
            return Ok(7);
        }
        Err(HandlerError::snooze_for(Duration::from_millis(5)))
    });
    let later = NewTask::handler_json("later", &()).unwrap();
    let task = bench.end_of(later.options(once()), handlers);
    assert_eq!((task.state, task.attempt), (State::Succeeded, 1));
    let output = bench.queue.output(task.id).unwrap().unwrap();
    assert_eq!(output.json::<u8>().unwrap(), 7);
}

/// Counts the looks of a worker that is well, and the tasks it starts.
#[derive(Default)]
struct Looks {
    looks: Arc<AtomicUsize>,
    starts: usize,
}

impl Observer for Looks {
    fn on(&mut self, event: &WorkerEvent) {
        self.starts += usize::from(matches!(event, WorkerEvent::Started { .. }));
    }

    fn tick(&mut self) {
        self.looks.fetch_add(1, Ordering::SeqCst);
    }
}

/// Stops a worker whose handler does not return before `end` is called. Checks that nobody else runs
/// the task meanwhile, and that its result is recorded afterwards.
fn a_stuck_handler_is_left<E: Engine>(
    bench: &HandlerBench<E>,
    handlers: &Handlers,
    began: &mpsc::Receiver<()>,
    end: impl FnOnce(),
) {
    let id = bench.add(NewTask::handler("stuck", b""));
    let worker = bench.worker(handlers.clone());
    let (me, stopper) = (worker.id(), worker.stopper());
    let running = std::thread::spawn(move || worker.run(&mut ()).unwrap());
    began.recv().unwrap();
    stopper.stop();
    let summary = running.join().unwrap();
    assert_eq!((summary.left_running, summary.returned), (1, 0));

    let second = bench.worker(handlers.clone());
    let mut observer = Looks::default();
    let looks = Arc::clone(&observer.looks);
    let running = std::thread::spawn(move || {
        let summary = second.run(&mut observer).unwrap();
        (summary, observer.starts)
    });
    until("the second worker has looked around", || {
        looks.load(Ordering::SeqCst) >= 3
    });
    let task = bench.task(id);
    assert_eq!((task.state, task.worker), (State::Running, Some(me)));
    end();
    let (summary, starts) = running.join().unwrap();
    assert_eq!((starts, summary.recovered), (0, 0));
    let task = bench.task(id);
    assert_eq!((task.state, task.attempt), (State::Succeeded, 1));
    assert_eq!(task.crashes, 0);
    let output = bench.queue.output(id).unwrap().unwrap();
    assert_eq!(output.json::<u8>().unwrap(), 7);
    until("the first worker is deregistered", || {
        bench.queue.workers().unwrap().is_empty()
    });
}

pub fn a_worker_that_leaves_a_stuck_handler_keeps_its_claim<E: Engine>() {
    let (begins, began) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    let ends = Mutex::new(ends);
    let handlers = Handlers::new().register("stuck", move |_| {
        begins.send(())?;
        ends.lock().unwrap().recv()?;
        Done::json(&7)
    });
    let bench = HandlerBench::<E>::new();
    a_stuck_handler_is_left(&bench, &handlers, &began, || end.send(()).unwrap());
}

pub fn a_worker_that_leaves_a_blocked_async_handler_keeps_its_claim<E: Engine>() {
    let runtime = runtime();
    let (begins, began) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    let ends = Arc::new(Mutex::new(ends));
    let handlers = Handlers::new().register_async("stuck", runtime.handle(), move |_| {
        let (begins, ends) = (begins.clone(), Arc::clone(&ends));
        async move {
            begins.send(())?;
            // Blocks the reactor, against all advice.
            ends.lock().unwrap().recv()?;
            Done::json(&7)
        }
    });
    let bench = HandlerBench::<E>::new();
    a_stuck_handler_is_left(&bench, &handlers, &began, || end.send(()).unwrap());
}

pub fn a_second_stop_leaves_a_stuck_handler_soon<E: Engine>() {
    let bench = HandlerBench::<E>::new();
    bench.add(NewTask::handler("stuck", b""));
    let (begins, began) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    let ends = Mutex::new(ends);
    let handlers = Handlers::new().register("stuck", move |_| {
        begins.send(())?;
        ends.lock().unwrap().recv()?;
        Ok(Done::Succeeded)
    });
    let mut options = WorkerOptions::new(NonZeroU32::MIN).handlers(handlers);
    options.grace = PATIENCE;
    let worker = Worker::new(Arc::clone(&bench.queue), options).unwrap();
    let stopper = worker.stopper();
    let running = std::thread::spawn(move || worker.run(&mut ()).unwrap());
    began.recv().unwrap();
    stopper.stop();
    stopper.stop();
    assert_eq!(running.join().unwrap().left_running, 1);
    end.send(()).unwrap();
    until("the worker is deregistered", || {
        bench.queue.workers().unwrap().is_empty()
    });
}

pub fn a_worker_whose_runtime_ends_returns_the_tasks_and_ends<E: Engine>() {
    let runtime = runtime();
    let (begins, began) = mpsc::channel();
    let handlers = Handlers::new().register_async("wait", runtime.handle(), move |task| {
        let begins = begins.clone();
        async move {
            begins.send(())?;
            task.stopped().await;
            Err(HandlerError::interrupted())
        }
    });
    let bench = HandlerBench::<E>::new();
    let ids = [0, 1].map(|_| bench.add(NewTask::handler("wait", b"").options(once())));
    let worker = bench.worker(handlers);
    let running = std::thread::spawn(move || worker.run(&mut ()));
    for _ in ids {
        began.recv().unwrap();
    }
    runtime.shutdown_background();
    let error = running.join().unwrap().unwrap_err().to_string();
    assert!(
        error.starts_with("the runtime of the asynchronous handlers"),
        "{error}"
    );
    for id in ids {
        let task = bench.task(id);
        assert_eq!(
            (task.state, task.attempt, task.crashes),
            (State::Queued, 0, 0)
        );
    }
    assert_eq!(bench.queue.workers().unwrap(), []);
}

/// Runtime of two threads.
pub(super) fn runtime() -> tokio::runtime::Runtime {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_time().build().unwrap()
}
