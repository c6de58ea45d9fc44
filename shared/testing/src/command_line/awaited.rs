//! `--wait` and `--follow` of `add-task`: the program ends with the exit code of the task.

use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt as _;

use super::program::{Running, Sandbox, until};

/// A command that writes a line, waits for the file `go` and writes another.
const TWO_LINES: &str = "echo one; while ! test -e go; do sleep 0.02; done; echo two";

fn worker(sandbox: &Sandbox) -> Running {
    let worker = sandbox.start(&["worker", "--slots", "2"]);
    until("the worker runs", || sandbox.run(&["workers"]).code() == 0);
    worker
}

/// The exit code of `add-task` with these further arguments.
fn code(sandbox: &Sandbox, words: &[&str]) -> i32 {
    let words = [&["add-task", "--max-attempts", "1"], words].concat();
    sandbox.run(&words).code()
}

pub fn add_task_with_wait_ends_with_the_exit_code_of_the_task() {
    let sandbox = Sandbox::new();
    let _worker = worker(&sandbox);
    assert_eq!(code(&sandbox, &["--wait", "true"]), 0);
    assert_eq!(code(&sandbox, &["--wait", "exit 3"]), 3);
    assert_eq!(code(&sandbox, &["--follow", "exit 2"]), 2);
    assert_eq!(code(&sandbox, &["--wait", "kill -9 $$"]), 137);
    let keyed = ["--wait", "--key", "k", "exit 4"];
    assert_eq!(code(&sandbox, &keyed), 4);
    assert_eq!(code(&sandbox, &keyed), 4, "the task with the same key");
    assert_eq!(sandbox.json(&["list"]).as_array().unwrap().len(), 5);
}

/// A script must not take a failure of the program for one of its task.
pub fn failures_of_the_program_have_exit_codes_of_their_own_with_wait() {
    let sandbox = Sandbox::new();
    let timed_out = sandbox.run(&["add", "--wait", "--wait-timeout", "0", "true"]);
    assert_eq!(timed_out.code(), 124, "{}", timed_out.stderr());
    assert!(timed_out.stderr().contains("goes on"));
    assert_eq!(sandbox.state("1"), "queued");
    for words in [
        &["add", "--wait", "sleep", "5"][..],
        &["add", "--wait", "--no-such-option", "true"],
        &["add", "--follow", "--wait-timeout", "soon", "true"],
        &["--db", "/", "add", "--wait", "true"],
    ] {
        let done = sandbox.run(words);
        assert_eq!(done.code(), 125, "{words:?}: {}", done.stderr());
        assert!(!done.stderr().is_empty());
    }
    sandbox.ok(&["cancel", "1"]);
    let cancelled = sandbox.run(&["add", "--wait", "--hold", "true", "--wait-timeout", "0"]);
    assert!(
        cancelled.stderr().contains("is held"),
        "{}",
        cancelled.stderr()
    );
    let report = sandbox.run(&["-o", "json", "add", "--wait-timeout", "0", "true"]);
    let last = report.stderr();
    let error: serde_json::Value = serde_json::from_str(last.lines().last().unwrap()).unwrap();
    assert_eq!(error["error"]["exit_code"], 124);
    assert_eq!(error["error"]["kind"], "busy");
}

pub fn a_task_cancelled_while_it_is_awaited_has_no_exit_code_to_give() {
    let sandbox = Sandbox::new();
    let mut waits = sandbox.start(&["add", "--wait", "--hold", "true"]);
    until("it is enqueued", || waits.stdout().contains("task 1"));
    sandbox.ok(&["cancel", "1"]);
    assert_eq!(waits.ended(), Some(125), "{}", waits.stderr());
    until("it is said", || waits.stdout().contains("was cancelled"));
}

pub fn add_task_with_follow_prints_the_output_of_the_task_as_it_comes() {
    let sandbox = Sandbox::new();
    let _worker = worker(&sandbox);
    let mut follows = sandbox.start(&["add", "--follow", TWO_LINES]);
    until("the first line comes", || follows.stdout() == "one\n");
    sandbox.write("go", "");
    assert_eq!(follows.ended(), Some(0), "{}", follows.stderr());
    until("the second line comes", || follows.stdout() == "one\ntwo\n");
    assert!(follows.stderr().contains("Added task 1"));
}

pub fn an_interrupt_ends_the_waiting_and_not_the_task() {
    let sandbox = Sandbox::new();
    let _worker = worker(&sandbox);
    let mut follows = sandbox.start(&["add", "--follow", TWO_LINES]);
    until("it runs", || follows.stdout() == "one\n");
    follows.signal(Signal::INT);
    assert_eq!(follows.ended(), None);
    let status = follows.child.wait().unwrap();
    assert_eq!(status.signal(), Some(2), "a shell calls it 130");
    until("it says so", || follows.stderr().contains("task 1 goes on"));
    sandbox.write("go", "");
    sandbox.ok(&["wait", "1"]);
}
