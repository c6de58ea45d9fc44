//! Cancel, and its form with a reason, withdraw.

use super::tasks::once;
use super::{Bench, Engine, WORKER};
use queue_core::outcome::{Outcome, Reason, Settled};
use queue_core::queue::{Change, Queue};
use queue_core::state::State;
use queue_core::task::TaskId;

pub fn cancel_ends_waiting_tasks_at_once<E: Engine>() {
    let bench = Bench::<E>::default();
    let queued = bench.shell("queued");
    let scheduled = bench.add(once("once").run_at(bench.later(1_000)));
    let changes = bench
        .queue
        .cancel(&[queued, scheduled, TaskId(99)])
        .unwrap();
    let done = Change::Done(State::Cancelled);
    assert_eq!(changes, [done, done, Change::NotFound]);
    for id in [queued, scheduled] {
        let task = bench.task(id);
        assert_eq!(
            (task.state, task.reason),
            (State::Cancelled, Some(Reason::Cancel))
        );
        assert_eq!(task.finished_at, Some(bench.now()));
    }
    bench.advance(2_000);
    assert_eq!(bench.claim(10), []);
    let already = Change::Already(State::Cancelled);
    assert_eq!(bench.queue.cancel(&[queued]).unwrap(), [already]);
}

pub fn cancel_asks_the_worker_of_a_running_task<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    let cancel = || bench.queue.cancel(&[id]).unwrap();
    assert_eq!(cancel(), [Change::Requested(WORKER)]);
    let asked_at = bench.now();
    bench.advance(100);
    assert_eq!(cancel(), [Change::AlreadyRequested(WORKER)]);
    let task = bench.task(id);
    assert_eq!(
        (task.state, task.cancel_requested_at),
        (State::Running, Some(asked_at))
    );
    let settled = bench.settle(claim, Outcome::Signalled { signal: 15 });
    assert_eq!(settled, Settled::Recorded(State::Cancelled));
    let task = bench.task(id);
    assert_eq!((task.reason, task.signal), (Some(Reason::Cancel), Some(15)));
}

pub fn a_task_that_succeeds_despite_a_cancel_request_has_succeeded<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    bench.queue.cancel(&[id]).unwrap();
    let settled = bench.settle(claim, Outcome::Succeeded);
    assert_eq!(settled, Settled::Recorded(State::Succeeded));
}

pub fn a_returned_task_with_a_cancel_request_is_not_queued_again<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    bench.queue.cancel(&[id]).unwrap();
    let settled = bench.settle(claim, Outcome::Returned);
    assert_eq!(settled, Settled::Recorded(State::Cancelled));
    assert_eq!(bench.claim(1), []);
}

pub fn withdraw_stores_a_reason_until_a_retry<E: Engine>() {
    let bench = Bench::<E>::default();
    let ended = bench.ended(once("once"), Outcome::Succeeded);
    let running = bench.shell("running");
    bench.claim_only();
    let [waiting, cancelled] = ["waiting", "cancelled"].map(|name| bench.shell(name));
    bench.queue.cancel(&[cancelled]).unwrap();
    let changes = bench.queue.withdraw(&[waiting, running, ended], "gone");
    let expected = [
        Change::Done(State::Cancelled),
        Change::Requested(WORKER),
        Change::Refused(State::Succeeded),
    ];
    assert_eq!(changes.unwrap(), expected);
    bench.queue.withdraw(&[cancelled], "gone").unwrap();
    let message = |id| bench.task(id).message;
    for id in [waiting, cancelled] {
        assert_eq!(bench.state(id), State::Cancelled);
        assert_eq!(message(id).as_deref(), Some("gone"));
    }
    assert_eq!([running, ended].map(message), [None, None]);
    bench.queue.retry(&[waiting]).unwrap();
    assert_eq!(message(waiting), None);
}

pub fn cancel_refuses_ended_tasks<E: Engine>() {
    let bench = Bench::<E>::default();
    let good = bench.ended(once("once"), Outcome::Succeeded);
    let bad = bench.ended(once("once"), Outcome::TimedOut);
    let refused = [State::Succeeded, State::Failed].map(Change::Refused);
    assert_eq!(bench.queue.cancel(&[good, bad]).unwrap(), refused);
    assert_eq!(bench.state(bad), State::Failed);
}
