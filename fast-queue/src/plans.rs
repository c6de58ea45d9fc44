//! How `SQLite` carries out every statement: an index that is added, or statistics that a caller
//! gathers, must not change that.

use std::fmt::Write as _;

use queue_core::sqlite::{read, write};
use rusqlite::Connection;

use crate::{FastQueue, NewTask, Queue};

const OWN: [(&str, &str); 21] = [
    ("engine", crate::guard::ENGINE),
    ("lane_open", crate::enqueue::LANE_OPEN),
    ("enqueue", crate::enqueue::ENQUEUE),
    ("id_of_key", crate::enqueue::ID_OF_KEY),
    ("lanes_of", crate::claim::LANES_OF),
    ("next_due", crate::claim::NEXT_DUE),
    ("promote_due", crate::claim::PROMOTE_DUE),
    ("claim_one", crate::claim::CLAIM_ONE),
    ("claim_peek", crate::claim::CLAIM_PEEK),
    ("claim_id", crate::claim::CLAIM_ID),
    ("settle_success", crate::settle::SETTLE_SUCCESS),
    ("settle_read", crate::settle::SETTLE_READ),
    ("settle", crate::settle::SETTLE),
    ("reap_rows", crate::reap::REAP_ROWS),
    ("reap", crate::reap::REAP),
    ("cancel", crate::change::CANCEL),
    ("cancel_request", crate::change::CANCEL_REQUEST),
    ("retry", crate::change::RETRY),
    ("prune_keep", crate::prune::PRUNE_KEEP),
    ("prune_find", crate::prune::PRUNE_FIND),
    ("prune", crate::prune::PRUNE),
];

/// The plan of every statement, under its file's name.
fn plans(connection: &Connection) -> String {
    let mut text = String::new();
    let statements = OWN
        .iter()
        .chain(&read::STATEMENTS)
        .chain(&write::STATEMENTS);
    for (name, sql) in statements {
        writeln!(text, "{name}").unwrap();
        let mut explain = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let mut steps = explain.raw_query();
        while let Some(step) = steps.next().unwrap() {
            writeln!(text, "    {}", step.get::<_, String>(3).unwrap()).unwrap();
        }
    }
    text
}

fn plans_after(change: &'static str) -> String {
    let folder = tempfile::tempdir().unwrap();
    let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
    let task = |index: usize| NewTask::shell("t", "true").queue(format!("q{}", index % 3));
    queue.enqueue((0..300).map(task).collect()).unwrap();
    queue
        .database()
        .write(move |connection| {
            connection.execute_batch(change)?;
            Ok(plans(connection))
        })
        .unwrap()
}

#[test]
fn every_statement_has_the_plan_it_was_written_for() {
    insta::assert_snapshot!(plans_after(""));
}

#[test]
fn statistics_and_added_indexes_change_no_plan() {
    let usual = plans_after("");
    assert_eq!(plans_after("ANALYZE"), usual);
    let added = "CREATE INDEX theirs ON queue_tasks (state, created_at);
                 CREATE INDEX more ON queue_tasks (queue, state, priority, created_at);";
    assert_eq!(plans_after(added), usual);
}
