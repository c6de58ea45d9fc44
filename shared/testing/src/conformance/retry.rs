//! Retry.

use super::tasks::once;
use super::{Bench, Engine, WORKER};
use queue_core::options::TaskOptions;
use queue_core::outcome::{Outcome, Settled};
use queue_core::output::{KEPT_OUTPUTS, Output};
use queue_core::queue::{Change, Queue};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};

pub fn retry_queues_ended_tasks_with_fresh_budgets<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.add(once("once").run_at(bench.later(10)));
    bench.advance(10);
    bench.claim_only();
    bench.queue.reap(WORKER).unwrap();
    let claim = bench.claim_only();
    bench.settle_with(claim, Outcome::Exited { code: 9 }, Some("o3\nold"));
    assert_eq!(bench.task(id).crashes, 1);
    let done = [Change::Done(State::Queued)];
    assert_eq!(bench.queue.retry(&[id]).unwrap(), done);
    let task = bench.task(id);
    assert_eq!(
        (task.state, task.attempts_spent(), task.crashes),
        (State::Queued, 0, 0)
    );
    assert_eq!((task.exit_code, task.reason), (None, None));
    let times = (task.started_at, task.finished_at, task.run_at);
    assert_eq!(times, (None, None, None));
    assert!(
        bench.queue.output(id).unwrap().is_some(),
        "until overwritten"
    );
    let again = bench.claim(1).remove(0);
    assert!(again.claim.token > claim.token, "tokens never repeat");
    bench.settle(again.claim, Outcome::Succeeded);
    assert_eq!(bench.queue.output(id).unwrap(), None);
}

pub fn retry_clears_every_field_of_the_former_end<E: Engine>() {
    let bench = Bench::<E>::default();
    let message = "no".to_owned();
    for outcome in [
        Outcome::Exited { code: 9 },
        Outcome::Signalled { signal: 9 },
        Outcome::Panicked { message },
    ] {
        let id = bench.ended(once("once"), outcome);
        bench.queue.retry(&[id]).unwrap();
        let task = bench.task(id);
        let traces = (task.exit_code, task.signal, task.reason, task.message);
        assert_eq!(traces, (None, None, None, None));
        bench.queue.cancel(&[id]).unwrap();
    }
}

/// After a retry, attempt 1 was made twice: the second overwrote the log and the record of the
/// first. Now the numbers continue, and the budget counts attempts since the retry.
pub fn attempt_numbers_continue_after_a_retry_and_budgets_begin_again<E: Engine>() {
    let bench = Bench::<E>::default();
    let id =
        bench.add(NewTask::shell("twice", "false").options(TaskOptions::new().max_attempts(2)));
    let mut seen = Vec::new();
    for _ in 0..3 {
        for left in [State::Scheduled, State::Failed] {
            bench.advance(600_000);
            let claimed = bench.claim(1).remove(0);
            seen.push(claimed.attempt);
            let settled = bench.settle(claimed.claim, Outcome::Exited { code: 1 });
            assert_eq!(
                settled,
                Settled::Recorded(left),
                "attempt {}",
                claimed.attempt
            );
        }
        let task = bench.task(id);
        assert_eq!(task.attempts_spent(), 2);
        bench.queue.retry(&[id]).unwrap();
        let task = bench.task(id);
        assert_eq!(
            (task.attempts_spent(), task.attempt_base),
            (0, task.attempt)
        );
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6]);
    bench.advance(600_000);
    let claim = bench.claim_only();
    bench.settle(claim, Outcome::Exited { code: 1 });
    let delay = bench.task(id).run_at.unwrap().since(bench.now());
    let backoff = i64::try_from(TaskOptions::default().backoff_ms).unwrap();
    assert!(delay <= backoff, "the backoff begins anew: {delay} ms");
}

pub fn a_lost_attempt_keeps_its_number_when_its_task_is_retried<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.add(NewTask::shell("deadly", "true").options(TaskOptions::new().max_crashes(2)));
    for _ in 0..2 {
        assert_eq!(bench.claim(1)[0].attempt, 1, "a crash counts as no attempt");
        bench.queue.reap(WORKER).unwrap();
    }
    assert_eq!(bench.state(id), State::Failed);
    bench.queue.retry(&[id]).unwrap();
    assert_eq!(bench.task(id).attempts_spent(), 0);
    assert_eq!(bench.claim(1)[0].attempt, 2, "its log is not overwritten");
}

pub fn a_return_that_ends_its_task_keeps_its_number<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    bench.queue.cancel(&[id]).unwrap();
    bench.settle_with(claim, Outcome::Returned, Some("o2\n1\n"));
    bench.queue.retry(&[id]).unwrap();
    let claimed = bench.claim(1).remove(0);
    assert_eq!(claimed.attempt, 2);
    bench.settle(claimed.claim, Outcome::Succeeded);
    assert!(bench.queue.output_of(id, 1).unwrap().is_some());
}

/// The output of an attempt was deleted at the end of the next.
pub fn the_output_of_each_recent_attempt_is_kept<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.add(once("once"));
    let last = KEPT_OUTPUTS + 3;
    let frames = |attempt: u32| format!("o5\n{attempt:05}");
    for attempt in 1..=last {
        // The third writes nothing.
        let output = (attempt != last - 2).then(|| frames(attempt));
        let claim = bench.claim_only();
        bench.settle_with(claim, Outcome::Exited { code: 1 }, output.as_deref());
        bench.queue.retry(&[id]).unwrap();
    }
    let kept = |attempt| bench.queue.output_of(id, attempt).unwrap();
    for attempt in 0..=last + 1 {
        let is_kept = attempt > last - KEPT_OUTPUTS && attempt != last - 2 && attempt <= last;
        let wrote = is_kept.then(|| Output(frames(attempt).into_bytes()));
        assert_eq!(kept(attempt), wrote, "attempt {attempt}");
    }
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    assert_eq!(bench.queue.output(id).unwrap(), None);
    assert!(kept(last).is_some());
}

pub fn a_cancelled_task_can_be_retried_and_is_not_cancelled_again<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    bench.queue.cancel(&[id]).unwrap();
    bench.settle(claim, Outcome::Signalled { signal: 15 });
    bench.queue.retry(&[id]).unwrap();
    assert_eq!(bench.task(id).cancel_requested_at, None);
    let settled = bench.settle(bench.claim_only(), Outcome::Exited { code: 1 });
    assert_eq!(settled, Settled::Recorded(State::Scheduled));
}

pub fn retry_refuses_succeeded_and_unfinished_tasks<E: Engine>() {
    let bench = Bench::<E>::default();
    let good = bench.ended(once("once"), Outcome::Succeeded);
    let running = bench.shell("running");
    bench.claim_only();
    let queued = bench.shell("queued");
    let changes = bench
        .queue
        .retry(&[good, running, queued, TaskId(77)])
        .unwrap();
    let expected = [
        Change::Refused(State::Succeeded),
        Change::Refused(State::Running),
        Change::Refused(State::Queued),
        Change::NotFound,
    ];
    assert_eq!(changes, expected);
    assert_eq!(bench.state(good), State::Succeeded);
}
