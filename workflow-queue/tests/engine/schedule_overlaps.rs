//! Schedules whose predecessors have not ended, and times that no worker fired.

use queue_core::outcome::Outcome;
use queue_core::queue::Queue;
use queue_core::state::State;
use queue_core::task::TaskId;
use workflow_queue::schedule::firing::SkipReason;
use workflow_queue::schedule::spec::{CatchUp, Overlap, Rules};

use crate::schedules::{MINUTE, added, catch_up, claim, firings, overlap};
use crate::{Bench, FAILED, Workflows as _};

#[test]
fn a_slot_whose_predecessor_has_not_ended_is_recorded_as_skipped() {
    let bench = Bench::default();
    let start = bench.now();
    added(&bench, overlap(Overlap::Skip));
    bench.advance(MINUTE);
    let first = claim(&bench, 1).remove(0);
    bench.advance(MINUTE);
    assert_eq!(claim(&bench, 1), []);
    // A retry in its backoff has not ended either.
    bench.settle(first.claim, FAILED);
    assert_eq!(bench.state(first.claim.task), State::Scheduled);
    bench.advance(MINUTE);
    let again = claim(&bench, 1).remove(0);
    assert_eq!(again.claim.task, first.claim.task);
    bench.settle(again.claim, Outcome::Succeeded);
    bench.advance(MINUTE);
    assert_eq!(claim(&bench, 1).len(), 1);
    let because = SkipReason::Overlap(first.claim.task);
    assert_eq!(
        firings(&bench, start),
        (vec![1, 4], vec![(2, 2, because), (3, 3, because)])
    );
}

#[test]
fn one_task_at_most_waits_for_its_predecessor() {
    let bench = Bench::default();
    let start = bench.now();
    added(&bench, overlap(Overlap::Queue));
    bench.advance(MINUTE);
    let first = claim(&bench, 1).remove(0);
    bench.advance(MINUTE);
    assert_eq!(claim(&bench, 1), []);
    let second = TaskId(first.claim.task.0 + 1);
    assert_eq!(bench.state(second), State::Blocked);
    bench.advance(MINUTE);
    assert_eq!(claim(&bench, 1), []);
    bench.settle(first.claim, Outcome::Succeeded);
    assert_eq!(claim(&bench, 1)[0].claim.task, second);
    let (fired, skipped) = firings(&bench, start);
    assert_eq!(fired, [1, 2]);
    assert_eq!(skipped, [(3, 3, SkipReason::Overlap(second))]);
}

#[test]
fn a_later_slot_replaces_what_runs_and_what_waits() {
    let bench = Bench::default();
    added(&bench, overlap(Overlap::Replace));
    bench.advance(MINUTE);
    let first = claim(&bench, 1).remove(0);
    bench.advance(MINUTE);
    assert_eq!(claim(&bench, 1), []);
    assert!(bench.task(first.claim.task).cancel_requested_at.is_some());
    bench.advance(MINUTE);
    assert_eq!(claim(&bench, 1), []);
    let (second, third) = (
        TaskId(first.claim.task.0 + 1),
        TaskId(first.claim.task.0 + 2),
    );
    assert_eq!(
        bench.states(&[second, third]),
        [State::Cancelled, State::Blocked]
    );
    bench.settle(first.claim, FAILED);
    let claimed = claim(&bench, 2);
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].claim.task, third);
}

#[test]
fn tasks_that_may_overlap_run_beside_each_other() {
    let bench = Bench::default();
    added(&bench, overlap(Overlap::Allow));
    for _ in 0..3 {
        bench.advance(MINUTE);
        assert_eq!(claim(&bench, 9).len(), 1);
    }
}

#[test]
fn a_task_that_is_retried_long_after_counts_as_unfinished() {
    let bench = Bench::default();
    added(&bench, Rules::default());
    bench.advance(MINUTE);
    let first = claim(&bench, 1).remove(0).claim;
    bench.settle(first, Outcome::Exited { code: 99 });
    bench.queue.cancel(&[first.task]).unwrap();
    for _ in 0..3 {
        bench.advance(MINUTE);
        let claimed = claim(&bench, 1).remove(0).claim;
        bench.settle(claimed, Outcome::Succeeded);
    }
    bench.queue.retry(&[first.task]).unwrap();
    bench.advance(MINUTE);
    let claimed = claim(&bench, 9);
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].claim.task, first.task);
}

#[test]
fn a_sleep_is_caught_up_as_the_schedule_says() {
    let long = 100 * MINUTE + 30_000;
    for (rule, expected) in [
        (CatchUp::Skip, vec![100]),
        (CatchUp::Latest, vec![100]),
        (CatchUp::All, (1..=100).collect()),
    ] {
        let bench = Bench::default();
        let start = bench.now();
        added(&bench, catch_up(rule));
        bench.advance(long);
        assert_eq!(claim(&bench, 1_000).len(), expected.len());
        let (fired, skipped) = firings(&bench, start);
        assert_eq!(fired, expected);
        let missed = (rule != CatchUp::All).then_some((1, 99, SkipReason::Missed));
        assert_eq!(skipped, missed.into_iter().collect::<Vec<_>>());
    }
}
