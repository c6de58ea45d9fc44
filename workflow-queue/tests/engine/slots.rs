//! Slots of limited queues: which tasks take one, and the effect of a freed one.

use queue_core::claim::ClaimRequest;
use queue_core::outcome::Outcome;
use queue_core::queue::{Queue, Waits};
use queue_core::sidecar::Signal;
use queue_core::state::State;
use queue_core::task::NewTask;
use queue_testing::conformance::OTHER;

use crate::limit::{by_key, limit_key, limit_queue, set};
use crate::{Bench, Workflows, task};

#[test]
fn running_tasks_count_only_towards_the_limit_of_their_own_queue() {
    let bench = Bench::default();
    let slow = || NewTask::shell("slow", "true").queue("slow");
    bench.shell("a");
    bench.add(slow());
    let behind = bench.add(slow());
    bench.claim_only();
    set(&bench, "slow", Some(1), None);
    let of_slow = ClaimRequest::new(OTHER, 5).commands(true).queues("slow");
    assert_eq!(bench.queue.claim(&of_slow).unwrap().tasks.len(), 1);
    limit_queue(&bench, Some(2), None);
    bench.shell("b");
    bench.shell("c");
    assert_eq!(bench.claim(5).len(), 1);
    let expected = Waits::Limit {
        name: b"slow".to_vec(),
        running: 1,
        bound: Some(1),
        ahead: 0,
    };
    let waits = bench.queue.waits_in_file(behind).unwrap();
    assert!(waits.contains(&expected), "{waits:?}");
}

#[test]
fn a_claim_from_a_limited_queue_respects_the_key_too() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    limit_queue(&bench, Some(9), None);
    let elsewhere =
        by_key("elsewhere", b"k").task(NewTask::shell("elsewhere", "true").queue("other"));
    let ids = bench.flow(vec![elsewhere, by_key("here", b"k")]);
    let other = ClaimRequest::new(OTHER, 5).commands(true).queues("other");
    assert_eq!(bench.queue.claim(&other).unwrap().tasks.len(), 1);
    assert_eq!(bench.claim(5), []);
    assert_eq!(bench.states(&ids), [State::Running, State::Blocked]);
}

#[test]
fn a_claim_passes_over_a_task_whose_key_is_full() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    let elsewhere =
        by_key("elsewhere", b"k").task(NewTask::shell("elsewhere", "true").queue("other"));
    let ids = bench.flow(vec![elsewhere, by_key("here", b"k"), task("free")]);
    let other = ClaimRequest::new(OTHER, 1).commands(true).queues("other");
    assert_eq!(bench.queue.claim(&other).unwrap().tasks.len(), 1);
    assert_eq!(bench.claim_ids(1), ids[2..]);
    assert_eq!(bench.state(ids[1]), State::Blocked);
}

#[test]
fn a_freed_slot_wakes_an_idle_worker() {
    let bench = Bench::default();
    limit_queue(&bench, Some(1), None);
    bench.shell("a");
    bench.shell("b");
    let claim = bench.claim_only();
    let idle = bench.idle_worker();
    bench.settle(claim, Outcome::Succeeded);
    assert_eq!(idle.received(), [Signal::Tasks], "a queue's");
    limit_queue(&bench, Some(2), None);
    assert_eq!(idle.received(), [Signal::Tasks], "a limit that was raised");
    bench.claim(5);
    limit_key(&bench, b"k", Some(1));
    bench.flow(vec![by_key("a", b"k"), by_key("b", b"k")]);
    limit_queue(&bench, None, None);
    let claim = bench.claim_only();
    idle.received();
    bench.settle(claim, Outcome::Succeeded);
    assert_eq!(idle.received(), [Signal::Tasks], "a key's");
}
