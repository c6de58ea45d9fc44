//! Leases, heartbeats, expiry, fencing.

use std::time::Duration;

use queue_core::claim::{Claim, Held};
use queue_core::clock::BootTime;
use queue_core::outcome::{Outcome, Reason, Settled};
use queue_core::queue::{Invariant, Queue, Reaped};
use queue_core::state::State;
use queue_core::task::NewTask;
use queue_testing::conformance::{OTHER, WORKER};
use rusqlite::Connection;
use workflow_queue::{SqliteOptions, WorkflowQueue};

use crate::{Bench, Workflows};

#[test]
fn a_claim_expires_when_its_lease_has_run_out() {
    let bench = Bench::default();
    bench.shell("task");
    let claim = bench.claim_only();
    bench.advance(29_999);
    assert_eq!(bench.queue.expired().unwrap(), []);
    bench.advance(1);
    assert_eq!(bench.queue.expired().unwrap(), [claim]);
}

#[test]
fn a_claim_of_one_task_has_a_lease_too() {
    let bench = Bench::default();
    bench.shell("first");
    bench.shell("second");
    // A claim that need not look for due tasks is a single statement.
    let claims = [bench.claim(1)[0].claim, bench.claim(1)[0].claim];
    bench.advance(30_000);
    assert_eq!(bench.queue.expired().unwrap(), claims);
}

#[test]
fn a_heartbeat_extends_the_lease() {
    let bench = Bench::default();
    bench.shell("task");
    let claim = bench.claim_only();
    for _ in 0..10 {
        bench.advance(20_000);
        assert_eq!(bench.queue.heartbeat(&[claim]).unwrap(), [Held::Held]);
        assert_eq!(bench.queue.expired().unwrap(), []);
    }
    bench.advance(30_000);
    assert_eq!(bench.queue.expired().unwrap(), [claim]);
}

#[test]
fn a_late_heartbeat_extends_a_claim_that_no_worker_took() {
    let bench = Bench::default();
    bench.shell("task");
    let claim = bench.claim_only();
    bench.advance(31_000);
    let expired = bench.queue.expired().unwrap();
    assert_eq!(bench.queue.heartbeat(&[claim]).unwrap(), [Held::Held]);
    assert_eq!(bench.queue.expire(&expired).unwrap(), []);
    assert_eq!(
        bench.settle(claim, Outcome::Succeeded),
        Settled::Recorded(State::Succeeded)
    );
}

#[test]
fn an_expired_claim_counts_a_crash_and_its_worker_can_no_longer_write() {
    let bench = Bench::default();
    let id = bench.shell("task");
    let stale = bench.claim_only();
    bench.advance(30_000);
    let reaped = bench.queue.expire(&bench.queue.expired().unwrap()).unwrap();
    assert_eq!(
        reaped,
        [Reaped {
            claim: stale,
            state: State::Queued
        }]
    );
    let task = bench.task(id);
    assert_eq!((task.attempt, task.crashes), (0, 1));
    assert_eq!(bench.queue.heartbeat(&[stale]).unwrap(), [Held::Lost]);
    assert_eq!(bench.settle(stale, Outcome::Succeeded), Settled::ClaimLost);
    let claim = bench.claim_as(OTHER, 1)[0];
    assert!(claim.token > stale.token);
    assert_eq!(bench.settle(stale, Outcome::Succeeded), Settled::ClaimLost);
    assert_eq!(
        bench.queue.heartbeat(&[stale, claim]).unwrap(),
        [Held::Lost, Held::Held]
    );
    assert_eq!(
        bench.settle(claim, Outcome::Succeeded),
        Settled::Recorded(State::Succeeded)
    );
    let attempts = bench.queue.attempts(id).unwrap();
    let began = bench.now().0 - 30_000;
    assert_eq!(attempts[0].started_at.0, began);
    assert_eq!(attempts[0].finished_at, bench.now());
    let ends: Vec<_> = attempts
        .iter()
        .map(|one| (one.worker, one.reason, one.state))
        .collect();
    let crash = (WORKER, Some(Reason::Crash), State::Queued);
    assert_eq!(ends, [crash, (OTHER, None, State::Succeeded)]);
}

