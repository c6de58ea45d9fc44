//! Holds beside dependencies, limits and time limits.

use std::time::Duration;

use queue_core::claim::ClaimRequest;
use queue_core::outcome::{Outcome, Reason};
use queue_core::queue::{Change, Queue, Waits};
use queue_core::state::State;
use queue_core::task::NewTask;
use queue_core::workflow::Condition;
use queue_testing::conformance::WORKER;
use workflow_queue::{Dependency, Edge, Limit, Settings, WorkflowTask};

use crate::verify::broken;
use crate::{Bench, FAILED, Workflows, once, task};

const HELD: Change = Change::Done(State::Blocked);

fn limit(bench: &Bench, concurrency: u32) {
    let limit = Limit::key(b"disk").concurrency(concurrency);
    bench.queue.set_limit(&limit).unwrap();
}

fn by_key(name: &str) -> WorkflowTask {
    task(name).settings(Settings::new().limit_key(b"disk"))
}

#[test]
fn a_held_dependent_starts_only_once_it_is_released() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        task("a"),
        task("b").after("a", Condition::Success),
        task("c").after("b", Condition::Success),
    ]);
    assert_eq!(bench.queue.hold(&ids[1..2]).unwrap(), [HELD]);
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    assert_eq!(bench.claim(5), []);
    let since = bench.task(ids[1]).held_at.unwrap();
    assert_eq!(
        bench.queue.waits_in_file(ids[1]).unwrap(),
        [Waits::Held { since }]
    );
    assert_eq!(broken(&bench), Vec::<&str>::new());
    bench.queue.release(&ids[1..2]).unwrap();
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    assert_eq!(bench.claim_only().task, ids[2]);
}

#[test]
fn a_hold_outlasts_a_retry_above_it_and_an_added_dependency() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        once("a"),
        task("b").after("a", Condition::Any),
        task("c"),
    ]);
    bench.queue.hold(&ids[1..2]).unwrap();
    bench.queue.cancel(&ids[..1]).unwrap();
    bench.queue.retry(&ids[..1]).unwrap();
    let edge = Edge {
        dependent: ids[1],
        on: ids[2],
        condition: Condition::Success,
    };
    bench.queue.add_dependencies(vec![edge]).unwrap();
    assert_eq!(broken(&bench), Vec::<&str>::new());
    let waits = bench.queue.waits_in_file(ids[1]).unwrap();
    assert_eq!(waits.len(), 3, "{waits:?}");
    bench.end(ids[0], FAILED);
    bench.end(ids[2], Outcome::Succeeded);
    assert_eq!(bench.state(ids[1]), State::Blocked);
    assert_eq!(broken(&bench), Vec::<&str>::new());
    let released = bench.queue.release(&ids[1..2]).unwrap();
    assert_eq!(released, [Change::Done(State::Queued)]);
}

#[test]
fn a_task_held_after_its_dependency_was_re_opened_waits_for_that_again() {
    let bench = Bench::default();
    let ids = bench.flow(vec![once("a"), task("b").after("a", Condition::Any)]);
    bench.queue.cancel(&ids[..1]).unwrap();
    assert_eq!(bench.state(ids[1]), State::Queued);
    bench.queue.retry(&ids[..1]).unwrap();
    bench.queue.hold(&ids[1..]).unwrap();
    assert_eq!(broken(&bench), Vec::<&str>::new());
    bench.end(ids[0], Outcome::Succeeded);
    assert_eq!(bench.state(ids[1]), State::Blocked);
    bench.queue.release(&ids[1..]).unwrap();
    assert_eq!(bench.state(ids[1]), State::Queued);
}

#[test]
fn a_hold_gives_a_slot_to_the_next_task_and_a_release_waits_for_one() {
    let bench = Bench::default();
    limit(&bench, 1);
    let ids = bench.flow(vec![by_key("a"), by_key("b")]);
    assert_eq!(bench.states(&ids), [State::Queued, State::Blocked]);
    bench.queue.hold(&ids[..1]).unwrap();
    assert_eq!(bench.states(&ids), [State::Blocked, State::Queued]);
    let claim = bench.claim_only();
    assert_eq!(claim.task, ids[1]);
    bench.queue.release(&ids[..1]).unwrap();
    assert_eq!(bench.claim(5), []);
    assert_eq!(broken(&bench), Vec::<&str>::new());
    limit(&bench, 0);
    bench.queue.hold(&ids[..1]).unwrap();
    limit(&bench, 5);
    assert_eq!(
        bench.state(ids[0]),
        State::Blocked,
        "a raised limit admits it not"
    );
    bench.queue.release(&ids[..1]).unwrap();
    assert_eq!(bench.claim_only().task, ids[0]);
    assert_eq!(broken(&bench), Vec::<&str>::new());
}

#[test]
fn a_held_task_fails_by_its_time_limit_and_is_skipped_by_its_dependency() {
    let bench = Bench::default();
    let late = task("late").settings(Settings::new().start_within(Duration::from_secs(1)));
    let ids = bench.flow(vec![
        late,
        once("a"),
        task("b").after("a", Condition::Success),
    ]);
    bench.queue.hold(&[ids[0], ids[2]]).unwrap();
    bench.end(ids[1], FAILED);
    assert_eq!(bench.state(ids[2]), State::Skipped);
    bench.advance(2_000);
    let request = ClaimRequest::new(WORKER, 5).commands(true);
    bench.queue.claim(&request).unwrap();
    let failed = bench.task(ids[0]);
    assert_eq!(
        (failed.state, failed.reason),
        (State::Failed, Some(Reason::Late))
    );
    assert_eq!(bench.queue.stats().unwrap().held, 0);
    assert_eq!(broken(&bench), Vec::<&str>::new());
    bench.queue.retry(&ids[..1]).unwrap();
    assert_eq!(bench.claim_only().task, ids[0]);
}

#[test]
fn a_task_enqueued_held_with_dependencies_waits_for_both() {
    let bench = Bench::default();
    let held = |name| WorkflowTask::from(NewTask::shell(name, "true").held(true));
    let mut second = held("b");
    second.after.push(Dependency::new("a", Condition::Success));
    let ids = bench.flow(vec![task("a"), second, held("c")]);
    assert_eq!(
        bench.states(&ids),
        [State::Queued, State::Blocked, State::Blocked]
    );
    assert_eq!(broken(&bench), Vec::<&str>::new());
    bench.queue.release(&ids[1..]).unwrap();
    assert_eq!(
        bench.states(&ids),
        [State::Queued, State::Blocked, State::Queued]
    );
    bench.end(ids[0], Outcome::Succeeded);
    assert_eq!(bench.state(ids[1]), State::Queued);
}
