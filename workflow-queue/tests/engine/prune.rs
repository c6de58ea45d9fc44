//! Prune and dependencies.

use queue_core::error::Error;
use queue_core::outcome::Outcome;
use queue_core::queue::{Change, PruneRequest, Queue};
use queue_core::state::State;
use queue_core::workflow::{Condition, Edge};

use crate::{Bench, FAILED, Workflows, once, task};

fn prune(bench: &Bench) -> u64 {
    let request = PruneRequest::new(bench.later(1)).keep(0).dry_run(true);
    let count = bench.queue.prune(&request).unwrap();
    let request = request.dry_run(false);
    assert_eq!(
        bench.queue.prune(&request).unwrap(),
        count,
        "dry and wet agree"
    );
    count
}

#[test]
fn a_task_stays_while_a_dependent_may_read_its_output() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        task("a"),
        task("b").after("a", Condition::Success),
        task("c"),
    ]);
    bench.end(ids[0], Outcome::Succeeded);
    assert_eq!(prune(&bench), 0);
    bench.end(ids[1], Outcome::Succeeded);
    assert_eq!(prune(&bench), 2);
    assert_eq!(bench.queue.attempts(ids[0]).unwrap(), []);
    assert_eq!(bench.queue.dependencies(ids[1]).unwrap(), []);
    assert_eq!(bench.queue.dependents(ids[0]).unwrap(), []);
}

#[test]
fn a_dependent_of_a_pruned_task_can_be_retried() {
    let bench = Bench::default();
    let ids = bench.flow(vec![task("a"), once("b").after("a", Condition::Success)]);
    bench.end(ids[0], Outcome::Succeeded);
    bench.advance(10);
    bench.end(ids[1], FAILED);
    let request = PruneRequest::new(bench.now()).keep(0).dry_run(false);
    assert_eq!(bench.queue.prune(&request).unwrap(), 1);
    bench.queue.retry(&ids[1..]).unwrap();
    let more = Edge {
        dependent: ids[1],
        on: bench.shell("c"),
        condition: Condition::Success,
    };
    bench.queue.add_dependencies(vec![more]).unwrap();
    assert_eq!(bench.drain(), [more.on, ids[1]]);
}

#[test]
fn prune_keeps_edges_and_attempts_of_the_tasks_it_keeps() {
    let bench = Bench::default();
    let gone = bench.flow(vec![
        task("gone"),
        task("too").after("gone", Condition::Success),
    ]);
    let kept = bench.flow(vec![task("a"), task("b").after("a", Condition::Success)]);
    for id in [gone[0], gone[1], kept[0]] {
        bench.end(id, Outcome::Succeeded);
    }
    let attempts = bench.queue.attempts(kept[0]).unwrap();
    assert_ne!(attempts, []);
    assert_eq!(prune(&bench), 2);
    assert_eq!(bench.queue.attempts(kept[0]).unwrap(), attempts);
    let edge = Edge {
        dependent: kept[1],
        on: kept[0],
        condition: Condition::Success,
    };
    assert_eq!(bench.queue.dependents(kept[0]).unwrap(), [edge]);
    assert_eq!(bench.queue.dependencies(kept[1]).unwrap(), [edge]);
    assert_eq!(bench.drain(), kept[1..]);
}

#[test]
fn a_dependency_on_a_pruned_task_is_refused() {
    let bench = Bench::default();
    let ids = bench.flow(vec![task("a"), task("last")]);
    bench.drain();
    assert_eq!(prune(&bench), 1);
    let late = vec![task("late").after(ids[0], Condition::Success)];
    let error = bench.queue.enqueue_workflow(late).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert!(
        error.to_string().contains("may have been pruned"),
        "{error}"
    );
}

#[test]
fn a_task_skipped_because_of_a_pruned_task_stays_skipped() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        once("a"),
        task("b").after("a", Condition::Success),
        task("c"),
    ]);
    bench.end(ids[0], FAILED);
    let request = PruneRequest::new(bench.later(1))
        .states([State::Failed])
        .keep(0)
        .dry_run(false);
    assert_eq!(bench.queue.prune(&request).unwrap(), 1);
    assert_eq!(
        bench.queue.retry(&ids[1..2]).unwrap(),
        [Change::Refused(State::Skipped)]
    );
}
