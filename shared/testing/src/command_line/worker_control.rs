//! Requests to living workers: `worker stop`, `worker slots`, a second `worker --background`.

use rustix::process::Signal;
use serde_json::Value;

use super::program::{Process, Running, Sandbox, name, until};

const WAITS: &str = "until test -e go; do sleep 0.02; done";

fn started(sandbox: &Sandbox, words: &[&str]) -> Running {
    let count = |sandbox: &Sandbox| workers(sandbox).len();
    let before = count(sandbox);
    let worker = sandbox.start(&[&["worker"], words].concat());
    until("it is registered", || count(sandbox) > before);
    worker
}

fn workers(sandbox: &Sandbox) -> Vec<Value> {
    sandbox.json(&["workers"]).as_array().unwrap().clone()
}

fn running(sandbox: &Sandbox) -> usize {
    let tasks = sandbox.json(&["list", "--state", "running"]);
    tasks.as_array().unwrap().len()
}

pub fn a_living_worker_gets_more_and_fewer_slots() {
    let sandbox = Sandbox::new();
    sandbox.enqueue(&format!("{WAITS}\n").repeat(5));
    let mut worker = started(&sandbox, &["--slots", "1"]);
    until("one runs", || running(&sandbox) == 1);
    let said = sandbox.ok(&["worker", "slots", "3"]);
    assert!(said.contains("runs up to 3 tasks at a time"), "{said}");
    assert_eq!(workers(&sandbox)[0]["slots"], 3);
    until("three run", || running(&sandbox) == 3);
    let view = sandbox.json(&["worker", "slots", "2", "all"]);
    assert_eq!(view["slots"], 2);
    assert_eq!(running(&sandbox), 3, "tasks beyond a lower number go on");
    sandbox.write("go", "");
    let id = workers(&sandbox)[0]["id"].as_str().unwrap().to_owned();
    until("all have run", || {
        running(&sandbox) == 0 && sandbox.state("5") == "succeeded"
    });
    sandbox.ok(&["worker", "slots", "4", &id]);
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended(), Some(0));
    assert!(
        worker
            .stderr()
            .contains("runs up to 2 tasks at a time from now on")
    );
}

pub fn impossible_numbers_of_slots_are_refused_with_a_sentence() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true", "--queue", "mail"]);
    let said = |words: &[&str], code: i32| {
        let done = sandbox.run(words);
        assert_eq!(done.code(), code, "{words:?}: {}", done.stderr());
        done.stderr()
    };
    assert!(said(&["worker", "slots", "0"], 2).contains("from 1 to 10000"));
    assert!(said(&["worker", "slots", "2"], 3).contains("no worker is running"));
    assert!(said(&["worker", "stop"], 3).contains("no worker is running"));
    let mut worker = started(
        &sandbox,
        &["--queue", "mail:2", "--all-queues", "--slots", "4"],
    );
    let text = said(&["worker", "slots", "1"], 2);
    assert!(text.contains("2 slots are to be kept for queues"), "{text}");
    let text = said(&["worker", "slots", "2"], 2);
    assert!(text.contains("would never get one"), "{text}");
    assert!(said(&["worker", "slots", "3", "0000000000000001"], 3).contains("no worker 0"));
    assert_eq!(workers(&sandbox)[0]["slots"], 4);
    let mut other = started(&sandbox, &["--slots", "1"]);
    for words in [&["worker", "slots", "3"][..], &["worker", "stop"]] {
        let text = said(words, 2);
        assert!(
            text.contains("2 workers are running") && text.contains("or all"),
            "{text}"
        );
    }
    sandbox.ok(&["worker", "stop", "all", "--wait"]);
    assert_eq!((worker.ended(), other.ended()), (Some(0), Some(0)));
}

pub fn a_request_that_a_stopped_worker_does_not_take_is_reported() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let worker = started(&sandbox, &["--slots", "1"]);
    worker.signal(Signal::STOP);
    let done = sandbox.run(&["worker", "slots", "2"]);
    worker.signal(Signal::CONT);
    assert_eq!(done.code(), 4, "{}", done.stderr());
    assert!(
        done.stderr().contains("has not taken the request"),
        "{}",
        done.stderr()
    );
}

pub fn a_worker_stops_gracefully_and_at_once_at_a_second_request() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "short", WAITS]);
    let mut worker = started(&sandbox, &["--slots", "1"]);
    until("it runs", || sandbox.state("1") == "running");
    let said = sandbox.ok(&["worker", "stop"]);
    assert!(said.contains("to stop; 1 task running"), "{said}");
    until("it is told", || worker.stderr().contains("stopping"));
    sandbox.write("go", "");
    assert_eq!(worker.ended(), Some(0));
    assert_eq!(sandbox.state("1"), "succeeded");

    sandbox.ok(&["add-task", "long", "sleep 1000"]);
    let mut worker = started(&sandbox, &["--slots", "1", "--grace", "1h"]);
    until("it runs", || sandbox.state("2") == "running");
    let id = workers(&sandbox)[0]["id"].as_str().unwrap().to_owned();
    sandbox.ok(&["worker", "stop", &id]);
    sandbox.ok(&["worker", "stop", &id, "--wait"]);
    assert_eq!(worker.ended(), Some(0));
    assert_eq!(sandbox.state("2"), "queued", "it was handed back");
    assert!(workers(&sandbox).is_empty());
}

pub fn a_second_worker_in_the_background_is_not_started_unless_asked_for() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true", "--queue", "mail"]);
    let first = sandbox.ok(&["worker", "--background", "--slots", "2"]);
    let second = sandbox.run(&["worker", "--background", "--slots", "3"]);
    assert_eq!((second.code(), second.stdout()), (0, first.clone()));
    let text = second.stderr();
    assert!(
        text.contains(&format!("runs already (pid {}", first.trim())),
        "{text}"
    );
    assert!(
        text.contains(&format!("`{} worker slots 3 ", name())),
        "{text}"
    );
    assert_eq!(workers(&sandbox).len(), 1);
    let view = sandbox.json(&["worker", "--background", "--slots", "2"]);
    assert_eq!(view["started"], false);
    let mut pids = vec![first];
    for words in [&["--another"][..], &["--queue", "mail"]] {
        pids.push(sandbox.ok(&[&["worker", "--background", "--slots", "1"], words].concat()));
    }
    assert_eq!(workers(&sandbox).len(), 3);
    sandbox.ok(&["worker", "stop", "all", "--wait"]);
    for pid in pids {
        let worker = Process::of(pid.trim().parse().unwrap());
        until("it has ended", || !worker.is_running());
    }
    assert!(workers(&sandbox).is_empty());
}
