//! The damage that `verify` finds in a workflow.

mod examples;

use queue_core::claim::{Claim, ClaimRequest};
use queue_core::outcome::Outcome;
use queue_core::queue::{Invariant, Queue};
use queue_core::state::State;
use queue_core::task::NewTask;
use queue_core::workflow::Condition;
use queue_testing::conformance::OTHER;
use rusqlite::Connection;
use workflow_queue::{Limit, LimitKind, Settings, WorkflowTask};

use crate::{Bench, FAILED, Workflows, once, task};
use examples::EXAMPLES;

fn limited(kind: LimitKind) -> Limit {
    Limit::new(kind).concurrency(1)
}

fn by_key(name: &str) -> WorkflowTask {
    task(name).settings(Settings::new().limit_key(b"disk"))
}

/// A workflow whose first task succeeded and whose second runs, two tasks under a key, and two of a
/// limited queue, one of which runs. The key has the name of an unlimited queue.
pub(crate) fn used() -> (Bench, Claim) {
    let bench = Bench::default();
    for kind in [
        LimitKind::Key(b"disk".to_vec()),
        LimitKind::Key(b"default".to_vec()),
        LimitKind::Queue("disk".to_owned()),
        LimitKind::Queue("slow".to_owned()),
    ] {
        bench.queue.set_limit(&limited(kind)).unwrap();
    }
    bench.flow(vec![
        task("a"),
        task("b").after("a", Condition::Success),
        task("c").after("b", Condition::Success),
        task("d")
            .after("a", Condition::Success)
            .after("b", Condition::Success)
            .after("c", Condition::Any),
    ]);
    bench.advance(1);
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    let claim = bench.claim_only();
    bench.flow(vec![by_key("e"), by_key("f")]);
    bench.add(NewTask::shell("g", "true").queue("slow"));
    bench.add(NewTask::shell("h", "true").queue("slow"));
    let slow = ClaimRequest::new(OTHER, 5).commands(true).queues("slow");
    assert_eq!(bench.queue.claim(&slow).unwrap().tasks.len(), 1);
    (bench, claim)
}

pub(crate) fn broken(bench: &Bench) -> Vec<&'static str> {
    let invariants = bench.queue.verify().unwrap();
    let broken = invariants.iter().filter(|one| !one.holds());
    broken.map(|one| one.name).collect()
}

