use std::time::Duration;

use super::{Bench, Engine, OTHER, WORKER, settlement};
use queue_core::Usage;
use queue_core::claim::{Claim, ClaimRequest, WorkerId};
use queue_core::options::TaskOptions;
use queue_core::outcome::{Outcome, Reason, Settled};
use queue_core::queue::Queue;
use queue_core::sidecar::Signal;
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};

fn attempts(max_attempts: u32) -> NewTask {
    NewTask::shell("task", "true").options(TaskOptions::new().max_attempts(max_attempts))
}

pub fn a_success_ends_the_task<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    bench.advance(5);
    let settled = bench.settle(claim, Outcome::Succeeded);
    assert_eq!(settled, Settled::Recorded(State::Succeeded));
    let task = bench.task(id);
    assert_eq!((task.state, task.exit_code), (State::Succeeded, Some(0)));
    assert_eq!((task.attempt, task.crashes), (1, 0));
    assert_eq!(task.finished_at, Some(bench.now()));
    assert_eq!((task.reason, task.signal, task.message), (None, None, None));
    assert_eq!(bench.claim(1), []);
}

/// Bug: a task counted as finished when the file let its end be recorded. Cost: while another
/// program held the file, `show` reported 4.6 s for a command of 1 s. Fix: a settlement carries the
/// time of the end.
pub fn a_task_finishes_at_the_end_of_its_execution<E: Engine>() {
    let bench = Bench::<E>::default();
    for outcome in [
        Outcome::Succeeded,
        Outcome::Exited { code: 1 },
        Outcome::TimedOut,
    ] {
        let id = bench.add(attempts(1));
        let claim = bench.claim_only();
        bench.advance(1_000);
        let (ended_at, finished_at) = (bench.queue.now().boot, bench.now());
        bench.advance(3_600);
        let settled = bench
            .queue
            .settle(vec![settlement(claim, outcome, None).ended_at(ended_at)]);
        assert!(matches!(settled.unwrap()[..], [Settled::Recorded(_)]));
        assert_eq!(bench.task(id).finished_at, Some(finished_at));
    }
}

pub fn a_task_has_the_usage_of_its_last_execution<E: Engine>() {
    let bench = Bench::<E>::default();
    let settle = |settlement| bench.queue.settle(vec![settlement]).unwrap();
    let used = Usage::new(Some(1_500), Some(70_000));
    for (outcome, output) in [
        (Outcome::Succeeded, None),
        (Outcome::Succeeded, Some("o1\nx")),
        (Outcome::Exited { code: 1 }, None),
        (Outcome::TimedOut, Some("o1\nx")),
    ] {
        let id = bench.add(attempts(1));
        let claim = bench.claim_only();
        settle(settlement(claim, outcome, output).usage(used));
        assert_eq!(bench.task(id).usage, used);
        let history = bench.queue.history(id).unwrap().unwrap();
        let end = history.last().unwrap();
        assert_eq!((end.cpu_us, end.rss_kb), (used.cpu_us, used.rss_kb));
    }
    let id = bench.add(attempts(3));
    settle(settlement(bench.claim_only(), Outcome::Returned, None).usage(used));
    assert_eq!(bench.task(id).usage, used);
    bench.claim_only();
    bench.queue.reap(WORKER).unwrap();
    assert_eq!(bench.task(id).usage, Usage::default(), "its worker died");
    let partly = Usage::new(Some(u64::MAX), None);
    settle(settlement(bench.claim_only(), Outcome::TimedOut, None).usage(partly));
    let most = Usage::new(u64::try_from(i64::MAX).ok(), None);
    assert_eq!(bench.task(id).usage, most);
    bench.advance(600_000);
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    assert_eq!(bench.task(id).usage, Usage::default(), "a handler has none");
    let failed = bench.add(attempts(1));
    settle(settlement(bench.claim_only(), Outcome::TimedOut, None).usage(used));
    bench.queue.retry(&[failed]).unwrap();
    assert_eq!(bench.task(failed).usage, Usage::default());
}

