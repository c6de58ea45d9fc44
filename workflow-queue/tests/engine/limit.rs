//! Limits by queue and by key.

use queue_core::claim::ClaimRequest;
use queue_core::outcome::Outcome;
use queue_core::queue::{Invariant, Queue, Waits};
use queue_core::state::State;
use queue_core::task::NewTask;
use queue_core::workflow::Condition;
use queue_testing::conformance::{OTHER, WORKER};
use workflow_queue::{Limit, LimitKind, Rate, Settings, WorkflowTask};

use crate::{Bench, FAILED, Workflows, once, task};

pub(crate) fn by_key(name: &str, key: &[u8]) -> WorkflowTask {
    task(name).settings(Settings::new().limit_key(key.to_vec()))
}

pub(crate) fn limit_key(bench: &Bench, key: &[u8], concurrency: Option<u32>) {
    let mut limit = Limit::key(key);
    limit.concurrency = concurrency;
    bench.queue.set_limit(&limit).unwrap();
}

pub(crate) fn limit_queue(bench: &Bench, concurrency: Option<u32>, rate: Option<Rate>) {
    set(bench, "default", concurrency, rate);
}

pub(crate) fn set(bench: &Bench, queue: &str, concurrency: Option<u32>, rate: Option<Rate>) {
    let mut limit = Limit::queue(queue);
    limit.concurrency = concurrency;
    limit.rate = rate;
    bench.queue.set_limit(&limit).unwrap();
}

#[test]
fn no_more_tasks_of_a_key_run_than_its_limit() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(2));
    let ids = bench.flow((0..5).map(|_| by_key("t", b"k")).collect());
    let free = bench.shell("free");
    let first = bench.claim(10);
    let claimed: Vec<_> = first.iter().map(|task| task.claim.task).collect();
    assert_eq!(claimed, [ids[0], ids[1], free]);
    assert_eq!(bench.states(&ids[2..]), [State::Blocked; 3]);
    assert_eq!(bench.claim(10), []);
    bench.settle(first[0].claim, Outcome::Succeeded);
    assert_eq!(bench.claim_ids(10), [ids[2]]);
}

#[test]
fn every_end_of_a_run_frees_its_slot() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    let ids = bench.flow((0..2).map(|_| by_key("t", b"k")).collect());
    for outcome in [
        FAILED,
        Outcome::Returned,
        Outcome::Snoozed {
            until: bench.later(5),
        },
    ] {
        bench.settle(bench.claim_only(), outcome);
        bench.advance(600_000);
    }
    bench.claim_only();
    bench.queue.reap(WORKER).unwrap();
    let claim = bench.claim_only();
    bench.advance(30_000);
    bench.queue.expire(&[claim]).unwrap();
    let claim = bench.claim_only();
    bench.queue.cancel(&[claim.task]).unwrap();
    bench.settle(claim, Outcome::Signalled { signal: 15 });
    let left: Vec<_> = ids.into_iter().filter(|id| *id != claim.task).collect();
    assert_eq!(bench.drain(), left);
}

#[test]
fn a_cancelled_waiting_task_passes_its_slot_on() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    let ids = bench.flow((0..3).map(|_| by_key("t", b"k")).collect());
    bench.queue.cancel(&ids[..1]).unwrap();
    assert_eq!(
        bench.states(&ids),
        [State::Cancelled, State::Queued, State::Blocked]
    );
    bench.queue.cancel(&ids[2..]).unwrap();
    assert_eq!(bench.drain(), [ids[1]]);
}

#[test]
fn a_key_applies_across_queues_and_a_queue_without_worker_blocks_no_other() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    let elsewhere =
        by_key("elsewhere", b"k").task(NewTask::shell("elsewhere", "true").queue("other"));
    let ids = bench.flow(vec![elsewhere, by_key("here", b"k"), by_key("here", b"k")]);
    let here = bench.claim_only();
    assert_eq!(here.task, ids[1], "nobody serves the other queue");
    let other = ClaimRequest::new(OTHER, 5).commands(true).queues("other");
    assert_eq!(bench.queue.claim(&other).unwrap().tasks, []);
    assert_eq!(bench.state(ids[0]), State::Blocked);
    assert_eq!(bench.task(ids[0]).attempt, 0);
    bench.settle(here, Outcome::Succeeded);
    let there = bench.queue.claim(&other).unwrap().tasks;
    assert_eq!(there[0].claim.task, ids[0]);
    assert_eq!(bench.claim(5), []);
    bench.settle(there[0].claim, Outcome::Succeeded);
    assert_eq!(bench.drain(), [ids[2]]);
}