#[test]
fn a_lost_claim_expires_nothing() {
    let bench = Bench::default();
    let id = bench.shell("task");
    let stale = bench.claim_only();
    bench.advance(30_000);
    bench.queue.expire(&[stale]).unwrap();
    let claim = bench.claim_as(OTHER, 1)[0];
    bench.advance(30_000);
    assert_eq!(bench.queue.expire(&[stale]).unwrap(), []);
    assert_eq!(bench.state(id), State::Running);
    bench.settle(claim, Outcome::Succeeded);
    assert_eq!(bench.queue.expire(&[claim]).unwrap(), []);
    assert_eq!(bench.state(id), State::Succeeded);
}

#[test]
fn a_heartbeat_of_a_lost_claim_does_not_extend_the_next_one() {
    let bench = Bench::default();
    bench.shell("task");
    let stale = bench.claim_only();
    bench.advance(30_000);
    bench.queue.expire(&[stale]).unwrap();
    let claim = bench.claim_as(OTHER, 1)[0];
    bench.advance(20_000);
    assert_eq!(bench.queue.heartbeat(&[stale]).unwrap(), [Held::Lost]);
    bench.advance(10_000);
    assert_eq!(bench.queue.expired().unwrap(), [claim]);
}

#[test]
fn only_the_claim_itself_extends_its_lease() {
    let bench = Bench::default();
    bench.shell("task");
    let stale = bench.claim_only();
    bench.settle(stale, Outcome::Returned);
    let claim = bench.claim_only();
    bench.advance(20_000);
    let of_other = Claim {
        worker: OTHER,
        ..claim
    };
    let held = bench.queue.heartbeat(&[stale, of_other]).unwrap();
    assert_eq!(held, [Held::Lost, Held::Lost]);
    bench.advance(10_000);
    assert_eq!(bench.queue.expired().unwrap(), [claim]);
}

#[test]
fn a_heartbeat_that_comes_after_the_end_leases_nothing() {
    let bench = Bench::default();
    bench.shell("task");
    let claim = bench.claim_only();
    bench.settle(claim, Outcome::Succeeded);
    assert_eq!(bench.queue.heartbeat(&[claim]).unwrap(), [Held::Lost]);
    let invariants = bench.queue.verify().unwrap();
    assert!(invariants.iter().all(Invariant::holds), "{invariants:?}");
}

/// A claim of fast-queue has no lease.
#[test]
fn a_heartbeat_leases_a_claim_that_had_no_lease() {
    let bench = Bench::default();
    bench.shell("task");
    let claim = bench.claim_only();
    Connection::open(bench.path())
        .unwrap()
        .execute("UPDATE queue_tasks SET lease_until = NULL", [])
        .unwrap();
    bench.advance(40_000);
    assert_eq!(bench.queue.expired().unwrap(), []);
    assert_eq!(bench.queue.heartbeat(&[claim]).unwrap(), [Held::Held]);
    bench.advance(30_000);
    assert_eq!(bench.queue.expired().unwrap(), [claim]);
}

#[test]
fn a_heartbeat_for_a_shorter_lease_shortens_none() {
    let bench = Bench::default();
    bench.shell("task");
    let claim = bench.claim_only();
    let mut options = SqliteOptions::new().unwrap();
    options.lease = Duration::from_secs(1);
    options.open.clock = std::sync::Arc::new(At(bench.queue.now().boot));
    let short = WorkflowQueue::open_with(bench.path(), options).unwrap();
    assert_eq!(short.heartbeat(&[claim]).unwrap(), [Held::Held]);
    bench.advance(29_999);
    assert_eq!(bench.queue.expired().unwrap(), []);
}

#[test]
fn leases_that_keep_running_out_spend_the_crashes() {
    let bench = Bench::default();
    let mut task = NewTask::shell("task", "true");
    task.options.max_crashes = 3;
    let id = bench.add(task);
    for _ in 0..3 {
        bench.claim_only();
        bench.advance(30_000);
        bench.queue.expire(&bench.queue.expired().unwrap()).unwrap();
    }
    let task = bench.task(id);
    assert_eq!(
        (task.state, task.reason),
        (State::Failed, Some(Reason::Crash))
    );
    assert_eq!(bench.queue.attempts(id).unwrap().len(), 3);
}

