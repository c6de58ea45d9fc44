//! Idempotency keys with a scope, and the result when a key is taken.

use std::time::Duration;

use queue_core::outcome::Outcome;
use queue_core::queue::{Enqueued, Invariant, Queue};
use queue_core::state::State;
use queue_core::task::NewTask;
use queue_core::workflow::Condition;
use workflow_queue::{KeyScope, OnConflict, Settings, WorkflowTask};

use crate::{Bench, FAILED, Workflows, once, task};

fn keyed(scope: KeyScope, on_conflict: OnConflict) -> WorkflowTask {
    task("keyed")
        .task(NewTask::shell("keyed", "true").key(*b"\0key\xff"))
        .settings(Settings::new().key_scope(scope).on_conflict(on_conflict))
}

fn add(bench: &Bench, scope: KeyScope) -> Enqueued {
    let task = keyed(scope, OnConflict::Existing);
    bench.queue.enqueue_workflow(vec![task]).unwrap()[0]
}

#[test]
fn a_key_taken_while_unfinished_is_free_after_any_end() {
    let bench = Bench::default();
    for outcome in [
        Outcome::Succeeded,
        Outcome::HandlerFailed {
            message: String::new(),
            fatal: true,
        },
    ] {
        let first = add(&bench, KeyScope::WhileUnfinished);
        assert!(!first.existed);
        let claim = bench.claim_only();
        let while_it_runs = add(&bench, KeyScope::WhileUnfinished);
        assert_eq!(
            while_it_runs,
            Enqueued {
                id: first.id,
                existed: true
            }
        );
        bench.settle(claim, outcome);
    }
}

#[test]
fn a_key_stays_taken_between_attempts() {
    let bench = Bench::default();
    let first = add(&bench, KeyScope::WhileUnfinished);
    bench.settle(bench.claim_only(), FAILED);
    assert_eq!(add(&bench, KeyScope::WhileUnfinished).id, first.id);
}

#[test]
fn a_key_taken_for_a_period_is_free_after_it_even_if_its_task_waits() {
    let bench = Bench::default();
    let period = KeyScope::For(Duration::from_secs(60));
    let first = add(&bench, period);
    bench.advance(59_999);
    assert_eq!(add(&bench, period).id, first.id);
    bench.advance(1);
    let second = add(&bench, period);
    assert!(!second.existed && second.id > first.id);
    assert_eq!(bench.task(first.id).key, None, "the key went to the second");
    bench.advance(59_999);
    assert_eq!(add(&bench, period).id, second.id);
}

#[test]
fn an_expired_key_frees_no_other() {
    let bench = Bench::default();
    let other = bench.add(
        NewTask::shell("other", "true")
            .key("other")
            .run_at(bench.later(1)),
    );
    add(&bench, KeyScope::WhileUnfinished);
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    assert!(!add(&bench, KeyScope::WhileUnfinished).existed);
    assert_eq!(
        bench.add(NewTask::shell("again", "true").key("other")),
        other
    );
}

#[test]
fn the_scope_of_the_holder_decides() {
    let bench = Bench::default();
    let first = add(&bench, KeyScope::Forever);
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    assert_eq!(add(&bench, KeyScope::WhileUnfinished).id, first.id);
}

#[test]
fn a_refused_key_refuses_the_whole_submission() {
    let bench = Bench::default();
    let first = add(&bench, KeyScope::Forever);
    let tasks = vec![task("other"), keyed(KeyScope::Forever, OnConflict::Refuse)];
    let error = bench.queue.enqueue_workflow(tasks).unwrap_err();
    assert!(error.to_string().contains("is taken by task 1"), "{error}");
    assert_eq!(bench.queue.last_id().unwrap(), Some(first.id));
}

#[test]
fn an_expired_key_enqueued_by_many_at_once_makes_one_task() {
    let bench = Bench::default();
    add(&bench, KeyScope::WhileUnfinished);
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    let ids: Vec<_> = std::thread::scope(|scope| {
        let add = || add(&bench, KeyScope::WhileUnfinished);
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(add)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(ids.iter().filter(|one| !one.existed).count(), 1);
    assert!(ids.iter().all(|one| one.id.0 == 2), "{ids:?}");
}

/// Bug: if the first of two tasks with one key was skipped at once, and so held the key only while
/// unfinished, the second was inserted after all. Loss: it ran at once, without waiting for its
/// dependencies. Fix: a task whose key another task of the submission holds is never inserted.
#[test]
fn the_second_of_two_tasks_with_one_key_is_not_inserted_even_if_the_first_is_skipped() {
    let bench = Bench::default();
    let failed = bench.flow(vec![once("failed")])[0];
    bench.end(failed, FAILED);
    let keyed = || keyed(KeyScope::WhileUnfinished, OnConflict::Existing);
    let enqueued = bench.queue.enqueue_workflow(vec![
        keyed().after(failed, Condition::Success),
        keyed().after(failed, Condition::Failure),
    ]);
    let enqueued = enqueued.unwrap();
    assert_eq!(enqueued[1].id, enqueued[0].id);
    assert!(enqueued[1].existed);
    assert_eq!(bench.state(enqueued[0].id), State::Skipped);
    assert_eq!(bench.drain(), []);
    let invariants = bench.queue.verify().unwrap();
    assert!(invariants.iter().all(Invariant::holds), "{invariants:?}");
}