#[test]
fn claims_of_one_task_respect_the_key_too() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    let mut elsewhere = by_key("elsewhere", b"k");
    elsewhere.task = elsewhere.task.queue("other");
    let ids = bench.flow(vec![elsewhere, by_key("here", b"k")]);
    bench.add(NewTask::shell("first", "true").priority(9));
    // A claim that need not look for due tasks is a single statement.
    bench.claim(1);
    assert_eq!(bench.claim_ids(1), ids[1..]);
    let other = ClaimRequest::new(OTHER, 1).commands(true).queues("other");
    assert_eq!(bench.queue.claim(&other).unwrap().tasks, []);
    assert_eq!(bench.state(ids[0]), State::Blocked);
}

#[test]
fn the_task_of_highest_priority_is_admitted_next() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    let mut tasks: Vec<_> = (0..3).map(|_| by_key("t", b"k")).collect();
    tasks[2].task.priority = 5;
    let ids = bench.flow(tasks);
    bench.queue.reprioritize(&ids[1..2], 9).unwrap();
    assert_eq!(bench.drain(), [ids[2], ids[1], ids[0]]);
}

#[test]
fn a_freed_slot_goes_to_a_task_of_its_own_key() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    limit_key(&bench, b"other", Some(1));
    let keys = [b"other", b"other", &b"k"[..], b"k"];
    let ids = bench.flow(keys.map(|key| by_key("t", key)).to_vec());
    let claimed = bench.claim(5);
    assert_eq!(claimed.len(), 2);
    bench.settle(claimed[1].claim, Outcome::Succeeded);
    assert_eq!(
        bench.states(&ids[1..]),
        [State::Blocked, State::Succeeded, State::Queued]
    );
}

#[test]
fn a_limit_can_be_raised_lowered_and_removed() {
    let bench = Bench::default();
    let ids = bench.flow((0..6).map(|_| by_key("t", b"k")).collect());
    assert_eq!(
        bench.states(&ids),
        [State::Queued; 6],
        "without a limit all may run"
    );
    limit_key(&bench, b"k", Some(2));
    assert_eq!(bench.claim(10).len(), 2);
    limit_key(&bench, b"k", Some(3));
    assert_eq!(bench.claim(10).len(), 1);
    limit_key(&bench, b"k", Some(0));
    assert_eq!(bench.claim(10), []);
    limit_key(&bench, b"k", None);
    assert_eq!(bench.claim(10).len(), 3);
    assert_eq!(bench.queue.limits().unwrap(), []);
}

#[test]
fn a_lowered_limit_blocks_tasks_admitted_beyond_it_in_every_queue() {
    let bench = Bench::default();
    let elsewhere =
        by_key("elsewhere", b"k").task(NewTask::shell("elsewhere", "true").queue("other"));
    let mut tasks: Vec<_> = (0..3).map(|_| by_key("t", b"k")).collect();
    tasks.extend([elsewhere.clone(), elsewhere]);
    tasks.extend([by_key("free", b"other"), by_key("free", b"other")]);
    tasks[1].task.priority = 3;
    tasks[2].task.priority = 5;
    let ids = bench.flow(tasks);
    assert_eq!(bench.claim_ids(1), ids[2..3]);
    limit_key(&bench, b"k", Some(1));
    assert_eq!(
        bench.states(&ids),
        [
            State::Blocked,
            State::Queued,
            State::Running,
            State::Queued,
            State::Blocked,
            State::Queued,
            State::Queued
        ]
    );
    limit_key(&bench, b"other", Some(1));
    assert_eq!(bench.states(&ids[5..]), [State::Queued, State::Blocked]);
}

#[test]
fn due_tasks_under_a_key_are_queued_only_if_there_is_a_slot() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    let mut later = by_key("later", b"k");
    later.task.run_at = Some(bench.later(1_000));
    let ids = bench.flow(vec![later.clone(), later]);
    let first = bench.add(NewTask::shell("first", "true").priority(9));
    bench.advance(1_000);
    assert_eq!(bench.claim_ids(1), [first]);
    assert_eq!(bench.states(&ids), [State::Queued, State::Blocked]);
}

