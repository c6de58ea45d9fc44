use std::sync::Arc;

use super::{Bench, Engine, OTHER, WORKER};
use queue_core::claim::{Claim, Held, WorkerId};
use queue_core::clock::SystemClock;
use queue_core::error::Error;
use queue_core::options::TaskOptions;
use queue_core::outcome::{Outcome, Reason};
use queue_core::queue::{Queue, Reaped, Serves, WorkerInfo};
use queue_core::random::SystemRandom;
use queue_core::runtime::handlers::{Done, Handlers};
use queue_core::runtime::{Worker, WorkerOptions};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};

fn info(id: WorkerId) -> WorkerInfo {
    WorkerInfo::new(id, 4_294_967_295, "f5f0a0a0-boot")
        .started_at(super::ManualClock::START)
        .slots(8)
        .serves(Serves::new("größe").commands(true).handlers(["a", "b\"c"]))
}

pub fn workers_get_the_lowest_free_place<E: Engine>() {
    let bench = Bench::<E>::default();
    let register = |id| bench.queue.register(&info(WorkerId(id))).unwrap();
    assert_eq!([31, 22, 13, 44].map(register), [0, 1, 2, 3]);
    for id in [31, 13] {
        bench.queue.deregister(WorkerId(id)).unwrap();
    }
    assert_eq!([5, 6, 7].map(register), [0, 2, 4]);
}

pub fn a_repeated_registration_keeps_its_place<E: Engine>() {
    let bench = Bench::<E>::default();
    let places = [WORKER, OTHER, WORKER].map(|id| bench.queue.register(&info(id)).unwrap());
    assert_eq!(places, [0, 1, 0]);
    assert_eq!(bench.queue.workers().unwrap().len(), 2);
    let again = WorkerInfo::new(OTHER, 7, "next-boot")
        .started_at(bench.later(1))
        .slots(3)
        .serves(Serves::new("other").handlers(["c"]));
    assert_eq!(bench.queue.register(&again).unwrap(), 1);
    assert_eq!(bench.queue.workers().unwrap(), [info(WORKER), again]);
}

pub fn registered_workers_are_listed_as_they_are<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.queue.register(&info(OTHER)).unwrap();
    bench.queue.register(&info(WORKER)).unwrap();
    let another = bench.another();
    assert_eq!(another.workers().unwrap(), [info(OTHER), info(WORKER)]);
    another.deregister(WORKER).unwrap();
    another.deregister(WORKER).unwrap();
    assert_eq!(bench.queue.workers().unwrap(), [info(OTHER)]);
}

/// Threads of an ended worker kept its file open beyond the drop of the last handle.
pub fn a_queue_whose_worker_has_ended_is_closed_when_it_is_dropped<E: Engine>() {
    let slots = std::num::NonZeroU32::new(3).unwrap();
    for round in 0..40 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("queue.db");
        let random = Arc::new(SystemRandom::seeded(round));
        let queue = Arc::new(E::open(&path, Arc::new(SystemClock), random).unwrap());
        let tasks = (0..4).map(|_| NewTask::shell("t", "true"));
        let handled = (0..4).map(|_| NewTask::handler("nothing", Vec::new()));
        queue.enqueue(tasks.chain(handled).collect()).unwrap();
        let handlers = Handlers::new().register("nothing", |_| Ok(Done::Succeeded));
        let options = WorkerOptions::new(slots)
            .handlers(handlers)
            .drain(true)
            .commands(true)
            .trust_file(true);
        let worker = Worker::new(Arc::clone(&queue), options).unwrap();
        assert_eq!(worker.run(&mut ()).unwrap().succeeded, 8);
        queue.stats().unwrap();
        drop(queue);
        let files =
            ["queue.db", "queue.db-wal", "queue.db-shm"].map(|name| folder.path().join(name));
        let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
        let open = open.filter_map(|one| std::fs::read_link(one.path()).ok());
        let left: Vec<_> = open.filter(|file| files.contains(file)).collect();
        assert!(left.is_empty(), "round {round}: {left:?}");
    }
}

pub fn a_worker_with_claims_stays_registered<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.queue.register(&info(WORKER)).unwrap();
    bench.shell("task");
    let claim = bench.claim_only();
    bench.queue.register(&info(OTHER)).unwrap();
    bench.queue.deregister(OTHER).unwrap();
    let error = bench.queue.deregister(WORKER).unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    assert_eq!(bench.queue.workers().unwrap(), [info(WORKER)]);
    bench.settle(claim, Outcome::Returned);
    bench.queue.deregister(WORKER).unwrap();
    assert_eq!(bench.queue.workers().unwrap(), []);
}

pub fn the_claims_of_a_worker_are_its_running_tasks<E: Engine>() {
    let bench = Bench::<E>::default();
    bench
        .queue
        .enqueue(vec![NewTask::shell("t", "true"); 4])
        .unwrap();
    let claims: Vec<_> = bench.claim(3).iter().map(|one| one.claim).collect();
    assert_eq!(bench.queue.claims_of(WORKER).unwrap(), claims);
    assert_eq!(bench.queue.claims_of(OTHER).unwrap(), []);
    bench.settle(claims[1], Outcome::Succeeded);
    assert_eq!(
        bench.queue.claims_of(WORKER).unwrap(),
        [claims[0], claims[2]]
    );
}

