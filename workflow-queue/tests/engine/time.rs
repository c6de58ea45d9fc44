//! Tasks that fail at a deadline: not started in time, or not ended in time.

use std::time::Duration;

use queue_core::outcome::{Outcome, Reason};
use queue_core::queue::{Invariant, Queue};
use queue_core::state::State;
use queue_core::task::NewTask;
use queue_core::workflow::Condition;
use workflow_queue::{Limit, Settings, WorkflowTask};

use crate::limit::limit_queue;
use crate::{Bench, FAILED, Workflows, task};

fn start_within(name: &str, seconds: u64) -> WorkflowTask {
    task(name).settings(Settings::new().start_within(Duration::from_secs(seconds)))
}

fn finish_within(name: &str, seconds: u64) -> WorkflowTask {
    task(name).settings(Settings::new().finish_within(Duration::from_secs(seconds)))
}

#[test]
fn a_task_that_does_not_start_in_time_fails() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        start_within("late", 60),
        task("after").after("late", Condition::Failure),
    ]);
    bench.queue.set_paused("default", true).unwrap();
    bench.advance(60_000);
    assert_eq!(bench.claim(1), []);
    assert_eq!(bench.states(&ids), [State::Failed, State::Queued]);
    assert_eq!(bench.task(ids[0]).reason, Some(Reason::Late));
    assert_eq!(bench.task(ids[0]).finished_at, Some(bench.now()));
}

#[test]
fn a_late_task_no_longer_waits_for_its_dependency() {
    let bench = Bench::default();
    let late = start_within("late", 60).after("a", Condition::Success);
    let ids = bench.flow(vec![task("a"), late]);
    bench.advance(60_000);
    assert_eq!(bench.claim_ids(5), ids[..1]);
    assert_eq!(bench.state(ids[1]), State::Failed);
    let invariants = bench.queue.verify().unwrap();
    assert!(invariants.iter().all(Invariant::holds), "{invariants:?}");
}

#[test]
fn the_earliest_late_tasks_fail_first_if_one_claim_cannot_handle_all() {
    let bench = Bench::default();
    let tasks = (0..1_100).map(|index| start_within("late", 1_100 - index));
    let ids = bench.flow(tasks.collect());
    bench.queue.set_paused("default", true).unwrap();
    bench.advance(1_100_000);
    assert_eq!(bench.claim(1), []);
    let in_time = bench.states(&ids).into_iter();
    let in_time = in_time.take_while(|state| *state == State::Queued).count();
    assert!(in_time > 0, "so many at once hold nobody up");
    let late = vec![State::Failed; ids.len() - in_time];
    assert_eq!(bench.states(&ids[in_time..]), late, "the last end first");
}

#[test]
fn a_task_that_started_in_time_may_be_retried() {
    let bench = Bench::default();
    let ids = bench.flow(vec![start_within("task", 60)]);
    bench.end(ids[0], FAILED);
    bench.advance(600_000);
    assert_eq!(bench.drain(), ids);
}

#[test]
fn the_time_limit_includes_waiting_and_skips_the_dependents() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        start_within("a", 60),
        start_within("b", 60).after("a", Condition::Success),
        start_within("c", 60).after("b", Condition::Success),
    ]);
    bench.advance(60_000);
    assert_eq!(bench.claim(1), []);
    assert_eq!(
        bench.states(&ids),
        [State::Failed, State::Skipped, State::Skipped]
    );
}

#[test]
fn a_scheduled_task_of_a_workflow_is_claimed_once_due() {
    let bench = Bench::default();
    bench.shell("first");
    bench.shell("second");
    bench.claim(1);
    let mut urgent = task("urgent");
    urgent.task = urgent.task.priority(5).run_at(bench.later(50));
    let ids = bench.flow(vec![urgent, task("third")]);
    bench.advance(50);
    assert_eq!(bench.claim_ids(1), ids[..1]);
}

