//! Draining workers: the tasks they wait for, and those they leave behind with a message.

use queue_testing::command_line::program::{Sandbox, until};

use crate::sandbox;

fn drained(sandbox: &Sandbox, words: &[&str]) -> (i32, String) {
    let mut call = vec!["worker", "--drain"];
    call.extend_from_slice(words);
    let done = sandbox.run(&call);
    (done.code(), done.stderr())
}

#[test]
fn a_limit_that_lets_no_task_run_is_named() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "keyed", "true", "--limit-key", "k"]);
    sandbox.ok(&["limit", "--key", "k", "--concurrency", "0"]);
    let (code, said) = drained(&sandbox, &[]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains(
            "limit k lets no task run, and 1 task waits for it; `workflow-queue limit` shows it"
        ),
        "{said}"
    );
    sandbox.ok(&["limit", "--key", "k", "--remove"]);
    assert_eq!(drained(&sandbox, &[]).0, 0);
    sandbox.ok(&["limit", "--queue", "default", "--concurrency", "0"]);
    sandbox.ok(&["enqueue", "one", "true"]);
    let (code, said) = drained(&sandbox, &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("limit default lets no task run"), "{said}");
    sandbox.ok(&[
        "limit",
        "--queue",
        "default",
        "--concurrency",
        "none",
        "--rate",
        "0/s",
    ]);
    assert_eq!(drained(&sandbox, &[]).0, 1);
    sandbox.ok(&["limit", "--queue", "default", "--remove"]);
    assert_eq!(drained(&sandbox, &[]).0, 0);
}

/// Parked tasks counted as blocked, so a drain left them although their slot came free by itself.
#[test]
fn a_drain_waits_for_a_slot_that_another_queue_holds() {
    let sandbox = sandbox();
    sandbox.ok(&["limit", "--key", "k", "--concurrency", "1"]);
    sandbox.ok(&[
        "enqueue",
        "holds",
        "until test -e go; do sleep 0.02; done",
        "--limit-key",
        "k",
        "--queue",
        "other",
    ]);
    let mut other = sandbox.start(&["worker", "--queue", "other", "--drain"]);
    until("the slot is taken", || sandbox.state("1") == "running");
    sandbox.ok(&["enqueue", "waits", "true", "--limit-key", "k"]);
    let mut worker = sandbox.start(&["worker", "--drain"]);
    until("the worker is at rest", || {
        worker.stderr().contains("runs up to")
    });
    sandbox.write("go", "");
    assert_eq!(
        (worker.ended(), other.ended()),
        (Some(0), Some(0)),
        "{}",
        worker.stderr()
    );
    assert_eq!(sandbox.state("2"), "succeeded");
}

#[test]
fn a_task_that_waits_for_a_queue_without_a_worker_is_named() {
    let sandbox = sandbox();
    sandbox.ok(&["enqueue", "first", "true", "--queue", "other"]);
    sandbox.ok(&["enqueue", "second", "true", "--after", "1"]);
    let (code, said) = drained(&sandbox, &[]);
    assert_eq!(code, 1, "{said}");
    let hint = "1 task waits for task 1 of queue other, which no worker can run; start one with \
                `workflow-queue worker --queue other`";
    assert!(said.contains(hint), "{said}");
    assert_eq!(drained(&sandbox, &["--queue", "other"]).0, 0);
    assert_eq!(drained(&sandbox, &[]).0, 0);
    assert_eq!(sandbox.state("2"), "succeeded");
}