pub fn reap_queues_the_tasks_of_a_dead_worker_again<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.queue.register(&info(WORKER)).unwrap();
    bench
        .queue
        .enqueue(vec![NewTask::shell("t", "true"); 3])
        .unwrap();
    let claims: Vec<_> = bench.claim(2).iter().map(|one| one.claim).collect();
    let reaped = bench.queue.reap(WORKER).unwrap();
    let expected = claims.iter().map(|&claim| Reaped {
        claim,
        state: State::Queued,
    });
    assert!(reaped.iter().copied().eq(expected), "{reaped:?}");
    assert_eq!(bench.queue.workers().unwrap(), []);
    assert_eq!(bench.queue.reap(WORKER).unwrap(), []);
    let task = bench.task(claims[0].task);
    assert_eq!(
        (task.state, task.reason),
        (State::Queued, Some(Reason::Crash))
    );
    assert_eq!((task.attempt, task.crashes), (0, 1));
    assert_eq!(
        bench.claim_ids(5),
        [1, 2, 3].map(TaskId),
        "in their old order"
    );
    assert!(bench.task(claims[0].task).token > claims[0].token);
}

pub fn a_crash_clears_the_end_of_the_earlier_attempt<E: Engine>() {
    let bench = Bench::<E>::default();
    let options = TaskOptions::new().max_attempts(9).max_crashes(9);
    let id = bench.add(NewTask::shell("task", "true").options(options));
    let message = || "no".to_owned();
    for outcome in [
        Outcome::Exited { code: 7 },
        Outcome::Signalled { signal: 9 },
        Outcome::NotStarted { message: message() },
    ] {
        bench.settle(bench.claim_only(), outcome);
        bench.advance(600_000);
        bench.claim_only();
        bench.queue.reap(WORKER).unwrap();
        let task = bench.task(id);
        assert_eq!(task.reason, Some(Reason::Crash));
        let traces = (task.exit_code, task.signal, task.message);
        assert_eq!(traces, (None, None, None));
    }
}

pub fn reap_leaves_other_workers_alone<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.queue.register(&info(OTHER)).unwrap();
    let id = bench.shell("task");
    bench.claim_only();
    assert_eq!(bench.queue.reap(OTHER).unwrap(), []);
    assert_eq!(bench.state(id), State::Running);
    assert_eq!(bench.queue.workers().unwrap(), []);
}

pub fn a_task_that_kills_its_workers_fails_once_its_crashes_are_spent<E: Engine>() {
    let bench = Bench::<E>::default();
    let options = TaskOptions::new().max_crashes(2);
    let id = bench.add(NewTask::shell("bomb", "true").options(options));
    for state in [State::Queued, State::Failed] {
        bench.claim_only();
        assert_eq!(bench.queue.reap(WORKER).unwrap()[0].state, state);
    }
    let task = bench.task(id);
    assert_eq!(
        (task.state, task.reason),
        (State::Failed, Some(Reason::Crash))
    );
    assert_eq!((task.attempt, task.crashes), (0, 2));
    assert_eq!(task.finished_at, Some(bench.now()));
}

pub fn crashes_do_not_spend_attempts_nor_attempts_crashes<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    for _ in 0..2 {
        bench.claim_only();
        bench.queue.reap(WORKER).unwrap();
        bench.settle(bench.claim_only(), Outcome::Exited { code: 1 });
        bench.advance(600_000);
    }
    let task = bench.task(id);
    assert_eq!((task.attempt, task.crashes), (2, 2));
    bench.settle(bench.claim_only(), Outcome::Exited { code: 1 });
    let task = bench.task(id);
    assert_eq!((task.state, task.attempt), (State::Failed, 3));
}

pub fn reap_cancels_tasks_with_a_cancel_request<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    bench.claim_only();
    bench.queue.cancel(&[id]).unwrap();
    assert_eq!(bench.queue.reap(WORKER).unwrap()[0].state, State::Cancelled);
    assert_eq!(bench.task(id).reason, Some(Reason::Cancel));
    assert_eq!(bench.claim(1), []);
}

pub fn a_heartbeat_gives_the_state_of_each_claim<E: Engine>() {
    let bench = Bench::<E>::default();
    bench
        .queue
        .enqueue(vec![NewTask::shell("t", "true"); 3])
        .unwrap();
    let claims: Vec<_> = bench.claim(3).iter().map(|one| one.claim).collect();
    bench.queue.cancel(&[claims[1].task]).unwrap();
    bench.settle(claims[2], Outcome::Succeeded);
    let stale = Claim {
        token: 99,
        ..claims[0]
    };
    let asked = [claims[0], claims[1], claims[2], stale];
    let expected = [Held::Held, Held::CancelRequested, Held::Lost, Held::Lost];
    assert_eq!(bench.queue.held(&asked).unwrap(), expected);
    assert_eq!(bench.queue.heartbeat(&asked).unwrap(), expected);
    assert_eq!(bench.queue.held(&[]).unwrap(), []);
    assert_eq!(bench.queue.heartbeat(&[]).unwrap(), []);
    bench.queue.reap(WORKER).unwrap();
    assert_eq!(bench.queue.heartbeat(&claims[..1]).unwrap(), [Held::Lost]);
}
