//! What `verify` finds broken in a workflow, and what `repair` puts right.

use queue_core::claim::Claim;
use queue_core::outcome::Outcome;
use queue_core::queue::Queue;
use queue_core::state::State;
use queue_core::task::TaskId;
use queue_core::workflow::Condition;
use rusqlite::Connection;
use workflow_queue::{Limit, LimitKind, Settings, WorkflowTask};

use crate::{Bench, Workflows, task};

fn limited(kind: LimitKind) -> Limit {
    Limit {
        kind,
        concurrency: Some(1),
        rate: None,
    }
}

fn by_key(name: &str) -> WorkflowTask {
    task(name).settings(Settings {
        limit_key: Some(b"disk".to_vec()),
        ..Settings::default()
    })
}

/// A workflow of which the first task succeeded and the second runs, two tasks under a key, and a
/// limited queue.
fn used() -> (Bench, Claim) {
    let bench = Bench::default();
    for kind in [
        LimitKind::Key(b"disk".to_vec()),
        LimitKind::Queue("slow".to_owned()),
    ] {
        bench.queue.set_limit(&limited(kind)).unwrap();
    }
    bench.flow(vec![
        task("a"),
        task("b").after("a", Condition::Success),
        task("c").after("b", Condition::Success),
        task("d")
            .after("b", Condition::Success)
            .after("c", Condition::Any),
    ]);
    bench.advance(1);
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    let claim = bench.claim_only();
    bench.flow(vec![by_key("e"), by_key("f")]);
    (bench, claim)
}

fn broken(bench: &Bench) -> Vec<&'static str> {
    let invariants = bench.queue.verify().unwrap();
    let broken = invariants.iter().filter(|one| !one.holds());
    broken.map(|one| one.name).collect()
}

fn spoil(bench: &Bench, sql: &str) {
    let connection = Connection::open(bench.queue.path()).unwrap();
    connection.execute_batch(sql).unwrap();
}

#[test]
fn nothing_is_broken_in_a_queue_that_was_used() {
    let (bench, _) = used();
    assert_eq!(broken(&bench), Vec::<&str>::new());
    assert_eq!(bench.queue.repair().unwrap(), vec![]);
}

#[test]
fn whatever_breaks_an_invariant_is_found_under_its_name() {
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
            "UPDATE queue_attempts SET token = 9",
            "attempts follow each other",
        ),
        ("DELETE FROM queue_attempts", "a task succeeds once"),
        (
            "INSERT INTO queue_attempts
             SELECT task, 0, 1, worker, 1, 1, 4, 0, NULL, NULL, NULL, NULL FROM queue_attempts",
            "a task succeeds once",
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

#[test]
fn counters_marks_and_edges_are_computed_anew() {
    for sql in [
        "UPDATE queue_waiting SET pending = pending + 5",
        "DELETE FROM queue_waiting",
        "INSERT INTO queue_waiting VALUES (1, 3), (99, 1)",
        "UPDATE queue_tasks SET depends = 1 - depends",
        "DELETE FROM queue_dependencies WHERE dependent = 4",
        "DELETE FROM queue_upstream WHERE dependent = 4",
        "UPDATE queue_dependencies SET condition = 2 WHERE condition = 0",
        "INSERT INTO queue_dependencies VALUES (98, 99, 0)",
        "INSERT INTO queue_upstream VALUES (99, x'')",
        "UPDATE queue_queues SET limited = 1 - limited",
        "UPDATE queue_tasks SET gate = 77 WHERE state = 3",
        "UPDATE queue_tasks SET lease_until = 77 WHERE state <> 3",
        "UPDATE queue_tasks SET state = 1 WHERE limit_key IS NOT NULL",
        "INSERT INTO queue_attempts VALUES (99, 1, 1, 1, 1, 1, 5, 1, NULL, 1, NULL, NULL)",
    ] {
        let (bench, claim) = used();
        spoil(&bench, sql);
        assert_ne!(broken(&bench), Vec::<&str>::new(), "{sql}");
        assert_ne!(bench.queue.repair().unwrap(), vec![], "{sql}");
        assert_eq!(broken(&bench), Vec::<&str>::new(), "{sql}");
        // The workflow goes on as it was meant to.
        bench.settle(claim, Outcome::Succeeded);
        let states = [3, 4].map(|id| bench.state(TaskId(id)));
        assert_eq!(states, [State::Queued, State::Blocked], "{sql}");
    }
}