#[test]
fn setting_the_clock_changes_no_lease() {
    let bench = Bench::default();
    bench.shell("task");
    let claim = bench.claim_only();
    for millis in [86_400_000 * 365 * 73, -86_400_000 * 365 * 80] {
        bench.clock.jump(millis);
        assert_eq!(bench.queue.expired().unwrap(), []);
        assert_eq!(bench.queue.heartbeat(&[claim]).unwrap(), [Held::Held]);
    }
    bench.advance(30_000);
    assert_eq!(bench.queue.expired().unwrap(), [claim]);
}

#[test]
fn a_lease_from_before_a_reboot_is_over() {
    let bench = Bench::default();
    bench.advance(90 * 86_400_000);
    bench.shell("task");
    let claim = bench.claim_only();
    let rebooted = std::sync::Arc::new(At(BootTime(5_000)));
    let mut options = SqliteOptions::new().unwrap();
    options.open.clock = rebooted;
    let another = WorkflowQueue::open_with(bench.path(), options).unwrap();
    assert_eq!(another.expired().unwrap(), [claim]);
}

/// A clock that does not move.
#[derive(Debug)]
struct At(BootTime);

impl queue_core::clock::Clock for At {
    fn now(&self) -> queue_core::clock::Now {
        queue_core::clock::Now {
            wall: queue_testing::conformance::ManualClock::START,
            boot: self.0,
        }
    }
}

#[test]
fn a_lease_outside_its_bounds_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for lease in [Duration::from_millis(999), Duration::from_secs(86_401)] {
        let options = SqliteOptions::new().unwrap().lease(lease);
        let error = WorkflowQueue::open_with(folder.path().join("w.db"), options).unwrap_err();
        assert!(
            error.to_string().contains("one second to one day"),
            "{error}"
        );
    }
}

#[test]
fn a_return_counts_as_no_attempt() {
    let bench = Bench::default();
    let id = bench.shell("task");
    let until = bench.later(5_000);
    bench.settle(bench.claim_only(), Outcome::Returned);
    bench.settle(bench.claim_only(), Outcome::Snoozed { until });
    assert_eq!(bench.queue.attempts(id).unwrap(), []);
    bench.advance(5_000);
    bench.settle_with(
        bench.claim_only(),
        Outcome::Exited { code: 3 },
        Some("o3\nend"),
    );
    let attempts = bench.queue.attempts(id).unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].exit_code, Some(3));
    assert_eq!(attempts[0].tail.as_deref(), Some(&b"end"[..]));
    assert_eq!(attempts[0].attempt, 1);
    bench.advance(600_000);
    bench.settle_with(bench.claim_only(), Outcome::Succeeded, Some("o3\nend"));
    let attempts = bench.queue.attempts(id).unwrap();
    assert_eq!(attempts[1].tail, None, "a success leaves its output whole");
}

#[test]
fn an_attempt_is_recorded_with_its_end() {
    let bench = Bench::default();
    let id = bench.shell("task");
    let message = || "no".to_owned();
    for outcome in [
        Outcome::Exited { code: 3 },
        Outcome::Signalled { signal: 9 },
        Outcome::Panicked { message: message() },
    ] {
        bench.settle(bench.claim_only(), outcome);
        bench.advance(600_000);
    }
    let attempts = bench.queue.attempts(id).unwrap().into_iter();
    let told: Vec<_> = attempts
        .map(|one| (one.exit_code, one.signal, one.message))
        .collect();
    let expected = [
        (Some(3), None, None),
        (None, Some(9), None),
        (None, None, Some(message())),
    ];
    assert_eq!(told, expected);
}

/// Bug: a returned attempt was never recorded, even if the return ended its task because of a
/// cancel or a deadline. Loss: `attempts` did not show which worker ran a cancelled task, nor when.
/// Fix: every end of a task is recorded.
#[test]
fn a_returned_attempt_is_recorded_if_it_ends_its_task() {
    let bench = Bench::default();
    let id = bench.shell("t");
    let claim = bench.claim_only();
    bench.queue.cancel(&[id]).unwrap();
    assert_eq!(
        bench.settle(claim, Outcome::Returned),
        Settled::Recorded(State::Cancelled)
    );
    let attempts = bench.queue.attempts(id).unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].state, State::Cancelled);
    assert_eq!(attempts[0].worker, claim.worker);
    assert_eq!(attempts[0].reason, Some(Reason::Cancel));
}