#[test]
fn dependencies_retries_and_times_respect_the_key() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    let mut later = by_key("later", b"k");
    later.task.run_at = Some(bench.later(60_000));
    let ids = bench.flow(vec![
        task("first"),
        by_key("a", b"k").after("first", Condition::Success),
        by_key("b", b"k").after("first", Condition::Success),
        later,
    ]);
    bench.end(ids[0], Outcome::Succeeded);
    assert_eq!(
        bench.states(&ids[1..]),
        [State::Queued, State::Blocked, State::Scheduled]
    );
    bench.advance(60_000);
    let claim = bench.claim_only();
    assert_eq!(
        bench.states(&ids[1..]),
        [State::Running, State::Blocked, State::Blocked]
    );
    bench.settle(
        claim,
        Outcome::HandlerFailed {
            message: String::new(),
            fatal: true,
        },
    );
    bench.queue.retry(&ids[1..2]).unwrap();
    assert_eq!(bench.drain().len(), 3);
}

#[test]
fn a_re_opened_task_under_a_key_waits_for_its_dependencies_first() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    let ids = bench.flow(vec![
        once("a"),
        by_key("b", b"k").after("a", Condition::Success),
    ]);
    bench.end(ids[0], FAILED);
    bench.queue.retry_downstream(&ids[..1]).unwrap();
    limit_key(&bench, b"k", Some(2));
    assert_eq!(bench.states(&ids), [State::Queued, State::Blocked]);
    assert_eq!(bench.drain(), ids);
}

#[test]
fn a_task_re_opened_after_its_dependencies_have_ended_is_admitted() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(1));
    let ids = bench.flow(vec![
        task("a"),
        by_key("b", b"k").after("a", Condition::Success),
        by_key("c", b"k"),
    ]);
    bench.queue.cancel(&ids[1..2]).unwrap();
    bench.end(ids[0], Outcome::Succeeded);
    bench.queue.retry(&ids[1..2]).unwrap();
    assert_eq!(bench.drain(), [ids[2], ids[1]]);
}

#[test]
fn no_more_tasks_of_a_queue_run_than_its_limit() {
    let bench = Bench::default();
    for _ in 0..5 {
        bench.shell("t");
    }
    let early = bench.claim(1)[0].claim;
    limit_queue(&bench, Some(2), None);
    let second = bench.claim(10);
    assert_eq!(second.len(), 1, "what ran before counts");
    assert_eq!(bench.claim(1), []);
    let waits = bench.queue.waits_in_file(queue_core::TaskId(5)).unwrap();
    assert!(
        waits.contains(&Waits::Limit {
            name: b"default".to_vec(),
            running: 2,
            bound: Some(2),
            ahead: 0,
        }),
        "{waits:?}"
    );
    bench.settle(early, Outcome::Succeeded);
    let invariants = bench.queue.verify().unwrap();
    assert!(invariants.iter().all(Invariant::holds), "{invariants:?}");
    assert_eq!(bench.claim(10).len(), 1);
    limit_queue(&bench, None, None);
    assert_eq!(bench.claim(10).len(), 2);
}

/// Bug: a queue that was first named by a limit and then by a pause was created without its limit,
/// and a worker that had claimed from it before its first task took it to be unlimited. Loss: all
/// its tasks ran at once. Fix: a pause puts the queue it creates under its limit.
#[test]
fn a_queue_that_is_limited_and_paused_before_its_first_task_is_limited() {
    let bench = Bench::default();
    let of_slow = ClaimRequest::new(WORKER, 5).commands(true).queues("slow");
    let claim = || bench.queue.claim(&of_slow).unwrap().tasks.len();
    set(&bench, "slow", Some(1), None);
    bench.queue.set_paused("slow", true).unwrap();
    assert_eq!(claim(), 0);
    for name in ["a", "b"] {
        bench.add(NewTask::shell(name, "true").queue("slow"));
    }
    bench.queue.set_paused("slow", false).unwrap();
    assert_eq!(claim(), 1);
    assert_eq!(claim(), 0);
}