#[test]
fn the_time_limit_runs_from_run_at() {
    let bench = Bench::default();
    let mut later = start_within("later", 60);
    later.task.run_at = Some(bench.later(100_000));
    let ids = bench.flow(vec![later]);
    bench.advance(159_999);
    assert_eq!(bench.drain(), ids);
}

#[test]
fn the_previous_claim_tells_when_a_task_will_be_late() {
    let bench = Bench::default();
    bench.flow(vec![start_within("late", 60)]);
    bench.queue.set_paused("default", true).unwrap();
    let request =
        queue_core::ClaimRequest::new(queue_testing::conformance::WORKER, 1).commands(true);
    let claims = bench.queue.claim(&request).unwrap();
    assert_eq!(claims.next_due, Some(bench.later(60_000)));
}

#[test]
fn a_deadline_bounds_the_timeout_of_every_attempt() {
    let bench = Bench::default();
    let mut both = finish_within("both", 60);
    both.task.options.timeout_ms = Some(10_000);
    bench.flow(vec![both]);
    let timeout = |bench: &Bench| bench.claim(1)[0].options.timeout_ms;
    assert_eq!(timeout(&bench), Some(10_000));
    bench
        .queue
        .reap(queue_testing::conformance::WORKER)
        .unwrap();
    bench.advance(55_000);
    assert_eq!(timeout(&bench), Some(5_000));
}

#[test]
fn a_deadline_bounds_the_timeout_of_a_claim_of_one_task_too() {
    let bench = Bench::default();
    bench.flow(vec![finish_within("task", 60)]);
    bench.add(NewTask::shell("first", "true").priority(9));
    // A claim that need not look for due tasks is a single statement.
    bench.claim(1);
    assert_eq!(bench.claim(1)[0].options.timeout_ms, Some(60_000));
}

#[test]
fn a_deadline_bounds_the_timeout_of_a_claim_from_a_limited_queue_too() {
    let bench = Bench::default();
    limit_queue(&bench, Some(9), None);
    let mut both = finish_within("both", 60);
    both.task.options.timeout_ms = Some(10_000);
    bench.flow(vec![both]);
    assert_eq!(bench.claim(1)[0].options.timeout_ms, Some(10_000));
    bench
        .queue
        .reap(queue_testing::conformance::WORKER)
        .unwrap();
    bench.advance(55_000);
    assert_eq!(bench.claim(1)[0].options.timeout_ms, Some(5_000));
}

#[test]
fn the_slot_offered_to_a_late_task_goes_to_the_next() {
    let bench = Bench::default();
    let limit = Limit::key(b"k").concurrency(1);
    bench.queue.set_limit(&limit).unwrap();
    let by_key = |start_within| {
        let mut settings = Settings::new().limit_key(b"k");
        settings.start_within = start_within;
        task("t").settings(settings)
    };
    let late = by_key(Some(Duration::from_secs(60)));
    let ids = bench.flow(vec![late, by_key(None)]);
    bench.advance(60_000);
    assert_eq!(bench.claim_ids(5), ids[1..]);
}

#[test]
fn an_attempt_ended_by_the_deadline_is_the_last() {
    let bench = Bench::default();
    let ids = bench.flow(vec![finish_within("slow", 60)]);
    let claim = bench.claim_only();
    bench.advance(60_000);
    bench.settle(claim, Outcome::TimedOut);
    let task = bench.task(ids[0]);
    assert_eq!(
        (task.state, task.reason),
        (State::Failed, Some(Reason::Deadline))
    );
}

#[test]
fn the_last_attempt_fails_by_the_deadline_only_if_the_deadline_ended_it() {
    for (ran, outcome, reason) in [
        (60_000, Outcome::TimedOut, Reason::Deadline),
        (59_999, Outcome::TimedOut, Reason::Timeout),
        (60_000, FAILED, Reason::Exit),
    ] {
        let bench = Bench::default();
        let mut last = finish_within("last", 60);
        last.task.options.max_attempts = 1;
        let ids = bench.flow(vec![last]);
        let claim = bench.claim_only();
        bench.advance(ran);
        bench.settle(claim, outcome);
        assert_eq!(bench.task(ids[0]).reason, Some(reason), "{ran} ms");
    }
}

