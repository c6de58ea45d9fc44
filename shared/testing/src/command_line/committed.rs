//! A committed change is a success, even if a later step fails.

use std::fs::OpenOptions;

use super::program::{Done, Sandbox};

/// Runs the program with a standard output that takes no bytes.
fn on_a_full_disk(sandbox: &Sandbox, words: &[&str]) -> Done {
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    Done(sandbox.command(words).stdout(full).output().unwrap())
}

/// `add-task >/dev/full` printed an error and ended with 5, and a script added the task again. Now
/// the exit code is 0 after a committed change, and a note repeats the unprinted report.
pub fn a_change_is_a_success_even_if_it_cannot_be_printed() {
    let sandbox = Sandbox::new();
    sandbox.write("tasks.txt", "true\n");
    for (words, said) in [
        (&["add-task", "a", "true"][..], "Added task 1"),
        (&["enqueue", "b", "true", "--print", "id"], ": 2"),
        (&["add-task", "c", "true", "-o", "json"], "\"id\":3"),
        (&["reprioritize", "1", "5"], "task 1"),
        (&["cancel", "1"], "Cancelled task 1"),
        (&["retry", "1"], "task 1"),
        (&["pause", "default"], "Paused queue default"),
        (&["resume", "default"], "Resumed queue default"),
        (&["worker", "--drain", "-o", "json"], "\"succeeded\":3"),
        (&["backup", "copy.db"], "Backed up to copy.db"),
        (&["restore", "copy.db"], "Restored"),
        (&["run", "tasks.txt"], "1 succeeded"),
        (&["doctor", "--repair"], "repaired"),
        (&["prune", "--older-than", "0s"], "Pruned"),
        (&["salvage", "saved.db"], "queue_tasks"),
    ] {
        let done = on_a_full_disk(&sandbox, words);
        let told = done.stderr();
        assert_eq!(done.code(), 0, "{words:?}: {told}");
        let warning = told
            .lines()
            .any(|line| line.contains("could not be printed"));
        assert!(warning && told.contains(said), "{words:?}: {told}");
    }
}

pub fn a_verb_that_only_prints_fails_if_it_cannot_print() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    for words in [&["status"][..], &["list"], &["show", "1"], &["doctor"]] {
        let done = on_a_full_disk(&sandbox, words);
        assert_eq!(done.code(), 5, "{words:?}: {}", done.stderr());
    }
    let dry = on_a_full_disk(&sandbox, &["prune", "--older-than", "0s", "--dry-run"]);
    assert_eq!(dry.code(), 5);
}

/// A file of a worker that the owner of the database could not read made `add-task` end with 5 after
/// it had printed `Added task 2`.
pub fn a_task_is_added_even_if_the_workers_cannot_be_read() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    let worker = sandbox.start(&["worker", "--queue", "another"]);
    super::program::until("it is registered", || {
        sandbox
            .json(&["workers"])
            .as_array()
            .is_some_and(|all| !all.is_empty())
    });
    let workers = sandbox.path("queue.db.d/workers");
    let lock = std::fs::read_dir(&workers)
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|kind| kind == "lock"))
        .unwrap();
    std::fs::remove_file(&lock).unwrap();
    std::fs::create_dir(&lock).unwrap();
    let done = sandbox.run(&["add-task", "b", "true"]);
    assert_eq!(done.code(), 0, "{}", done.stderr());
    assert_eq!(done.stdout(), "Added task 2\n");
    let told = done.stderr();
    assert!(
        told.contains("this is done, but a later step failed"),
        "{told}"
    );
    drop(worker);
}
