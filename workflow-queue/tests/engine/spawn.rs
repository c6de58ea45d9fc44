//! A running task that adds to its own workflow.

use queue_core::error::Error;
use queue_core::outcome::Outcome;
use queue_core::queue::Queue;
use queue_core::state::State;
use queue_core::workflow::Condition;
use workflow_queue::Edge;

use crate::{Bench, Workflows, task};

#[test]
fn a_running_task_fans_out_in_front_of_what_waits_for_it() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        task("split"),
        task("merge").after("split", Condition::Success),
    ]);
    let claim = bench.claim_only();
    let next = queue_core::TaskId(3);
    let links = [0, 1].map(|offset| Edge {
        dependent: ids[1],
        on: queue_core::TaskId(next.0 + offset),
        condition: Condition::Success,
    });
    let spawned = bench
        .queue
        .spawn(claim, vec![task("part 1"), task("part 2")], links.to_vec())
        .unwrap();
    assert_eq!(spawned[0].id, next);
    bench.settle(claim, Outcome::Succeeded);
    assert_eq!(bench.state(ids[1]), State::Blocked);
    assert_eq!(bench.drain(), [spawned[0].id, spawned[1].id, ids[1]]);
}

#[test]
fn a_lost_claim_adds_nothing() {
    let bench = Bench::default();
    bench.flow(vec![
        task("split"),
        task("merge").after("split", Condition::Success),
    ]);
    let claim = bench.claim_only();
    bench.advance(30_000);
    bench.queue.expire(&[claim]).unwrap();
    let error = bench
        .queue
        .spawn(claim, vec![task("part")], Vec::new())
        .unwrap_err();
    assert!(error.is_claim_lost(), "{error}");
    assert_eq!(bench.queue.stats().unwrap().total(), 2);
}

#[test]
fn edges_to_another_workflow_are_refused() {
    let bench = Bench::default();
    bench.flow(vec![
        task("split"),
        task("merge").after("split", Condition::Success),
    ]);
    let foreign = bench.shell("foreign");
    let claim = bench.claim_as(queue_core::conformance::WORKER, 1)[0];
    let links = vec![Edge {
        dependent: foreign,
        on: claim.task,
        condition: Condition::Success,
    }];
    let error = bench
        .queue
        .spawn(claim, vec![task("part")], links)
        .unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    assert!(error.to_string().contains("another workflow"), "{error}");
    assert_eq!(bench.queue.stats().unwrap().total(), 3);
}
