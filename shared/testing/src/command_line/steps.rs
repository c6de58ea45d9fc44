//! Verbs over many tasks go in steps, between which others write and a signal ends them.

use rustix::process::{Pid, Signal, kill_process};

use super::program::{Sandbox, until};

const MANY: usize = 3000;

/// Whether the process has taken SIGINT for itself.
fn heeds_interrupts(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask >> 1 & 1 == 1)
}

/// Starts a verb, sends it SIGINT once it heeds that, and returns the number of tasks that it says it
/// has done and what it does not say.
fn interrupted(sandbox: &Sandbox, words: &[&str]) -> usize {
    use std::os::unix::process::ExitStatusExt;
    let mut verb = sandbox.start(words);
    let pid = verb.child.id();
    until("it heeds SIGINT", || {
        heeds_interrupts(pid) || verb.child.try_wait().unwrap().is_some()
    });
    let _ = kill_process(Pid::from_child(&verb.child), Signal::INT);
    let status = verb.child.wait().unwrap();
    if status.success() {
        // It was faster than the signal.
        return MANY;
    }
    assert_eq!(status.signal(), Some(2), "{}", verb.stderr());
    until("it says how far it came", || {
        verb.stderr().contains("goes on")
    });
    let said = verb.stderr();
    let number = said.split_once("stopped after ").unwrap().1;
    let digits = number.split(|c: char| !c.is_ascii_digit()).next();
    digits.unwrap().parse().unwrap()
}

/// An interrupted `cancel all` of very many said nothing, and all or nothing was done.
pub fn an_interrupted_verb_says_how_far_it_came_and_goes_on_when_repeated() {
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
