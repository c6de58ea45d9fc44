//! Prepares every statement against the schema and compares its query plan with a snapshot, so that
//! a new index cannot take over a statement unnoticed.

use std::fmt::Write as _;

use rusqlite::Connection;

use super::statements::STATEMENTS;
use crate::WorkflowQueue;

fn plan(connection: &Connection, sql: &str) -> String {
    let mut statement = connection
        .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
        .unwrap();
    for index in 1..=statement.parameter_count() {
        statement.raw_bind_parameter(index, 1).unwrap();
    }
    let mut rows = statement.raw_query();
    let mut plan = String::new();
    while let Some(row) = rows.next().unwrap() {
        let step: String = row.get(3).unwrap();
        writeln!(plan, "    {step}").unwrap();
    }
    plan
}

#[test]
fn every_statement_keeps_its_query_plan() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workflow.db");
    let queue = WorkflowQueue::open(&path).unwrap();
    let plans = queue.database().write(|connection| Ok(plans(connection)));
    insta::assert_snapshot!(plans.unwrap());
}

fn plans(connection: &Connection) -> String {
    let mut plans = String::new();
    for (name, sql) in STATEMENTS {
        let plan = plan(connection, sql);
        let sorts = plan.contains("TEMP B-TREE");
        assert!(!sorts, "{name} sorts: {plan}");
        writeln!(plans, "{name}\n{plan}").unwrap();
    }
    plans
}
