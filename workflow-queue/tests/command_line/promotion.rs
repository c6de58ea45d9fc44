//! Files of fast-queue: reading, refusal of writes, promotion.

use queue_core::sqlite::{CORE, Database, Durability, OpenOptions, handler_queue_or_create};

use queue_testing::command_line::program::Sandbox;

use crate::sandbox;

/// A sandbox whose database is a file of fast-queue, with one task.
fn fast_sandbox() -> Sandbox {
    let sandbox = sandbox();
    let options = OpenOptions::new(Durability::Fast).unwrap();
    let database = Database::open(&sandbox.path("queue.db"), options, &[CORE]).unwrap();
    database
        .write(|connection| {
            let handler_queue = handler_queue_or_create(connection, "default", "")?;
            connection.execute(
                "INSERT INTO queue_tasks (queue, state, priority, kind, created_at, name, payload)
                 VALUES (?1, 2, 0, 0, 5, 't', CAST('true' AS BLOB))",
                [handler_queue.id],
            )?;
            Ok(())
        })
        .unwrap();
    sandbox
}

#[test]
fn verbs_that_write_refuse_an_unpromoted_file_and_name_the_command() {
    let sandbox = fast_sandbox();
    let lines = sandbox.write("lines", "true\n");
    let writing: &[&[&str]] = &[
        &["enqueue", "a", "true"],
        &["enqueue", "a", "true", "--after", "1"],
        &["worker", "--drain"],
        &["run", lines.to_str().unwrap()],
        &["cancel", "1"],
        &["retry", "1"],
        &["retry", "1", "--downstream"],
        &["reprioritize", "1", "5"],
        &["pause"],
        &["limit", "--key", "a", "--concurrency", "1"],
        &["prune", "--older-than", "0"],
        &["test"],
        &["test", "--run"],
    ];
    for words in writing {
        let done = sandbox.run(words);
        assert_eq!(done.code(), 5, "{words:?}: {}", done.stderr());
        assert!(
            done.stderr().contains("workflow-queue promote"),
            "{words:?}: {}",
            done.stderr()
        );
        assert_eq!(done.stdout(), "", "{words:?}");
    }
}

#[test]
fn verbs_that_read_work_on_an_unpromoted_file() {
    let sandbox = fast_sandbox();
    assert_eq!(sandbox.json(&["status"])["queued"], 1);
    assert_eq!(sandbox.json(&["tree", "1"])["tasks"][0]["name"], "t");
    assert_eq!(sandbox.json(&["queues"])[0]["queued"], 1);
    for words in [
        ["attempts", "1"],
        ["limit", "--queue=default"],
        ["show", "1"],
        ["why", "1"],
    ] {
        sandbox.ok(&words);
    }
}

#[test]
fn two_promotions_at_once_both_succeed() {
    let sandbox = fast_sandbox();
    let mut both = [sandbox.start(&["promote"]), sandbox.start(&["promote"])];
    for one in &mut both {
        assert_eq!(one.ended(), Some(0), "{}", one.stderr());
    }
    assert_eq!(sandbox.run(&["worker", "--drain"]).code(), 0);
    assert_eq!(sandbox.state("1"), "succeeded");
}

/// Inside a task of fast-queue, this program must not pick a file by default that it cannot write.
#[test]
fn a_file_of_fast_queue_is_not_the_default_inside_its_task() {
    let sandbox = fast_sandbox();
    let within = |words: &[&str]| {
        let mut command = sandbox.command(words);
        command
            .env_remove("WORKFLOW_QUEUE_DB")
            .env("XDG_DATA_HOME", sandbox.path("data"))
            .env("QUEUE_TASK_ID", "1")
            .env("QUEUE_DB", sandbox.path("queue.db"));
        let done = command.output().unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    };
    let of_its_own = sandbox.path("data/workflow-queue/workflow-queue.db");
    assert_eq!(within(&["add-task", "mine", "true"]), "Added task 1\n");
    assert!(of_its_own.exists());
    sandbox.ok(&["promote"]);
    // The existing task has id 1.
    assert_eq!(within(&["add-task", "its", "true"]), "Added task 2\n");
}
