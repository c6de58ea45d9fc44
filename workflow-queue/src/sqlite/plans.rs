//! Every statement is prepared against the schema, and its plan is a snapshot: an index that is
//! added beside the others must not take over a statement unseen.

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
fn every_statement_has_the_plan_it_had() {
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