#[test]
fn a_retry_due_after_the_deadline_fails_the_task_at_once() {
    let bench = Bench::default();
    let mut task = finish_within("task", 60);
    task.task.options.backoff_ms = 1_000_000;
    task.task.options.max_backoff_ms = 1_000_000;
    let ids = bench.flow(vec![task]);
    bench.end(ids[0], FAILED);
    let task = bench.task(ids[0]);
    assert_eq!(
        (task.state, task.reason),
        (State::Failed, Some(Reason::Deadline))
    );
    assert_eq!(task.exit_code, Some(1));
}

#[test]
fn a_deadline_fails_a_task_between_attempts() {
    let bench = Bench::default();
    let ids = bench.flow(vec![finish_within("task", 60)]);
    bench.settle(
        bench.claim_only(),
        Outcome::Snoozed {
            until: bench.later(59_000),
        },
    );
    bench.advance(60_000);
    assert_eq!(bench.claim(1), []);
    let task = bench.task(ids[0]);
    assert_eq!(
        (task.state, task.reason),
        (State::Failed, Some(Reason::Deadline))
    );
}

#[test]
fn a_success_after_the_deadline_is_a_success() {
    let bench = Bench::default();
    let ids = bench.flow(vec![finish_within("task", 60)]);
    let claim = bench.claim_only();
    bench.advance(61_000);
    bench.settle(claim, Outcome::Succeeded);
    assert_eq!(bench.state(ids[0]), State::Succeeded);
}

#[test]
fn durations_out_of_range_are_refused() {
    let bench = Bench::default();
    for seconds in [0, 101 * 366 * 86_400] {
        let error = bench
            .queue
            .enqueue_workflow(vec![start_within("task", seconds)]);
        assert!(
            error
                .unwrap_err()
                .to_string()
                .contains("a duration must be")
        );
    }
}

#[test]
fn a_re_opened_task_gets_its_whole_time_again() {
    let bench = Bench::default();
    let both = |name: &str, start: u64, finish: u64| {
        task(name).settings(
            Settings::new()
                .start_within(Duration::from_secs(start))
                .finish_within(Duration::from_secs(finish)),
        )
    };
    let ids = bench.flow(vec![
        start_within("start", 60),
        finish_within("finish", 60),
        both("both", 60, 30),
        task("first"),
        start_within("behind", 60).after("first", Condition::Success),
        task("plain"),
    ]);
    bench.queue.cancel(&ids).unwrap();
    bench.advance(1_000_000);
    bench.queue.retry(&ids).unwrap();
    let reopened = bench.now();
    let deadline = |id| bench.queue.details(id).unwrap().unwrap().deadline_at;
    let after = |seconds| Some(reopened.after(Duration::from_secs(seconds)));
    let deadlines = [None, after(60), after(30), None, None, None];
    assert_eq!(
        ids.iter().map(|id| deadline(*id)).collect::<Vec<_>>(),
        deadlines
    );

    bench.queue.set_paused("default", true).unwrap();
    bench.advance(29_999);
    bench.claim(1);
    assert_eq!(bench.state(ids[2]), State::Queued);
    bench.advance(1);
    bench.claim(1);
    assert_eq!(bench.state(ids[2]), State::Failed);
    bench.advance(29_999);
    bench.claim(1);
    assert_eq!(bench.states(&ids[..2]), [State::Queued; 2]);
    bench.advance(1);
    bench.claim(1);
    let (failed, queued) = (State::Failed, State::Queued);
    assert_eq!(
        bench.states(&ids),
        [failed, failed, failed, queued, failed, queued]
    );
    let reasons = [0, 1, 2].map(|place: usize| bench.task(ids[place]).reason.unwrap());
    assert_eq!(reasons, [Reason::Late, Reason::Deadline, Reason::Deadline]);
}
