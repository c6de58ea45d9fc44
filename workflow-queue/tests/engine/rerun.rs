//! Copies of tasks with dependencies.

use queue_core::outcome::Outcome;
use queue_core::queue::{Queue, TaskCopy};
use queue_core::state::State;
use queue_core::workflow::Condition;
use workflow_queue::{Limit, Settings};

use crate::verify::broken;
use crate::{Bench, FAILED, Workflows, once, task};

#[test]
fn a_copy_finds_the_outputs_of_the_same_dependencies_and_has_no_dependents() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        task("a"),
        once("b").after("a", Condition::Success),
        task("c").after("b", Condition::Failure),
    ]);
    bench.settle_with(bench.claim_only(), Outcome::Succeeded, Some("o5\nhello"));
    bench.end(ids[1], FAILED);
    let copy = bench.queue.rerun(&ids[1..2], false).unwrap()[0]
        .id()
        .unwrap();
    assert_eq!(broken(&bench), Vec::<&str>::new());
    let edges = |id| bench.queue.dependencies(id).unwrap();
    let on: Vec<_> = edges(copy)
        .iter()
        .map(|edge| (edge.on, edge.condition))
        .collect();
    assert_eq!(on, [(ids[0], Condition::Success)]);
    assert_eq!(edges(ids[2]).len(), 1, "no dependent waits for the copy");
    let claimed = bench.claim(5);
    let claimed = claimed.iter().find(|one| one.claim.task == copy).unwrap();
    assert!(claimed.depends, "its worker gives it the outputs");
    bench.settle(claimed.claim, Outcome::Succeeded);
    assert_eq!(broken(&bench), Vec::<&str>::new());
}

#[test]
fn a_copy_waits_for_dependencies_that_run_again_and_for_no_ended_one() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        once("a"),
        once("b"),
        task("c")
            .after("a", Condition::Success)
            .after("b", Condition::Any),
    ]);
    bench.end(ids[0], FAILED);
    bench.end(ids[1], Outcome::Succeeded);
    assert_eq!(bench.state(ids[2]), State::Skipped);
    let copy = bench.queue.rerun(&ids[2..], false).unwrap()[0]
        .id()
        .unwrap();
    assert_eq!(bench.state(copy), State::Queued);
    bench.queue.retry(&ids[..1]).unwrap();
    let second = bench.queue.rerun(&ids[2..], false).unwrap()[0]
        .id()
        .unwrap();
    assert_eq!(bench.state(second), State::Blocked);
    assert_eq!(broken(&bench), Vec::<&str>::new());
    bench.end(ids[0], Outcome::Succeeded);
    assert_eq!(bench.state(second), State::Queued);
    assert_eq!(broken(&bench), Vec::<&str>::new());
}

#[test]
fn a_copy_keeps_its_limit_key() {
    let bench = Bench::default();
    let limit = Limit::key(b"disk").concurrency(1);
    bench.queue.set_limit(&limit).unwrap();
    let by_key = once("a").settings(Settings::new().limit_key(b"disk"));
    let ids = bench.flow(vec![by_key]);
    bench.end(ids[0], Outcome::Succeeded);
    let copies = bench.queue.rerun(&[ids[0], ids[0]], false).unwrap();
    let copies: Vec<_> = copies.into_iter().filter_map(TaskCopy::id).collect();
    assert_eq!(bench.states(&copies), [State::Queued, State::Blocked]);
    assert_eq!(broken(&bench), Vec::<&str>::new());
}
