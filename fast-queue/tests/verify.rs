//! What `verify` finds broken, and what `repair` puts right.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use fast_queue::{
    ClaimRequest, FastQueue, NewTask, Outcome, Output, Queue, Settlement, State, WorkerId,
};
use rusqlite::Connection;

/// A queue that was used: a success, a failure, a running task, a delayed one, two lanes.
struct Used {
    folder: tempfile::TempDir,
    queue: FastQueue,
}

impl Used {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
        let task = |name: &str| NewTask::shell(name, "true").key(name);
        queue
            .enqueue(vec![task("a"), task("b"), task("c"), task("d")])
            .unwrap();
        queue
            .enqueue(vec![NewTask::handler("resize", b"photo".to_vec())])
            .unwrap();
        let claims = queue
            .claim(&ClaimRequest::commands(WorkerId(7), 3))
            .unwrap();
        let outcomes = [Outcome::Succeeded, Outcome::Exited { code: 1 }];
        let settle = |(task, outcome): (&fast_queue::ClaimedTask, Outcome)| Settlement {
            claim: task.claim,
            outcome,
            output: Some(Output::default()),
        };
        let settlements = claims.tasks.iter().zip(outcomes).map(settle).collect();
        queue.settle(settlements).unwrap();
        Self { folder, queue }
    }

    /// The names of the invariants that are broken.
    fn broken(&self) -> Vec<&'static str> {
        let invariants = self.queue.verify().unwrap();
        let broken = invariants.iter().filter(|one| !one.holds());
        broken.map(|one| one.name).collect()
    }

    fn spoil(&self, sql: &str) {
        let connection = Connection::open(self.folder.path().join("q.db")).unwrap();
        connection
            .pragma_update(None, "ignore_check_constraints", true)
            .unwrap();
        connection.execute_batch(sql).unwrap();
    }
}

#[test]
fn nothing_is_broken_in_a_queue_that_was_used() {
    let used = Used::new();
    assert_eq!(used.broken(), Vec::<&str>::new());
    assert_eq!(used.queue.repair().unwrap(), vec![]);
}

#[test]
fn whatever_breaks_an_invariant_is_found_under_its_name() {
    for (sql, name) in [
        (
            "UPDATE queue_file SET engine = 2",
            "the file says whose it is",
        ),
        ("DELETE FROM queue_file", "the file says whose it is"),
        (
            "DELETE FROM queue_queues WHERE handler <> ''",
            "tasks are in lanes that can run them",
        ),
        (
            "UPDATE queue_tasks SET state = 1 WHERE id = 4",
            "states are known",
        ),
        (
            "UPDATE queue_tasks SET worker = NULL WHERE state = 3",
            "running tasks have a whole claim",
        ),
        (
            "UPDATE queue_tasks SET token = 0 WHERE id = 1",
            "unclaimed tasks show no trace of a claim",
        ),
        (
            "UPDATE queue_tasks SET attempt = 3 WHERE id = 2",
            "budgets do not exceed the claims",
        ),
        (
            "UPDATE queue_tasks SET finished_at = 1 WHERE id = 4",
            "exactly the ended tasks have an end",
        ),
        (
            "UPDATE queue_tasks SET exit_code = 1 WHERE id = 1",
            "outcomes fit their states",
        ),
        (
            "UPDATE queue_tasks SET options = '{' WHERE id = 4",
            "tasks can be read",
        ),
        (
            "UPDATE queue_tasks SET payload = x'ff' WHERE id = 4",
            "tasks can be read",
        ),
        (
            "UPDATE queue_tasks SET key = zeroblob(2000) WHERE id = 4",
            "ids, names and keys keep their limits",
        ),
        (
            "DROP INDEX queue_tasks_due",
            "the schema is what this program makes",
        ),
        (
            "CREATE INDEX queue_tasks_mine ON queue_tasks (name)",
            "the schema is what this program makes",
        ),
    ] {
        let used = Used::new();
        used.spoil(sql);
        let broken = used.broken();
        assert!(broken.contains(&name), "{sql}: {broken:?}");
    }
}

#[test]
fn what_other_rows_tell_is_computed_anew() {
    for sql in [
        "UPDATE queue_queues SET fast = 0",
        "UPDATE queue_queues SET paused_at = 5 WHERE handler = ''",
        "INSERT INTO queue_outputs VALUES (99, x'')",
    ] {
        let used = Used::new();
        used.spoil(sql);
        assert_eq!(used.broken().len(), 1, "{sql}");
        assert_eq!(used.queue.repair().unwrap().len(), 1, "{sql}");
        assert_eq!(used.broken(), Vec::<&str>::new(), "{sql}");
    }
}

#[test]
fn an_example_says_which_task_and_how() {
    let used = Used::new();
    used.spoil("UPDATE queue_tasks SET worker = NULL WHERE state = 3");
    let invariants = used.queue.verify().unwrap();
    let broken: Vec<_> = invariants.iter().filter(|one| !one.holds()).collect();
    // SQLite itself complains too, of the CHECK that forbids this.
    let ours = broken.iter().find(|one| one.name.starts_with("running"));
    assert_eq!(
        ours.unwrap().examples,
        ["task 3 runs without a whole claim"]
    );
    assert_eq!(used.queue.stats().unwrap().count(State::Running), 1);
}
