//! Re-opening ended tasks and their dependents.

use queue_core::outcome::Outcome;
use queue_core::queue::{Change, Invariant, Queue};
use queue_core::state::State::{self, Blocked, Cancelled, Failed, Queued, Skipped, Succeeded};
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge};

use crate::{Bench, FAILED, Workflows, once, task};

#[test]
fn retry_without_downstream_leaves_skipped_tasks() {
    let bench = Bench::default();
    let ids = bench.flow(vec![once("a"), task("b").after("a", Condition::Success)]);
    bench.end(ids[0], FAILED);
    assert_eq!(
        bench.queue.retry(&ids[..1]).unwrap(),
        [Change::Done(Queued)]
    );
    assert_eq!(bench.drain(), ids[..1]);
    assert_eq!(bench.states(&ids), [Succeeded, Skipped]);
}

#[test]
fn retry_downstream_re_opens_tasks_skipped_because_of_the_failure() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        once("a"),
        task("b").after("a", Condition::Success),
        task("c")
            .after("b", Condition::Success)
            .after("other", Condition::Success),
        task("other"),
        task("sorry").after("a", Condition::Failure),
    ]);
    bench.end(ids[0], FAILED);
    assert_eq!(
        bench.states(&ids),
        [Failed, Skipped, Skipped, Queued, Queued]
    );
    let changes = bench.queue.retry_downstream(&ids[..1]).unwrap();
    assert_eq!(changes, [Change::Done(Queued)]);
    assert_eq!(
        bench.states(&ids),
        [Queued, Blocked, Blocked, Queued, Queued]
    );
    let invariants = bench.queue.verify().unwrap();
    assert!(invariants.iter().all(Invariant::holds), "{invariants:?}");
    assert_eq!(bench.drain(), [ids[0], ids[3], ids[4], ids[1], ids[2]]);
}

#[test]
fn retry_downstream_re_opens_no_other_ended_tasks() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        once("a"),
        task("skipped").after("a", Condition::Success),
        once("failed").after("a", Condition::Failure),
        once("elsewhere"),
        task("too").after("elsewhere", Condition::Success),
    ]);
    for id in [ids[0], ids[3], ids[2]] {
        bench.end(id, FAILED);
    }
    bench.queue.retry(&ids[3..4]).unwrap();
    assert_eq!(
        bench.states(&ids),
        [Failed, Skipped, Failed, Queued, Skipped]
    );
    bench.queue.retry_downstream(&ids[..1]).unwrap();
    assert_eq!(
        bench.states(&ids),
        [Queued, Blocked, Failed, Queued, Skipped]
    );
}

#[test]
fn a_task_skipped_because_of_another_failure_stays_skipped_until_that_is_re_opened_too() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        once("a"),
        once("b"),
        task("c")
            .after("a", Condition::Success)
            .after("b", Condition::Success),
    ]);
    bench.end(ids[0], FAILED);
    bench.end(ids[1], FAILED);
    bench.queue.retry_downstream(&ids[..1]).unwrap();
    assert_eq!(bench.states(&ids), [Queued, Failed, Skipped]);
    bench.queue.retry_downstream(&ids[1..2]).unwrap();
    assert_eq!(bench.states(&ids), [Queued, Queued, Blocked]);
    assert_eq!(bench.drain(), ids);
}

#[test]
fn a_skipped_task_is_re_opened_with_a_cause_that_came_later() {
    for others in 0..2 {
        let bench = Bench::default();
        let ids = bench.flow(vec![
            task("first"),
            task("waits").after("first", Condition::Any),
        ]);
        let late = bench.flow(vec![once("reason"), once("other")]);
        let edge = Edge {
            dependent: ids[1],
            on: late[0],
            condition: Condition::Success,
        };
        bench.queue.add_dependencies(vec![edge]).unwrap();
        bench.end(late[0], FAILED);
        bench.end(late[1], FAILED);
        assert_eq!(bench.state(ids[1]), Skipped);
        let asked = [&ids[1..], &late[..=others]].concat();
        let changes = bench.queue.retry(&asked).unwrap();
        assert_eq!(changes[..2], [Change::Done(Blocked), Change::Done(Queued)]);
    }
}

#[test]
fn a_released_task_made_to_wait_again_is_not_skipped_because_of_its_first_dependency() {
    let bench = Bench::default();
    let ids = bench.flow(vec![once("a"), task("b").after("a", Condition::Failure)]);
    bench.end(ids[0], FAILED);
    bench.queue.retry(&ids[..1]).unwrap();
    bench.end(ids[0], Outcome::Succeeded);
    let more = Edge {
        dependent: ids[1],
        on: bench.shell("c"),
        condition: Condition::Success,
    };
    bench.queue.add_dependencies(vec![more]).unwrap();
    assert_eq!(bench.drain(), [more.on, ids[1]]);
}

