//! Verbs that change many tasks work in steps: other processes can write between two steps, and a
//! signal ends the verb there.

use rustix::process::{Pid, Signal, kill_process};

use super::program::{Sandbox, until};

const MANY: usize = 3000;

/// True if the process has a handler for SIGINT.
fn handles_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask >> 1 & 1 == 1)
}

/// Starts a verb, sends it SIGINT once it has a handler, and returns the number of tasks that it
/// reports as done.
fn interrupted(sandbox: &Sandbox, words: &[&str]) -> usize {
    use std::os::unix::process::ExitStatusExt;
    let mut verb = sandbox.start(words);
    let pid = verb.child.id();
    until("it handles SIGINT", || {
        handles_interrupts(pid) || verb.child.try_wait().unwrap().is_some()
    });
    let _ = kill_process(Pid::from_child(&verb.child), Signal::INT);
    let status = verb.child.wait().unwrap();
    if status.success() {
        // It was faster than the signal.
        return MANY;
    }
    assert_eq!(status.signal(), Some(2), "{}", verb.stderr());
    until("it reports its progress", || {
        verb.stderr().contains("goes on")
    });
    let said = verb.stderr();
    let number = said.split_once("stopped after ").unwrap().1;
    let digits = number.split(|c: char| !c.is_ascii_digit()).next();
    digits.unwrap().parse().unwrap()
}

/// An interrupted `cancel all` of very many tasks printed nothing, and all or none of them were
/// cancelled.
pub fn an_interrupted_verb_reports_its_progress_and_continues_when_repeated() {
    let sandbox = Sandbox::new();
    sandbox.enqueue(&"false\n".repeat(MANY));
    let count = |state: &str| sandbox.json(&["status"])[state].as_u64().unwrap();
    let done = interrupted(&sandbox, &["cancel", "all"]);
    assert_eq!(count("cancelled"), done as u64);
    sandbox.ok(&["cancel", "all"]);
    assert_eq!(count("cancelled"), MANY as u64);
    let done = interrupted(&sandbox, &["retry", "all"]);
    assert_eq!(count("queued"), done as u64);
    sandbox.ok(&["retry", "all"]);
    assert_eq!(count("queued"), MANY as u64);
    sandbox.ok(&["cancel", "all"]);
    let before = sandbox.json(&["status"])["cancelled"].as_u64();
    let done = interrupted(&sandbox, &["prune", "--older-than", "0"]);
    let left = count("cancelled");
    assert!(
        done == MANY || before == Some(left + done as u64),
        "{done} of {before:?}"
    );
    sandbox.ok(&["prune", "--older-than", "0"]);
    assert_eq!(count("cancelled"), 1, "the last one stays");
}