/// An end in the future, by a clock that another process has read, is recorded as now.
pub fn no_task_finishes_after_it_is_recorded<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let ahead = bench.queue.now().boot.after(Duration::from_secs(9));
    let settled = bench.queue.settle(vec![
        settlement(bench.claim_only(), Outcome::Succeeded, None).ended_at(ahead),
    ]);
    assert_eq!(settled.unwrap(), [Settled::Recorded(State::Succeeded)]);
    assert_eq!(bench.task(id).finished_at, Some(bench.now()));
}

pub fn a_success_clears_earlier_attempts_except_their_count<E: Engine>() {
    let bench = Bench::<E>::default();
    let message = "no".to_owned();
    for earlier in [
        Outcome::Signalled { signal: 9 },
        Outcome::Panicked { message },
    ] {
        let id = bench.shell("task");
        bench.claim_only();
        bench.queue.reap(WORKER).unwrap();
        bench.settle(bench.claim_only(), earlier);
        bench.advance(600_000);
        bench.settle(bench.claim_only(), Outcome::Succeeded);
        let task = bench.task(id);
        assert_eq!((task.state, task.exit_code), (State::Succeeded, Some(0)));
        assert_eq!((task.attempt, task.crashes), (2, 1));
        assert_eq!((task.reason, task.signal, task.message), (None, None, None));
    }
}

pub fn a_settle_keeps_the_time_a_task_was_scheduled_for<E: Engine>() {
    let bench = Bench::<E>::default();
    let failed = Outcome::Exited { code: 1 };
    for outcome in [Outcome::Succeeded, failed, Outcome::Returned] {
        let run_at = bench.later(10);
        let id = bench.add(attempts(1).run_at(run_at));
        bench.advance(10);
        bench.settle(bench.claim_only(), outcome);
        assert_eq!(bench.task(id).run_at, Some(run_at));
    }
}

pub fn a_failed_attempt_waits_for_its_backoff_and_is_claimed_again<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let settled = bench.settle(bench.claim_only(), Outcome::Exited { code: 7 });
    assert_eq!(settled, Settled::Recorded(State::Scheduled));
    let task = bench.task(id);
    assert_eq!((task.exit_code, task.reason), (Some(7), Some(Reason::Exit)));
    let wait = task.run_at.unwrap().since(bench.now());
    assert!((500..=1_000).contains(&wait), "{wait}");
    assert_eq!(bench.claim(1), []);
    bench.advance(u64::try_from(wait).unwrap());
    let again = bench.claim(1).remove(0);
    assert_eq!((again.claim.task, again.attempt), (id, 2));
    bench.settle(again.claim, Outcome::Succeeded);
    let task = bench.task(id);
    assert_eq!((task.state, task.exit_code), (State::Succeeded, Some(0)));
    assert_eq!((task.reason, task.crashes), (None, 0));
}

pub fn a_task_out_of_attempts_has_failed<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.add(attempts(3));
    for attempt in 1..=3 {
        bench.advance(600_000);
        let claimed = bench.claim(1).remove(0);
        assert_eq!(claimed.attempt, attempt);
        bench.settle(claimed.claim, Outcome::TimedOut);
    }
    let task = bench.task(id);
    assert_eq!((task.state, task.attempt), (State::Failed, 3));
    assert_eq!(task.reason, Some(Reason::Timeout));
    assert_eq!(task.finished_at, Some(bench.now()));
    bench.advance(600_000);
    assert_eq!(bench.claim(1), []);
}

