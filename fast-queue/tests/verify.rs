//! Violations that `verify` finds, and repairs that `repair` makes.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use fast_queue::{
    Change, ClaimRequest, FastQueue, NewTask, Outcome, Output, Queue, Settlement, State, TaskId,
    WorkerId,
};
use rusqlite::Connection;

/// A used file: a success, a failure, a running task, a delayed one, and two handler queues.
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
            .claim(&ClaimRequest::new(WorkerId(7), 3).commands(true))
            .unwrap();
        let outcomes = [Outcome::Succeeded, Outcome::Exited { code: 1 }];
        let settle = |(task, outcome): (&fast_queue::ClaimedTask, Outcome)| {
            Settlement::new(task.claim, outcome).output(Output(b"o2\nhi".to_vec()))
        };
        let settlements = claims.tasks.iter().zip(outcomes).map(settle).collect();
        queue.settle(settlements).unwrap();
        Self { folder, queue }
    }

    /// Names of the broken invariants.
    fn broken(&self) -> Vec<&'static str> {
        let invariants = self.queue.verify().unwrap();
        let broken = invariants.iter().filter(|one| !one.holds());
        broken.map(|one| one.name).collect()
    }

    fn spoil(&self, sql: &str) {
        let connection = Connection::open(self.folder.path().join("q.db")).unwrap();
        for (pragma, on) in [("ignore_check_constraints", true), ("foreign_keys", false)] {
            connection.pragma_update(None, pragma, on).unwrap();
        }
        connection.execute_batch(sql).unwrap();
    }
}

#[test]
fn no_invariant_is_broken_in_a_used_queue() {
    let used = Used::new();
    assert_eq!(used.broken(), Vec::<&str>::new());
    assert_eq!(used.queue.repair().unwrap(), vec![]);
}

