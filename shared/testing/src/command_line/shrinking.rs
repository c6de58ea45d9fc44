//! `shrink`: the space it frees, the content it keeps, and the processes it waits for.

use super::program::{Sandbox, until};
use super::safekeeping::{killed, verified};

/// A database with a few waiting tasks, in a file with space for many more.
fn pruned(many: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    let long = "x".repeat(300);
    sandbox.enqueue(&format!("true {long}\n").repeat(many));
    sandbox.ok(&["cancel", "all"]);
    sandbox.ok(&["prune", "--older-than", "0s"]);
    sandbox.enqueue("true a\ntrue b\n");
    sandbox
}

fn sql(sandbox: &Sandbox, text: &str) {
    let connection = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    connection.execute_batch(text).unwrap();
}

fn number(sandbox: &Sandbox, query: &str) -> i64 {
    let connection = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    connection.query_row(query, [], |row| row.get(0)).unwrap()
}

pub fn shrink_frees_pruned_space_and_keeps_all_else() {
    let sandbox = pruned(5_000);
    sql(
        &sandbox,
        "PRAGMA user_version = 42; PRAGMA application_id = 77;
         CREATE TABLE own (id INTEGER PRIMARY KEY, name);
         INSERT INTO own VALUES (7, 'seven'), (9, 'nine');",
    );
    let before = sandbox.ok(&["list", "-o", "json"]);
    let shrunk = sandbox.json(&["shrink"]);
    let (was, is) = (&shrunk["before_bytes"], &shrunk["after_bytes"]);
    let (was, is) = (was.as_u64().unwrap(), is.as_u64().unwrap());
    // The events of the pruned tasks stay.
    assert!(was > 1 << 20 && is < 800 << 10, "{shrunk}");
    let size = |name: &str| sandbox.path(name).metadata().map_or(0, |found| found.len());
    assert_eq!(size("queue.db") + size("queue.db-wal"), is);
    assert_eq!(sandbox.ok(&["list", "-o", "json"]), before);
    assert_eq!(number(&sandbox, "PRAGMA user_version"), 42);
    assert_eq!(number(&sandbox, "PRAGMA application_id"), 77);
    assert_eq!(number(&sandbox, "SELECT sum(id) FROM own"), 16);
    verified(&sandbox, "queue.db");
    // No id is given out again.
    let next = sandbox.ok(&["add-task", "--print", "id", "next", "true"]);
    assert_eq!(next, "5003\n");
    sandbox.ok(&["worker", "--drain"]);
    verified(&sandbox, "queue.db");
}

pub fn shrink_is_refused_while_another_process_has_the_database_open() {
    let sandbox = pruned(200);
    let worker = sandbox.start(&["worker", "--queue", "other"]);
    until("it is registered", || {
        sandbox.ok(&["workers"]).contains("other")
    });
    let refused = sandbox.run(&["shrink"]);
    assert_eq!(refused.code(), 4, "{}", refused.stderr());
    let pid = format!("process {} (", worker.child.id());
    assert!(refused.stderr().contains(&pid), "{}", refused.stderr());
    drop(worker);
    // A program that does not use the lock.
    let reader = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM queue_tasks")
        .unwrap();
    let refused = sandbox.run(&["shrink"]);
    assert_eq!(refused.code(), 4, "{}", refused.stderr());
    drop(reader);
    sandbox.ok(&["shrink"]);
}

pub fn tables_whose_rowids_may_change_are_named_and_need_force() {
    let sandbox = pruned(200);
    sql(
        &sandbox,
        "CREATE TABLE own (name); INSERT INTO own VALUES ('a'), ('b');
         DELETE FROM own WHERE name = 'a';",
    );
    let refused = sandbox.run(&["shrink"]);
    assert_eq!(refused.code(), 2);
    assert!(
        refused.stderr().contains("may change: own"),
        "{}",
        refused.stderr()
    );
    assert!(
        number(&sandbox, "PRAGMA freelist_count") > 0,
        "nothing was done"
    );
    sandbox.ok(&["shrink", "--force"]);
    assert_eq!(number(&sandbox, "PRAGMA freelist_count"), 0);
    assert_eq!(
        number(&sandbox, "SELECT count(*) FROM own WHERE name = 'b'"),
        1
    );
}

pub fn shrink_refuses_a_file_without_a_queue() {
    let sandbox = Sandbox::new();
    sql(&sandbox, "CREATE TABLE orders (id INTEGER PRIMARY KEY)");
    let refused = sandbox.run(&["shrink"]);
    assert_eq!(refused.code(), 5, "{}", refused.stderr());
    assert!(!sandbox.path("queue.db.d").exists());
}

pub fn a_shrink_killed_at_any_call_that_writes_leaves_the_same_content() {
    let sandbox = pruned(100);
    let content = sandbox.ok(&["list", "-o", "json"]);
    let calls = "pwrite64,fsync,fdatasync,ftruncate,unlink,unlinkat";
    let kills = killed(&sandbox, &["shrink"], calls, &mut || {
        assert_eq!(sandbox.ok(&["list", "-o", "json"]), content);
        verified(&sandbox, "queue.db");
        // Gives the file free space again.
        sql(
            &sandbox,
            "CREATE TABLE filler (id INTEGER PRIMARY KEY, content);
                     INSERT INTO filler VALUES (1, zeroblob(40000)); DROP TABLE filler;",
        );
    });
    assert!(kills.is_none_or(|kills| kills > 20), "{kills:?}");
}