pub fn every_kind_of_failure_is_recorded_with_its_own_reason<E: Engine>() {
    let bench = Bench::<E>::default();
    let message = || "kaputt: ü".to_owned();
    let failed = |fatal| Outcome::HandlerFailed {
        message: message(),
        fatal,
    };
    let not_started = Outcome::NotStarted { message: message() };
    let panicked = Outcome::Panicked { message: message() };
    let cases = [
        (
            Outcome::Exited { code: 3 },
            Reason::Exit,
            Some(3),
            None,
            None,
        ),
        (
            Outcome::Signalled { signal: 9 },
            Reason::Signal,
            None,
            Some(9),
            None,
        ),
        (Outcome::TimedOut, Reason::Timeout, None, None, None),
        (not_started, Reason::NotStarted, None, None, Some(message())),
        (
            failed(true),
            Reason::HandlerError,
            None,
            None,
            Some(message()),
        ),
        (
            failed(false),
            Reason::HandlerError,
            None,
            None,
            Some(message()),
        ),
        (panicked, Reason::HandlerPanic, None, None, Some(message())),
    ];
    for (outcome, reason, exit_code, signal, message) in cases {
        let task = bench.task(bench.ended(attempts(1), outcome));
        assert_eq!((task.state, task.reason), (State::Failed, Some(reason)));
        assert_eq!((task.exit_code, task.signal), (exit_code, signal));
        assert_eq!(task.message, message);
    }
}

pub fn a_fatal_failure_is_not_retried<E: Engine>() {
    let bench = Bench::<E>::default();
    let fatal = Outcome::HandlerFailed {
        message: "no".to_owned(),
        fatal: true,
    };
    let id = bench.ended(attempts(3), fatal);
    assert_eq!(bench.state(id), State::Failed);
    let listed = TaskOptions::new().retry_codes([75]);
    let task = NewTask::shell("listed", "exit 1").options(listed);
    let id = bench.ended(task, Outcome::Exited { code: 1 });
    assert_eq!(bench.state(id), State::Failed);
}

pub fn a_returned_task_is_queued_at_once_and_counts_no_attempt<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.add(attempts(1));
    for _ in 0..3 {
        let settled = bench.settle(bench.claim_only(), Outcome::Returned);
        assert_eq!(settled, Settled::Recorded(State::Queued));
    }
    let task = bench.task(id);
    assert_eq!((task.attempt, task.crashes, task.token), (0, 0, 3));
    assert_eq!(bench.claim(1)[0].attempt, 1);
}

pub fn a_snoozed_task_is_due_at_the_requested_time<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.add(attempts(1));
    let until = bench.later(5_000);
    let settled = bench.settle(bench.claim_only(), Outcome::Snoozed { until });
    assert_eq!(settled, Settled::Recorded(State::Scheduled));
    let task = bench.task(id);
    assert_eq!((task.run_at, task.attempt), (Some(until), 0));
    bench.advance(4_999);
    assert_eq!(bench.claim(1), []);
    bench.advance(1);
    assert_eq!(bench.claim(1)[0].attempt, 1);
}

pub fn a_repeated_settle_gives_the_same_answer_and_changes_nothing<E: Engine>() {
    let bench = Bench::<E>::default();
    for (outcome, state) in [
        (Outcome::Succeeded, State::Succeeded),
        (Outcome::Exited { code: 1 }, State::Failed),
        (Outcome::Returned, State::Queued),
    ] {
        let id = bench.add(attempts(1));
        let claim = bench.claim_only();
        assert_eq!(
            bench.settle(claim, outcome.clone()),
            Settled::Recorded(state)
        );
        let before = bench.task(id);
        bench.advance(1_000);
        assert_eq!(bench.settle(claim, outcome), Settled::Recorded(state));
        assert_eq!(bench.task(id), before);
        assert_eq!(
            bench.settle(claim, Outcome::TimedOut),
            Settled::Recorded(state),
            "the first outcome stands"
        );
        assert_eq!(bench.task(id), before);
        bench.queue.cancel(&[id]).unwrap();
    }
}