#[test]
fn a_task_re_opened_alone_waits_for_dependencies_that_are_open_again() {
    let bench = Bench::default();
    let ids = bench.flow(vec![once("a"), once("b").after("a", Condition::Any)]);
    for id in &ids {
        bench.end(*id, FAILED);
    }
    bench.queue.retry(&ids[..1]).unwrap();
    bench.queue.retry(&ids[1..]).unwrap();
    assert_eq!(bench.states(&ids), [Queued, Blocked]);
    let invariants = bench.queue.verify().unwrap();
    assert!(invariants.iter().all(Invariant::holds), "{invariants:?}");
    assert_eq!(bench.drain(), ids);
}

#[test]
fn a_skipped_task_is_re_opened_only_with_its_cause() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        once("a"),
        task("b").after("a", Condition::Success),
        task("c").after("b", Condition::Success),
    ]);
    bench.end(ids[0], FAILED);
    assert_eq!(
        bench.queue.retry(&ids[1..2]).unwrap(),
        [Change::Refused(Skipped)]
    );
    let backwards: Vec<TaskId> = ids.iter().rev().copied().collect();
    let changes = bench.queue.retry(&backwards).unwrap();
    assert_eq!(
        changes,
        [
            Change::Done(Blocked),
            Change::Done(Blocked),
            Change::Done(Queued)
        ]
    );
    assert_eq!(bench.drain(), ids);
}

#[test]
fn a_dependent_that_still_waits_waits_for_the_new_end() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        once("a"),
        task("b"),
        task("join")
            .after("a", Condition::Any)
            .after("b", Condition::Any),
    ]);
    bench.end(ids[0], FAILED);
    bench.queue.retry(&ids[..1]).unwrap();
    bench.end(ids[0], FAILED);
    assert_eq!(
        bench.state(ids[2]),
        Blocked,
        "the end of one task counts once"
    );
    bench.queue.retry(&ids[..1]).unwrap();
    bench.end(ids[1], Outcome::Succeeded);
    assert_eq!(
        bench.state(ids[2]),
        Blocked,
        "an end that was taken back does not count"
    );
    bench.end(ids[0], Outcome::Succeeded);
    assert_eq!(bench.state(ids[2]), Queued);
}

#[test]
fn a_retried_cancelled_task_waits_for_its_unfinished_dependencies() {
    let bench = Bench::default();
    let ids = bench.flow(vec![task("a"), task("b").after("a", Condition::Success)]);
    bench.queue.cancel(&ids[1..]).unwrap();
    assert_eq!(bench.state(ids[1]), Cancelled);
    assert_eq!(
        bench.queue.retry(&ids[1..]).unwrap(),
        [Change::Done(Blocked)]
    );
    assert_eq!(bench.drain(), ids);
}

#[test]
fn cancelling_twice_counts_once() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        task("a"),
        task("b"),
        task("join")
            .after("a", Condition::Any)
            .after("b", Condition::Any),
    ]);
    for change in [Change::Done(Cancelled), Change::Already(Cancelled)] {
        assert_eq!(bench.queue.cancel(&ids[..1]).unwrap(), [change]);
    }
    assert_eq!(bench.state(ids[2]), State::Blocked);
}

#[test]
fn succeeded_and_waiting_tasks_are_not_re_opened() {
    let bench = Bench::default();
    let ids = bench.flow(vec![task("a"), task("b").after("a", Condition::Success)]);
    assert_eq!(
        bench.queue.retry_downstream(&ids).unwrap(),
        [Queued, Blocked].map(Change::Refused)
    );
    bench.drain();
    assert_eq!(
        bench.queue.retry(&ids[..1]).unwrap(),
        [Change::Refused(Succeeded)]
    );
    assert_eq!(bench.queue.retry(&[TaskId(9)]).unwrap(), [Change::NotFound]);
}

/// Bug: if one retry re-opened a task before its dependency, it was released because of the
/// dependency's old end, which the same retry undid. Loss: it ran before its dependency ran again.
/// Fix: every re-opened task waits for all dependencies that the retry leaves open.
#[test]
fn tasks_re_opened_together_keep_their_order_with_any_ids() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        once("last"),
        once("first"),
        task("middle").after("first", Condition::Success),
    ]);
    bench.queue.cancel(&ids[..1]).unwrap();
    bench.end(ids[1], FAILED);
    assert_eq!(bench.states(&ids), [Cancelled, Failed, Skipped]);
    bench.queue.retry(&ids[..1]).unwrap();
    bench
        .queue
        .add_dependencies(vec![Edge {
            dependent: ids[0],
            on: ids[2],
            condition: Condition::Any,
        }])
        .unwrap();
    bench.queue.cancel(&ids[..1]).unwrap();
    bench.queue.retry_downstream(&ids[..2]).unwrap();
    assert_eq!(bench.states(&ids), [Blocked, Queued, Blocked]);
    assert_eq!(bench.drain(), [ids[1], ids[2], ids[0]]);
}
