//! Commands that add tasks to their own workflow.

use crate::sandbox;

/// A line of shell that calls the program.
fn call(words: &str) -> String {
    format!(
        "'{}' {words}\n",
        queue_testing::command_line::program::path()
    )
}

#[test]
fn a_command_adds_tasks_in_front_of_its_dependents() {
    let sandbox = sandbox();
    let split = call("enqueue one 'echo 1' --spawn --before dependents")
        + &call("enqueue two 'echo 2' --spawn --before dependents --queue other");
    sandbox.ok(&["enqueue", "split", &split]);
    let merge = "cat $QUEUE_INPUTS/*.out | sort -n | tail -n 2 > merged";
    sandbox.ok(&["enqueue", "merge", merge, "--after", "1"]);
    let left = sandbox.run(&["worker", "--drain"]);
    assert_eq!(left.code(), 1, "nobody serves the other queue");
    assert_eq!(
        sandbox.ok(&["log", "1", "--stdout"]),
        "Enqueued task 3\nEnqueued task 4\n"
    );
    assert_eq!(sandbox.state("2"), "blocked", "task 4 is of another queue");
    sandbox.ok(&["worker", "--drain", "--queue", "other"]);
    sandbox.ok(&["worker", "--drain"]);
    assert_eq!(sandbox.state("2"), "succeeded");
    assert_eq!(sandbox.read("merged"), "1\n2\n");

    let task = sandbox.json(&["show", "3"]);
    assert_eq!(
        (&task["spawner"], &task["workflow"]),
        (&1.into(), &1.into())
    );
    assert!(sandbox.ok(&["show", "4"]).contains("\nspawner       1\n"));
    let tree = sandbox.json(&["tree", "1"]);
    assert_eq!(tree["tasks"][1]["spawner"], serde_json::Value::Null);
    assert_eq!(tree["tasks"][2]["spawner"], 1);
    assert!(sandbox.ok(&["tree", "1"]).contains("3 one (spawned)"));
    assert!(
        sandbox
            .ok(&["tree", "2", "--up"])
            .contains("3 one (spawned by 1)")
    );
}

#[test]
fn many_lines_are_added_at_once_with_edges_of_their_own() {
    let sandbox = sandbox();
    sandbox.write(
        "lines",
        r#"{"name":"a","command":"echo a >> order"}
{"name":"b","command":"echo b >> order","after":["a"],"before":["id:2:any"]}
{"name":"c","command":"echo c >> order","after":["b"],"before":[]}
"#,
    );
    let split = call("enqueue --stdin --spawn --before dependents --print id < lines");
    sandbox.ok(&["enqueue", "split", &split]);
    let merge = "echo merge >> order";
    sandbox.ok(&["enqueue", "merge", merge, "--after", "1"]);
    sandbox.ok(&["worker", "1", "--drain"]);
    assert_eq!(sandbox.ok(&["log", "1", "--stdout"]), "3\n4\n5\n");
    assert_eq!(sandbox.read("order"), "a\nb\nmerge\nc\n");
}

#[test]
fn spawn_outside_a_task_is_refused() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "one", "true"]);
    let done = sandbox.run(&["enqueue", "two", "true", "--spawn"]);
    assert_eq!(done.code(), 2);
    let sentence = "--spawn is for the command of a running task, which this is not: \
                    QUEUE_TASK_ID is not set";
    assert!(done.stderr().contains(sentence), "{}", done.stderr());
    let done = sandbox.run(&["enqueue", "two", "true", "--before", "dependents"]);
    assert_eq!(done.code(), 2);
    assert!(done.stderr().contains("only a running task can add tasks"));
    assert_eq!(sandbox.json(&["status"])["total"], 1);
}

#[test]
fn a_task_whose_claim_is_lost_adds_nothing() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "one", "true"]);
    let spawn = |database: &str, words: &[&str]| {
        let mut command =
            sandbox.command(&[&["enqueue", "two", "true", "--spawn"], words].concat());
        command
            .env("QUEUE_TASK_ID", "1")
            .env("QUEUE_TOKEN", "1")
            .env("QUEUE_WORKER", "00000000000000a1")
            .env("QUEUE_DB", sandbox.path(database));
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), stderr)
    };
    let (code, stderr) = spawn("queue.db", &[]);
    assert_eq!(code, Some(6), "{stderr}");
    assert!(stderr.contains("the claim on task 1 is lost"), "{stderr}");
    let (code, stderr) = spawn("queue.db", &["--db", "queue.db", "-o", "json"]);
    assert_eq!(code, Some(6), "{stderr}");
    let (code, stderr) = spawn("queue.db", &["--db", "other.db"]);
    assert_eq!(code, Some(2), "{stderr}");
    assert!(stderr.contains("names another file"), "{stderr}");
    let (code, stderr) = spawn("missing.db", &[]);
    assert_eq!(code, Some(3), "{stderr}");
    assert!(!sandbox.path("missing.db").exists());
    assert_eq!(sandbox.json(&["status"])["total"], 1);
}