pub fn a_settle_and_a_claim_in_one_call_are_both_done<E: Engine>() {
    let bench = Bench::<E>::default();
    let ids = ["a", "b", "c", "d"].map(|name| bench.shell(name));
    let held = bench.claim(2);
    let stale = Claim {
        token: held[1].claim.token + 1,
        ..held[1].claim
    };
    let settlements = vec![
        settlement(held[0].claim, Outcome::Returned, None),
        settlement(stale, Outcome::Succeeded, None),
    ];
    let request = ClaimRequest::new(WORKER, 2).commands(true);
    let (settled, claims) = bench.queue.settle_and_claim(settlements, &request).unwrap();
    assert_eq!(
        settled,
        [Settled::Recorded(State::Queued), Settled::ClaimLost]
    );
    let claimed: Vec<_> = claims.unwrap().tasks;
    let taken: Vec<_> = claimed.iter().map(|task| task.claim.task).collect();
    assert_eq!(
        taken,
        [ids[0], ids[2]],
        "a returned task can be claimed in the same call"
    );
    assert_eq!(claimed[0].claim.token, 2);
    let states = ids.map(|id| bench.state(id));
    let running = State::Running;
    assert_eq!(states, [running, running, running, State::Queued]);
}

pub fn a_stale_claim_writes_nothing<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let stale = bench.claim_only();
    // The success of a first attempt without output is recorded on a way of its own.
    let (worker, token) = (OTHER, stale.token + 1);
    for forged in [Claim { worker, ..stale }, Claim { token, ..stale }] {
        let settled = bench.settle(forged, Outcome::Succeeded);
        assert_eq!(settled, Settled::ClaimLost);
    }
    bench.settle(stale, Outcome::Returned);
    let claim = bench.claim_only();
    let before = bench.task(id);
    let forged = [
        stale,
        Claim {
            worker: OTHER,
            ..claim
        },
        Claim {
            token: claim.token + 1,
            ..claim
        },
        Claim {
            task: TaskId(999),
            ..claim
        },
    ];
    for claim in forged {
        for outcome in [Outcome::Succeeded, Outcome::TimedOut, Outcome::Returned] {
            let settled = bench.settle_with(claim, outcome, Some("o3\nbad"));
            assert_eq!(settled, Settled::ClaimLost);
        }
    }
    assert_eq!(bench.task(id), before);
    assert_eq!(bench.queue.output(id).unwrap(), None);
}

pub fn a_reaped_worker_has_lost_its_claims<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    bench.queue.reap(WORKER).unwrap();
    for outcome in [Outcome::Succeeded, Outcome::Exited { code: 1 }] {
        assert_eq!(bench.settle(claim, outcome), Settled::ClaimLost);
    }
    assert_eq!(bench.state(id), State::Queued);
}

pub fn a_lost_claim_does_not_affect_the_others_of_its_batch<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.queue.enqueue(vec![attempts(1); 3]).unwrap();
    let claims: Vec<_> = bench.claim(3).iter().map(|one| one.claim).collect();
    let stale = Claim {
        worker: OTHER,
        ..claims[1]
    };
    let settled = bench.queue.settle(vec![
        settlement(claims[0], Outcome::Succeeded, None),
        settlement(stale, Outcome::Succeeded, None),
        settlement(claims[2], Outcome::TimedOut, Some("o1\nx")),
    ]);
    let expected = [
        Settled::Recorded(State::Succeeded),
        Settled::ClaimLost,
        Settled::Recorded(State::Failed),
    ];
    assert_eq!(settled.unwrap(), expected);
    assert_eq!(bench.state(claims[1].task), State::Running);
}

pub fn output_is_kept_with_the_last_settle_only<E: Engine>() {
    let bench = Bench::<E>::default();
    let other = bench.shell("other");
    bench.settle_with(bench.claim_only(), Outcome::Succeeded, Some("o2\nhi"));
    let id = bench.shell("task");
    let output = || bench.queue.output(id).unwrap().map(|output| output.0);
    assert_eq!(output(), None);
    bench.settle_with(bench.claim_only(), Outcome::TimedOut, Some("o5\nfirst"));
    assert_eq!(output(), Some(b"o5\nfirst".to_vec()));
    bench.advance(10_000);
    bench.settle_with(bench.claim_only(), Outcome::TimedOut, Some("o3\n2nd"));
    assert_eq!(output(), Some(b"o3\n2nd".to_vec()));
    bench.advance(10_000);
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    assert_eq!(
        output(),
        None,
        "the output of an earlier attempt is not shown as this one's"
    );
    assert!(bench.queue.output(other).unwrap().is_some());
}