/// Invariants, each with statements that break it.
const BREACHES: &[(&str, &[&str])] = &[
    (
        "foreign keys lead somewhere",
        &["CREATE TABLE queue_mine (task REFERENCES queue_tasks);
               INSERT INTO queue_mine VALUES (99)"],
    ),
    (
        "the file says whose it is",
        &[
            "UPDATE queue_file SET engine = 2",
            "UPDATE queue_file SET epoch = -1",
            "DELETE FROM queue_file",
        ],
    ),
    (
        "queues are open to fast-queue where the file is",
        &["UPDATE queue_file SET engine = 1", "DELETE FROM queue_file"],
    ),
    (
        "tasks are in queues that can run them",
        &[
            "DELETE FROM queue_queues WHERE handler <> ''",
            "UPDATE queue_tasks SET kind = 2 WHERE id = 4",
            "UPDATE queue_tasks SET kind = 0 WHERE id = 5",
        ],
    ),
    (
        "ids, names and keys keep their limits",
        &[
            "UPDATE queue_tasks SET id = 0 WHERE id = 4",
            "UPDATE queue_tasks SET name = printf('%.201c', 'n') WHERE id = 4",
            "UPDATE queue_tasks SET name = replace(printf('%.101c', 'n'), 'n', 'ö') WHERE id = 4",
            "UPDATE queue_tasks SET key = x'' WHERE id = 4",
            "UPDATE queue_tasks SET key = zeroblob(1025) WHERE id = 4",
        ],
    ),
    (
        "states are known",
        &[
            "UPDATE queue_tasks SET state = 7, finished_at = 1, reason = 9 WHERE id = 4",
            "UPDATE queue_tasks SET state = 8 WHERE id = 4",
        ],
    ),
    (
        "running tasks have a whole claim",
        &[
            "UPDATE queue_tasks SET worker = NULL WHERE state = 3",
            "UPDATE queue_tasks SET token = 0 WHERE state = 3",
            "UPDATE queue_tasks SET started_at = NULL WHERE state = 3",
            "UPDATE queue_tasks SET attempt = 0 WHERE state = 3",
            "UPDATE queue_tasks SET crashes = 0 WHERE state = 3",
            "UPDATE queue_tasks SET finished_at = 1 WHERE state = 3",
        ],
    ),
    (
        "unclaimed tasks show no trace of a claim",
        &[
            "UPDATE queue_tasks SET state = 3 WHERE id = 4",
            "UPDATE queue_tasks SET state = 4 WHERE id = 4",
            "UPDATE queue_tasks SET worker = 7 WHERE id = 4",
            "UPDATE queue_tasks SET started_at = 1 WHERE id = 4",
            "UPDATE queue_tasks SET attempt = 1 WHERE id = 4",
            "UPDATE queue_tasks SET crashes = 1 WHERE id = 4",
        ],
    ),
    (
        "budgets do not exceed the claims",
        &[
            "UPDATE queue_tasks SET attempt = 3 WHERE id = 2",
            "UPDATE queue_tasks SET crashes = 1 WHERE id = 2",
            "UPDATE queue_tasks SET crashes = 2 WHERE id = 3",
            "INSERT INTO queue_retried VALUES (2, 2)",
        ],
    ),
    (
        "exactly the ended tasks have an end",
        &[
            "UPDATE queue_tasks SET finished_at = NULL WHERE id = 1",
            "UPDATE queue_tasks SET finished_at = 1 WHERE id = 4",
            "UPDATE queue_tasks SET cancel_requested_at = 1 WHERE id = 4",
        ],
    ),
    (
        "outcomes fit their states",
        &[
            "UPDATE queue_tasks SET reason = 0 WHERE id = 2",
            "UPDATE queue_tasks SET reason = 12 WHERE id = 2",
            "UPDATE queue_tasks SET reason = 1 WHERE id = 1",
            "UPDATE queue_tasks SET exit_code = 1 WHERE id = 1",
            "UPDATE queue_tasks SET exit_code = NULL WHERE id = 1",
            "UPDATE queue_tasks SET state = 5, finished_at = 1, reason = NULL WHERE id = 2",
            "UPDATE queue_tasks SET state = 5, finished_at = 1, reason = 8 WHERE id = 2",
            "UPDATE queue_tasks SET state = 5, finished_at = 1, reason = 9 WHERE id = 2",
            "UPDATE queue_tasks SET state = 6, finished_at = 1, reason = 9 WHERE id = 2",
            "UPDATE queue_tasks SET state = 7, finished_at = 1, reason = 8 WHERE id = 2",
        ],
    ),
    (
        "held tasks are blocked",
        &[
            "INSERT INTO queue_holds VALUES (4, 1)",
            "INSERT INTO queue_holds VALUES (99, 1)",
        ],
    ),
    (
        "blocked tasks of fast-queue are held",
        &["UPDATE queue_tasks SET state = 1 WHERE id = 4"],
    ),
    (
        "tasks can be read",
        &[
            "UPDATE queue_tasks SET options = '{' WHERE id = 4",
            "UPDATE queue_tasks SET payload = x'ff' WHERE id = 4",
            "UPDATE queue_tasks SET options = '{' WHERE id = 5;
                 DELETE FROM queue_queues WHERE handler <> ''",
        ],
    ),
    (
        "the schema is what this program makes",
        &[
            "DROP INDEX queue_tasks_due",
            "CREATE INDEX queue_tasks_mine ON queue_tasks (name)",
        ],
    ),
];

#[test]
fn every_violation_is_found_under_its_invariants_name() {
    for (name, breaches) in BREACHES {
        for sql in *breaches {
            let used = Used::new();
            used.spoil(sql);
            let broken = used.broken();
            assert!(broken.contains(name), "{sql}: {broken:?}");
        }
    }
}

#[test]
fn an_unknown_state_breaks_no_other_invariant() {
    let used = Used::new();
    used.spoil("UPDATE queue_tasks SET state = 8 WHERE id = 4");
    assert_eq!(used.broken(), ["states are known"]);
}

#[test]
fn a_task_that_cannot_be_read_is_counted_once_in_a_file_of_many_queues() {
    let used = Used::new();
    used.spoil(
        "UPDATE queue_tasks SET options = '{' WHERE id = 4;
         INSERT INTO queue_queues (name) VALUES ('a'), ('b')",
    );
    let invariants = used.queue.verify().unwrap();
    let found = invariants.iter().map(|one| one.violations).sum::<u64>();
    assert_eq!(found, 1, "{invariants:?}");
}

#[test]
fn rows_that_just_keep_an_invariant_break_none() {
    for sql in [
        "UPDATE queue_tasks SET name = printf('%.200c', 'n') WHERE id = 4",
        "UPDATE queue_tasks SET key = x'00' WHERE id = 4",
        "UPDATE queue_tasks SET key = zeroblob(1024) WHERE id = 4",
        "UPDATE queue_tasks SET cancel_requested_at = 1 WHERE state >= 3",
        "UPDATE queue_tasks SET state = 5, finished_at = 1, reason = 1 WHERE id = 2",
        "UPDATE queue_tasks SET state = 5, finished_at = 1, reason = 11 WHERE id = 2",
        "UPDATE queue_tasks SET state = 6, finished_at = 1, reason = 8 WHERE id = 2",
        "UPDATE queue_queues SET paused_at = id",
        "UPDATE queue_queues SET ageing_ms = 5000",
        "UPDATE queue_tasks SET state = 1 WHERE id = 4;
         INSERT INTO queue_holds VALUES (4, 1)",
        "CREATE TABLE mine (task REFERENCES queue_tasks);
         INSERT INTO mine VALUES (99)",
    ] {
        let used = Used::new();
        used.spoil(sql);
        assert_eq!(used.broken(), Vec::<&str>::new(), "{sql}");
    }
}

#[test]
fn rows_that_follow_from_others_are_computed_anew() {
    for (sql, rows) in [
        ("UPDATE queue_queues SET fast = 0", 2),
        ("UPDATE queue_queues SET fast = 0 WHERE handler = ''", 1),
        (
            "UPDATE queue_queues SET paused_at = 5 WHERE handler = ''",
            1,
        ),
        (
            "UPDATE queue_queues SET ageing_ms = 5000 WHERE handler = ''",
            1,
        ),
        ("INSERT INTO queue_outputs VALUES (99, x'', 1)", 1),
        ("INSERT INTO queue_earlier_outputs VALUES (99, 1, x'')", 1),
        ("INSERT INTO queue_retried VALUES (99, 1)", 1),
        ("INSERT INTO queue_holds VALUES (4, 1), (99, 1)", 2),
        ("UPDATE queue_tasks SET state = 1 WHERE id = 4", 1),
    ] {
        let used = Used::new();
        used.spoil(sql);
        assert_eq!(used.broken().len(), 1, "{sql}");
        let repaired = used.queue.repair().unwrap();
        assert_eq!(repaired.len(), 1, "{sql}");
        assert_eq!(repaired[0].rows, rows, "{sql}");
        assert_eq!(used.broken(), Vec::<&str>::new(), "{sql}");
        assert!(used.queue.output(TaskId(1)).unwrap().is_some(), "{sql}");
    }
}

#[test]
fn a_handler_missed_by_a_pause_joins_the_latest_pause_of_its_queue() {
    let used = Used::new();
    used.queue
        .enqueue(vec![NewTask::shell("t", "true").queue("other")])
        .unwrap();
    used.spoil(
        "INSERT INTO queue_queues (name, handler, paused_at) VALUES
         ('default', 'a', 5), ('default', 'b', 9), ('elsewhere', '', 99)",
    );
    let repaired = used.queue.repair().unwrap();
    assert_eq!(repaired.iter().map(|one| one.rows).sum::<u64>(), 2);
    let queues = used.queue.queues().unwrap();
    let paused: Vec<_> = queues
        .iter()
        .map(|queue| {
            (
                &*queue.name,
                &*queue.handler,
                queue.paused_at.map(|at| at.0),
            )
        })
        .collect();
    let expected = [
        ("default", "", Some(9)),
        ("default", "a", Some(5)),
        ("default", "b", Some(9)),
        ("default", "resize", Some(9)),
        ("elsewhere", "", Some(99)),
        ("other", "", None),
    ];
    assert_eq!(paused, expected);
}

#[test]
fn a_blocked_task_that_lost_its_hold_is_held_again() {
    let used = Used::new();
    used.queue.hold(&[TaskId(4)]).unwrap();
    used.spoil("DELETE FROM queue_holds");
    assert_eq!(used.queue.repair().unwrap()[0].rows, 1);
    assert!(
        used.queue
            .get(TaskId(4))
            .unwrap()
            .unwrap()
            .held_at
            .is_some()
    );
    let released = used.queue.release(&[TaskId(4)]).unwrap();
    assert_eq!(released, [Change::Done(State::Queued)]);
}

#[test]
fn a_file_that_names_no_engine_is_closed_to_all() {
    let used = Used::new();
    used.spoil("DELETE FROM queue_file");
    let open = "queues are open to fast-queue where the file is";
    assert!(used.broken().contains(&open));
    assert_eq!(used.queue.repair().unwrap()[0].rows, 2);
    assert!(!used.broken().contains(&open));
}

/// Statements that break an invariant, each with the example that describes it.
const EXAMPLES: &[(&str, &str)] = &[
    (
        "UPDATE queue_tasks SET worker = NULL WHERE state = 3",
        "task 3 runs without a whole claim",
    ),
    (
        "UPDATE queue_tasks SET finished_at = NULL WHERE id = 1",
        "task 1 in state 4 has no end",
    ),
    (
        "UPDATE queue_tasks SET finished_at = 1 WHERE id = 4",
        "task 4 in state 2 waits or runs, and has an end or is cancelled",
    ),
    (
        "UPDATE queue_tasks SET state = 5, finished_at = 1 WHERE id = 4",
        "task 4 in state 5 has reason none",
    ),
    (
        "UPDATE queue_tasks SET reason = 1 WHERE id = 1",
        "task 1 in state 4 has reason 1",
    ),
    (
        "UPDATE queue_queues SET fast = 0 WHERE handler = ''",
        "queue default is closed to fast-queue",
    ),
    (
        "UPDATE queue_file SET engine = 1;
         UPDATE queue_queues SET fast = 0 WHERE handler = ''",
        "queue default is open to fast-queue",
    ),
    (
        "CREATE TABLE queue_mine (task REFERENCES queue_tasks);
         INSERT INTO queue_mine VALUES (99)",
        "row 1 of queue_mine names a row of queue_tasks that is not there",
    ),
    (
        "CREATE TABLE queue_mine (task PRIMARY KEY REFERENCES queue_tasks) WITHOUT ROWID;
         INSERT INTO queue_mine VALUES (99)",
        "row ? of queue_mine names a row of queue_tasks that is not there",
    ),
    (
        "UPDATE queue_queues SET paused_at = 5 WHERE handler = ''",
        "queue default is paused in 1 of 2 handler queues",
    ),
    (
        "UPDATE queue_queues SET ageing_ms = 5000 WHERE handler = ''",
        "queue default has 2 different settings of ageing in its handler queues",
    ),
    (
        "UPDATE queue_tasks SET kind = 2 WHERE id = 4",
        "task 4 of kind 2 has queue id 1",
    ),
    (
        "UPDATE queue_tasks SET key = x'' WHERE id = 4",
        "task 4 breaks a limit",
    ),
    (
        "UPDATE queue_tasks SET state = 8 WHERE id = 4",
        "task 4 is in state 8",
    ),
    (
        "UPDATE queue_tasks SET attempt = 1 WHERE id = 4",
        "task 4 was claimed without a token",
    ),
    (
        "UPDATE queue_tasks SET attempt = 3 WHERE id = 2",
        "task 2 has had 3 attempts and 0 crashes in 1 claims",
    ),
    (
        "INSERT INTO queue_outputs VALUES (99, x'', 1)",
        "there is output of task 99, which is not there",
    ),
    (
        "INSERT INTO queue_earlier_outputs VALUES (99, 2, x'')",
        "there is output of attempt 2 of task 99, which is not there",
    ),
    (
        "INSERT INTO queue_retried VALUES (99, 1)",
        "there was a retry of task 99, which is not there",
    ),
    (
        "INSERT INTO queue_holds VALUES (99, 1)",
        "task 99 is held and not there",
    ),
    (
        "INSERT INTO queue_holds VALUES (4, 1)",
        "task 4 is held in state 2",
    ),
    (
        "UPDATE queue_tasks SET state = 1 WHERE id = 4",
        "task 4 is blocked and not held",
    ),
];

#[test]
fn an_example_names_the_task_and_the_violation() {
    for (sql, example) in EXAMPLES {
        let used = Used::new();
        used.spoil(sql);
        let invariants = used.queue.verify().unwrap();
        let examples: Vec<_> = invariants.iter().flat_map(|one| &one.examples).collect();
        assert!(
            examples.iter().any(|one| *one == example),
            "{sql}: {examples:?}"
        );
    }
}
