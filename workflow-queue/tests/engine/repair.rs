//! The repair of a workflow's tables.

use queue_core::outcome::Outcome;
use queue_core::queue::Queue;
use queue_core::state::State;
use queue_core::task::TaskId;
use rusqlite::Connection;
use rusqlite::types::Value;

use crate::verify::{broken, spoil, used};

#[test]
fn counters_marks_and_edges_are_repaired() {
    for sql in [
        "UPDATE queue_waiting SET pending = pending + 5",
        "INSERT INTO queue_holds VALUES (6, 1)",
        "INSERT INTO queue_holds VALUES (99, 1)",
        "INSERT INTO queue_holds VALUES (4, 1); DELETE FROM queue_waiting",
        "UPDATE queue_tasks SET depends = 0 WHERE id = 2",
        "UPDATE queue_tasks SET depends = 1 WHERE id = 1",
        "UPDATE queue_queues SET limited = 0 WHERE name = 'slow'",
        "UPDATE queue_tasks SET gate = NULL WHERE id = 7",
        "UPDATE queue_tasks SET gate = 9 WHERE id = 5",
        "INSERT INTO queue_dependencies VALUES (98, 4, 0)",
        "INSERT INTO queue_dependencies VALUES (1, 99, 0)",
        "INSERT INTO queue_waiting VALUES (6, 1)",
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
        "DELETE FROM queue_events WHERE seq = 3",
        "DELETE FROM queue_events WHERE task = 1",
        "UPDATE queue_tasks SET event = NULL WHERE id = 1",
    ] {
        let (bench, claim) = used();
        spoil(&bench, sql);
        assert_ne!(broken(&bench), Vec::<&str>::new(), "{sql}");
        assert_ne!(bench.queue.repair().unwrap(), vec![], "{sql}");
        assert_eq!(broken(&bench), Vec::<&str>::new(), "{sql}");
        // The workflow continues as intended.
        bench.settle(claim, Outcome::Succeeded);
        let states = [3, 4].map(|id| bench.state(TaskId(id)));
        assert_eq!(states, [State::Queued, State::Blocked], "{sql}");
    }
}

#[test]
fn a_repair_changes_only_damaged_rows() {
    let (bench, claim) = used();
    let rows = |table: &str, order: &str| {
        let connection = Connection::open(bench.queue.path()).unwrap();
        let sql = format!("SELECT * FROM {table} ORDER BY {order}");
        let mut query = connection.prepare(&sql).unwrap();
        let columns = query.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            (0..columns)
                .map(|column| row.get(column))
                .collect::<rusqlite::Result<Vec<Value>>>()
        };
        let found = query.query_map([], row).unwrap();
        found.collect::<rusqlite::Result<Vec<_>>>().unwrap()
    };
    let all = || {
        [
            rows("queue_tasks", "id"),
            rows("queue_queues", "id"),
            rows("queue_dependencies", "task, dependent"),
            rows("queue_upstream", "dependent"),
            rows("queue_waiting", "dependent"),
            rows("queue_attempts", "task, token"),
            rows("queue_events WHERE kind <> 53", "seq"),
        ]
    };
    let before = all();
    for sql in [
        "UPDATE queue_tasks SET lease_until = 77 WHERE id = 5",
        "UPDATE queue_tasks SET gate = 9 WHERE id = 5",
        "UPDATE queue_tasks SET depends = 0 WHERE id = 2",
        "UPDATE queue_queues SET limited = 1 WHERE name = 'default'",
        "UPDATE queue_waiting SET pending = 7 WHERE dependent = 4",
        "INSERT INTO queue_attempts VALUES (99, 1, 1, 1, 1, 1, 5, 1, NULL, 1, NULL, NULL)",
        "INSERT INTO queue_dependencies VALUES (98, 4, 0), (1, 99, 0)",
        "INSERT INTO queue_upstream VALUES (99, x'')",
    ] {
        spoil(&bench, sql);
        assert_ne!(all(), before, "{sql}");
        let repaired = bench.queue.repair().unwrap();
        assert_eq!(repaired.len(), 1, "{sql}: {repaired:?}");
        let edges = if sql.contains("dependencies") { 2 } else { 1 };
        assert_eq!(repaired[0].rows, edges, "{sql}");
        assert_eq!(all(), before, "{sql}");
    }
    bench.settle(claim, Outcome::Succeeded);
}

#[test]
fn the_count_of_a_task_that_no_longer_waits_is_deleted() {
    let (bench, _) = used();
    spoil(
        &bench,
        "UPDATE queue_tasks SET state = 6, finished_at = 1, reason = 8 WHERE id = 4",
    );
    // The log gets an event of the end, too.
    assert_eq!(bench.queue.repair().unwrap().len(), 2);
    assert_eq!(broken(&bench), Vec::<&str>::new());
    assert_eq!(bench.state(TaskId(4)), State::Cancelled);
}

#[test]
fn running_tasks_of_a_lost_queue_count_towards_no_limit() {
    let (bench, _) = used();
    spoil(&bench, "DELETE FROM queue_queues WHERE name = 'slow'");
    assert_eq!(bench.queue.repair().unwrap().len(), 1);
    assert_eq!(broken(&bench), ["tasks are in queues that can run them"]);
}
