//! Query plans of every statement. Neither an added index nor statistics that a caller gathers may
//! change them.

use std::fmt::Write as _;

use queue_core::sqlite::{HANDLER_QUEUE_STATEMENTS, aside, verbs};
use rusqlite::{Connection, StatementStatus};

use crate::statements::STATEMENTS;
use crate::{FastQueue, NewTask, Queue};

/// Plan of every statement, under its file's name.
fn plans(connection: &Connection) -> Vec<String> {
    let statements = STATEMENTS
        .iter()
        .chain(verbs::statements())
        .chain(&HANDLER_QUEUE_STATEMENTS)
        .chain(&aside::STATEMENTS);
    statements
        .map(|(name, sql)| {
            let explain = format!("EXPLAIN QUERY PLAN {sql}");
            let mut explain = connection.prepare(&explain).unwrap();
            let mut steps = explain.raw_query();
            let mut plan = format!("{name}\n");
            while let Some(step) = steps.next().unwrap() {
                writeln!(plan, "    {}", step.get::<_, String>(3).unwrap()).unwrap();
            }
            plan
        })
        .collect()
}

fn plans_after(change: &'static str) -> Vec<String> {
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
    insta::assert_snapshot!(plans_after("").concat());
}

/// A claim from a queue with ageing looks at every priority, and at none of the tasks behind the first.
#[test]
fn the_oldest_task_of_each_priority_is_found_without_reading_the_others() {
    let folder = tempfile::tempdir().unwrap();
    let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
    let (_, heads) = verbs::statements()
        .find(|(name, _)| *name == "claim_heads")
        .unwrap();
    let steps = |tasks: i32| {
        let task = |index: i32| NewTask::shell("t", "true").priority(index % 3);
        queue.enqueue((0..tasks).map(task).collect()).unwrap();
        let read = queue.database().read(|connection| {
            let mut query = connection.prepare(heads)?;
            let found = query.query_map([1], |row| row.get::<_, i64>(0))?.count();
            Ok((found, query.get_status(StatementStatus::VmStep)))
        });
        read.unwrap()
    };
    let few = steps(3);
    assert_eq!(steps(3_000), few);
}

#[test]
fn statistics_and_added_indexes_change_no_plan() {
    let usual = plans_after("");
    for change in [
        "ANALYZE",
        "CREATE INDEX theirs ON queue_tasks (state, created_at);
         CREATE INDEX more ON queue_tasks (queue, state, priority, created_at)",
    ] {
        for (changed, usual) in plans_after(change).iter().zip(&usual) {
            assert_eq!(changed, usual, "after {change}");
        }
    }
}
