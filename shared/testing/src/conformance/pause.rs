//! Pause and resume.

use super::{Bench, Engine, WORKER};
use queue_core::claim::ClaimRequest;
use queue_core::error::Error;
use queue_core::outcome::{Outcome, Settled};
use queue_core::queue::Queue;
use queue_core::state::State;
use queue_core::task::NewTask;

pub fn pause_holds_for_every_handle_and_every_handler<E: Engine>() {
    let bench = Bench::<E>::default();
    let paused = |on| bench.queue.set_paused("default", on).unwrap();
    bench.shell("command");
    bench.add(NewTask::handler("old", ""));
    assert!(paused(true));
    assert!(!paused(true), "it is paused already");
    bench.add(NewTask::handler("new", ""));
    let request = ClaimRequest::new(WORKER, 10)
        .commands(true)
        .handlers(["old", "new"]);
    let another = bench.another();
    assert_eq!(another.claim(&request).unwrap().tasks, []);
    let since = Some(bench.now());
    let queues = another.queues().unwrap();
    assert_eq!(queues.len(), 3);
    assert!(queues.iter().all(|queue| queue.paused_at == since));
    assert!(paused(false));
    assert!(!paused(false), "it is not paused any more");
    assert_eq!(another.claim(&request).unwrap().tasks.len(), 3);
}

pub fn a_queue_can_be_paused_before_its_first_task<E: Engine>() {
    let bench = Bench::<E>::default();
    assert!(bench.queue.set_paused("default", true).unwrap());
    assert!(!bench.queue.set_paused("never named", false).unwrap());
    bench.shell("task");
    assert_eq!(bench.claim(1), []);
    let error = bench.queue.set_paused("", true).unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
}

pub fn pause_leaves_running_tasks_running<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.shell("task");
    let claim = bench.claim_only();
    bench.queue.set_paused("default", true).unwrap();
    let settled = bench.settle(claim, Outcome::Succeeded);
    assert_eq!(settled, Settled::Recorded(State::Succeeded));
}