#[test]
fn handlers_that_join_a_limited_queue_later_are_limited_too() {
    let bench = Bench::default();
    limit_queue(&bench, Some(1), None);
    bench.add(NewTask::handler("h", b"".to_vec()));
    bench.add(NewTask::handler("h", b"".to_vec()));
    bench.shell("command");
    let request = ClaimRequest::new(WORKER, 5).commands(true).handlers(["h"]);
    let alone = request.clone().commands(false);
    assert_eq!(bench.queue.claim(&alone).unwrap().tasks.len(), 1);
    assert_eq!(bench.queue.claim(&alone).unwrap().tasks, []);
    assert_eq!(bench.queue.claim(&request).unwrap().tasks, []);
    assert_eq!(bench.claim(1), []);
}

fn holds(bench: &Bench) {
    let invariants = bench.queue.verify().unwrap();
    assert!(invariants.iter().all(Invariant::holds), "{invariants:?}");
}

#[test]
fn a_queue_and_a_key_of_one_name_have_separate_limits() {
    let bench = Bench::default();
    limit_key(&bench, b"default", Some(1));
    limit_key(&bench, b"a", Some(1));
    set(&bench, "slow", Some(1), None);
    let ids = bench.flow((0..4).map(|_| by_key("t", b"default")).collect());
    assert_eq!(bench.states(&ids[..2]), [State::Queued, State::Blocked]);
    bench.add(NewTask::handler("h", b"".to_vec()));
    holds(&bench);
    assert_eq!(bench.claim_ids(2), ids[..1]);
    limit_queue(&bench, Some(3), None);
    let told = || -> Vec<_> {
        let limits = bench.queue.limits().unwrap().into_iter();
        limits
            .map(|limit| (limit.kind, limit.concurrency))
            .collect()
    };
    let queue = |name: &str, bound| (LimitKind::Queue(name.to_owned()), Some(bound));
    let key = |name: &[u8]| (LimitKind::Key(name.to_vec()), Some(1));
    assert_eq!(
        told(),
        [
            queue("default", 3),
            queue("slow", 1),
            key(b"a"),
            key(b"default")
        ]
    );
    for _ in 0..3 {
        bench.shell("free");
    }
    assert_eq!(bench.claim(5).len(), 2);
    limit_queue(&bench, None, None);
    assert_eq!(told(), [queue("slow", 1), key(b"a"), key(b"default")]);
    assert_eq!(bench.claim(5).len(), 1);
    holds(&bench);
}

#[test]
fn stats_count_tasks_that_wait_for_dependencies_or_slots_as_blocked() {
    let bench = Bench::default();
    limit_key(&bench, b"k", Some(2));
    let mut tasks: Vec<_> = (0..5).map(|_| by_key("t", b"k")).collect();
    tasks.push(once("a"));
    tasks.push(task("b").after("a", Condition::Success));
    tasks.push(task("c").after("a", Condition::Success));
    let ids = bench.flow(tasks);
    bench.claim(1);
    assert_eq!(
        bench.queue.stats().unwrap().by_state,
        [0, 5, 2, 1, 0, 0, 0, 0]
    );
    bench.end(ids[5], FAILED);
    assert_eq!(
        bench.queue.stats().unwrap().by_state,
        [0, 3, 1, 1, 0, 1, 0, 2]
    );
}

#[test]
fn invalid_limits_are_refused() {
    let bench = Bench::default();
    let rate = Some(Rate {
        starts: 1,
        period_ms: 1000,
    });
    let too_fine = Some(Rate {
        starts: 1001,
        period_ms: 1,
    });
    let refused = |kind, rate| {
        let mut limit = Limit::new(kind).concurrency(1);
        limit.rate = rate;
        bench.queue.set_limit(&limit).unwrap_err().to_string()
    };
    assert!(refused(LimitKind::Key(b"k".to_vec()), rate).contains("on a queue only"));
    assert!(refused(LimitKind::Key(Vec::new()), None).contains("1 to 1024"));
    assert!(refused(LimitKind::Queue(String::new()), None).contains("empty"));
    assert!(refused(LimitKind::Queue("q".to_owned()), too_fine).contains("microsecond"));
    let none = Rate {
        starts: 1,
        period_ms: 0,
    };
    assert!(refused(LimitKind::Queue("q".to_owned()), Some(none)).contains("microsecond"));
}