pub(crate) fn spoil(bench: &Bench, sql: &str) {
    let connection = Connection::open(bench.queue.path()).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn no_invariant_is_broken_in_a_used_queue() {
    let (bench, _) = used();
    assert_eq!(broken(&bench), Vec::<&str>::new());
    assert_eq!(bench.queue.repair().unwrap(), vec![]);
}

#[test]
fn verify_finds_nothing_after_any_end_of_tasks() {
    let bench = Bench::default();
    for limit in [
        limited(LimitKind::Key(b"disk".to_vec())),
        limited(LimitKind::Key(b"wide".to_vec())).concurrency(9),
    ] {
        bench.queue.set_limit(&limit).unwrap();
    }
    let ids = bench.flow(vec![
        once("a"),
        task("skipped").after("a", Condition::Success),
        task("runs").after("a", Condition::Any),
        by_key("cancelled").after("a", Condition::Success),
        by_key("waits").after("runs", Condition::Success),
        task("waits still")
            .after("a", Condition::Any)
            .after("runs", Condition::Success),
    ]);
    bench.queue.cancel(&ids[3..4]).unwrap();
    assert_eq!(broken(&bench), Vec::<&str>::new());
    bench.end(ids[0], FAILED);
    bench.claim_only();
    let free = bench.flow(vec![by_key("e")]);
    assert_eq!(
        bench.states(&[&ids[..], &free[..]].concat()),
        [
            State::Failed,
            State::Skipped,
            State::Running,
            State::Cancelled,
            State::Blocked,
            State::Blocked,
            State::Queued
        ]
    );
    assert_eq!(broken(&bench), Vec::<&str>::new());
    bench.claim_only();
    bench.flow(vec![by_key("f")]);
    assert_eq!(broken(&bench), Vec::<&str>::new());
}

#[test]
fn rows_that_just_keep_an_invariant_break_none() {
    for sql in [
        "UPDATE queue_tasks SET expires_at = 5, deadline_at = 5 WHERE id = 4",
        "UPDATE queue_tasks SET expires_at = 5 WHERE id = 4",
        "UPDATE queue_tasks SET deadline_at = 5 WHERE id = 1",
        "UPDATE queue_tasks SET workflow = NULL WHERE id = 5",
        "UPDATE queue_tasks SET spawner = 2 WHERE id = 5",
        // Attempts begin again with a retry.
        "UPDATE queue_tasks SET token = 5, attempt = 1 WHERE id = 2;
         WITH attempts (token, attempt) AS (VALUES (1, 1), (2, 2), (3, 3), (4, 1))
         INSERT INTO queue_attempts
         SELECT 2, token, attempt, 1, 1, 1, 0, 1, NULL, 1, NULL, NULL FROM attempts",
        // Older tasks have no event, and those of a file that was promoted no attempt.
        "UPDATE queue_tasks SET event = 0 WHERE id = 1; DELETE FROM queue_events WHERE task = 1;
         UPDATE queue_schema SET migrated_at = migrated_at - 1 WHERE line = 'core'",
        "UPDATE queue_tasks SET event = 0 WHERE id = 1; DELETE FROM queue_events WHERE task = 1;
         UPDATE queue_schema SET migrated_at = (SELECT finished_at FROM queue_tasks WHERE id = 1)",
        // The events of a pruned task stay.
        "DELETE FROM queue_tasks WHERE id = 1; DELETE FROM queue_upstream WHERE dependent < 5;
         DELETE FROM queue_dependencies; DELETE FROM queue_waiting WHERE dependent < 5;
         UPDATE queue_tasks SET depends = 0;
         UPDATE queue_tasks SET state = 2, unmet = 0 WHERE id IN (3, 4);
         INSERT INTO queue_events (at, kind, data)
         VALUES (1, 50, '{\"states\":{\"succeeded\":1},\"created\":[1]}');
         UPDATE queue_folded SET from_task = 1",
        // Events that are older than the retention, of a task that ended.
        "INSERT INTO queue_events (at, kind) VALUES (1, 53); DELETE FROM queue_events WHERE seq < 7",
        // The queue's mark outlives its limit, but no task waits for the limit.
        "DELETE FROM queue_limits WHERE name = CAST('disk' AS BLOB);
         UPDATE queue_tasks SET state = 2 WHERE id = 6",
    ] {
        let (bench, _) = used();
        spoil(&bench, sql);
        assert_eq!(broken(&bench), Vec::<&str>::new(), "{sql}");
    }
}

#[test]
fn an_example_names_the_task_and_the_violation() {
    for (example, sql) in EXAMPLES {
        let (bench, _) = used();
        spoil(&bench, sql);
        let invariants = bench.queue.verify().unwrap();
        let mut examples = invariants.iter().flat_map(|one| &one.examples);
        assert!(examples.any(|one| one == example), "{sql}: {invariants:?}");
    }
}

#[test]
fn a_missed_success_is_reported_once_for_each_task() {
    let (bench, _) = used();
    spoil(
        &bench,
        "UPDATE queue_tasks SET state = 5, finished_at = 1 WHERE id = 2;
         UPDATE queue_tasks SET unmet = 0 WHERE id = 3",
    );
    let invariants = bench.queue.verify().unwrap();
    let named = |one: &&Invariant| one.name == "what has to succeed first has";
    assert_eq!(
        invariants.iter().find(named).unwrap().examples,
        [
            "task 3 did not wait for the success of task 2",
            "task 4 waits in vain for the success of task 2"
        ]
    );
}

#[test]
fn every_violation_is_found_under_its_invariants_name() {
    for (sql, name) in [
        (
            "UPDATE queue_tasks SET unmet = 0 WHERE id = 4",
            "blocked tasks say what they wait for",
        ),
        (
            "UPDATE queue_tasks SET state = 2, unmet = 0 WHERE id = 3",
            "what has to succeed first has",
        ),
        (
            "UPDATE queue_tasks SET deadline_at = 5 WHERE id = 4",
            "deadlines end the wait",
        ),
        (
            "UPDATE queue_tasks SET cause = 1 WHERE id = 4",
            "skipped tasks have a cause, added ones a workflow",
        ),
        (
            "INSERT INTO queue_attempts VALUES (1, 9, 1, 1, 1, 1, 4, 0, NULL, NULL, NULL, NULL)",
            "attempts follow each other",
        ),
        (
            "UPDATE queue_tasks SET event = 0 WHERE id = 1",
            "a task succeeds once",
        ),
        (
            "INSERT INTO queue_attempts VALUES (1, 0, 1, 1, 1, 1, 4, 0, NULL, NULL, NULL, NULL)",
            "a task succeeds once",
        ),
        (
            "DELETE FROM queue_events WHERE seq = 3",
            "the log has no gap",
        ),
        (
            "INSERT INTO queue_events (at, kind, task, prev, was, state)
             VALUES (1, 9, 1, 2, 4, 4)",
            "events of a task follow each other",
        ),
        (
            "UPDATE queue_tasks SET event = NULL WHERE id = 1",
            "the last event of a task is its state",
        ),
        (
            "UPDATE queue_tasks SET crashes = 1 WHERE id = 1",
            "counters equal the events",
        ),
        (
            "UPDATE queue_tasks SET state = 6, finished_at = 1 WHERE id = 5",
            "the log yields the counts",
        ),
        (
            "INSERT INTO queue_dependencies VALUES (4, 2, 0)",
            "no task waits for itself",
        ),
    ] {
        let (bench, _) = used();
        spoil(&bench, sql);
        let broken = broken(&bench);
        assert!(broken.contains(&name), "{sql}: {broken:?}");
    }
}
