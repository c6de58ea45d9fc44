//! `health`, for probes and monitors.

use rustix::process::Signal;

use super::program::{Sandbox, name, until};

/// Moves the creation of every task two minutes back.
fn age(sandbox: &Sandbox) {
    let file = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    file.execute_batch("UPDATE queue_tasks SET created_at = created_at - 120000")
        .unwrap();
}

fn level(sandbox: &Sandbox, check: &str) -> String {
    let done = sandbox.run(&["health", "-o", "json"]);
    let checks: serde_json::Value = serde_json::from_str(&done.stdout()).unwrap();
    let mut checks = checks.as_array().unwrap().iter();
    let found = checks.find(|one| one["check"] == check).unwrap();
    found["level"].as_str().unwrap().to_owned()
}

pub fn a_task_that_no_worker_serves_is_critical_after_a_minute() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    let well = sandbox.ok(&["health", "--nagios"]);
    assert!(well.starts_with(&format!("{} OK - ", name())), "{well}");
    sandbox.ok(&["health"]);
    age(&sandbox);
    let done = sandbox.run(&["health"]);
    assert_eq!(done.code(), 5);
    assert!(done.stdout().contains("no worker serves default"));
    assert!(done.stderr().contains("critical: unserved"));
    let start = format!("`{} worker`", name());
    assert!(done.stdout().contains(&start), "{}", done.stdout());
    let plugin = sandbox.run(&["health", "--nagios"]);
    assert_eq!((plugin.code(), plugin.stderr().as_str()), (2, ""));
    let line = plugin.stdout();
    let begins = format!("{} CRITICAL - no worker serves default |", name());
    assert!(line.starts_with(&begins), "{line}");
    assert!(
        line.contains(" backlog=12") && line.contains("s;600; "),
        "{line}"
    );
    assert!(line.contains(" unserved=1;;0 "), "{line}");
    assert_eq!(line.lines().count(), 1);
    let doctor = sandbox.run(&["doctor"]);
    assert_eq!(doctor.code(), 5);
    assert!(doctor.stdout().contains("no worker serves default"));
}

pub fn a_worker_is_probed_and_a_dead_one_without_another_is_critical() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "long", "echo up > up; exec sleep 600"]);
    let mut worker = sandbox.start(&["worker"]);
    until("the command runs", || sandbox.path("up").exists());
    let workers = sandbox.json(&["workers"]);
    let id = workers[0]["id"].as_str().unwrap();
    let alive = sandbox.ok(&["health", "--worker", id]);
    assert_eq!(alive, format!("worker {id} is alive\n"));
    assert_eq!(level(&sandbox, "workers"), "ok");
    worker.signal(Signal::KILL);
    worker.ended();
    let dead = sandbox.run(&["health", "--worker", id]);
    assert_eq!(dead.code(), 5);
    assert!(dead.stderr().contains("is dead"), "{}", dead.stderr());
    assert_eq!(level(&sandbox, "workers"), "critical");
    let unknown = sandbox.run(&["health", "--worker", "0000000000000001"]);
    assert_eq!(unknown.code(), 3);
    assert_eq!(sandbox.run(&["health", "--worker", "mine"]).code(), 2);
    sandbox.ok(&["doctor", "--repair"]);
}

pub fn a_file_that_cannot_be_read_is_unknown_to_a_monitor() {
    let sandbox = Sandbox::new();
    sandbox.write("queue.db", "This is no database. ".repeat(100));
    let done = sandbox.run(&["health", "--nagios"]);
    assert_eq!((done.code(), done.stderr().as_str()), (3, ""));
    assert!(done.stdout().starts_with(&format!("{} UNKNOWN - ", name())));
    assert_eq!(sandbox.run(&["health"]).code(), 5);
    let empty = Sandbox::new();
    assert_eq!(empty.run(&["health", "--nagios"]).code(), 3);
    assert!(!empty.path("queue.db").exists());
}