pub fn a_long_message_is_cut_between_characters<E: Engine>() {
    let bench = Bench::<E>::default();
    // The one-byte character in front puts the cut within a two-byte one.
    let message = format!("a{}", "ü".repeat(1 << 20));
    let id = bench.ended(attempts(1), Outcome::Panicked { message });
    let stored = bench.task(id).message.unwrap();
    assert!(stored.len() <= 1 << 16, "{} bytes", stored.len());
    assert!(stored.starts_with("aüü") && stored[1..].chars().all(|c| c == 'ü'));
}

pub fn settling_nothing_does_nothing<E: Engine>() {
    let bench = Bench::<E>::default();
    assert_eq!(bench.queue.settle(Vec::new()).unwrap(), []);
}

pub fn a_task_that_waits_again_wakes_an_idle_worker<E: Engine>() {
    let bench = Bench::<E>::default();
    let idle = bench.idle_worker();
    for _ in 0..4 {
        bench.add(attempts(1));
    }
    let claims: Vec<_> = bench.claim(4).iter().map(|task| task.claim).collect();
    idle.received();
    let wakes = |claim, outcome| {
        bench.settle(claim, outcome);
        idle.received() == [Signal::Tasks]
    };
    assert!(!wakes(claims[0], Outcome::Succeeded));
    assert!(!wakes(claims[1], Outcome::Exited { code: 1 }), "it failed");
    assert!(wakes(claims[2], Outcome::Returned));
    let until = bench.later(5_000);
    assert!(wakes(claims[3], Outcome::Snoozed { until }), "a time");
}

pub fn tasks_that_fail_together_are_retried_at_different_times<E: Engine>() {
    let bench = Bench::<E>::default();
    for _ in 0..4 {
        bench.add(
            NewTask::shell("task", "true").options(
                TaskOptions::new()
                    .backoff_ms(3_600_000)
                    .max_backoff_ms(3_600_000),
            ),
        );
    }
    let failed = bench.claim(4).into_iter().map(|task| {
        let outcome = Outcome::Exited { code: 1 };
        settlement(task.claim, outcome, None)
    });
    let ids: Vec<_> = (1..=4).map(TaskId).collect();
    bench.queue.settle(failed.collect()).unwrap();
    let mut times: Vec<_> = ids.iter().map(|id| bench.task(*id).run_at).collect();
    times.sort_unstable();
    times.dedup();
    assert_eq!(times.len(), 4, "{times:?}");
}

pub fn processes_that_wait_for_tasks_to_end_are_told<E: Engine>() {
    let bench = Bench::<E>::default();
    let listener = bench.another().coordination().listen(WorkerId(7)).unwrap();
    let told = || listener.wait(Duration::ZERO).unwrap();
    let ids: Vec<_> = (0..6).map(|_| bench.shell("task")).collect();
    let claims: Vec<_> = bench.claim(5).iter().map(|task| task.claim).collect();
    assert!(!told(), "nothing has ended");
    bench.settle(claims[0], Outcome::Succeeded);
    assert!(told(), "alone");
    let both = [
        settlement(claims[1], Outcome::Succeeded, None),
        settlement(claims[2], Outcome::Exited { code: 1 }, None),
    ];
    bench.queue.settle(both.to_vec()).unwrap();
    assert!(told(), "together");
    let (_, wake) = E::transaction(&bench.path(), true, |tx| {
        let success = settlement(claims[3], Outcome::Succeeded, None);
        bench.queue.settle_in(tx, &[success]).unwrap()
    });
    assert!(!told(), "the caller notifies after its commit");
    wake.fire();
    assert!(told(), "in a transaction");
    bench.queue.cancel(&[ids[5]]).unwrap();
    assert!(told(), "cancelled");
    bench.queue.reap(WORKER).unwrap();
    assert!(told(), "its worker died");
}
