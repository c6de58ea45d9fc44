//! A database that is deleted, or replaced, under a worker.

use std::path::Path;

use super::program::{Running, Sandbox, until};

fn remove_all(sandbox: &Sandbox) {
    for part in ["queue.db", "queue.db-wal", "queue.db-shm"] {
        std::fs::remove_file(sandbox.path(part)).unwrap();
    }
    remove_folder(sandbox);
}

fn remove_folder(sandbox: &Sandbox) {
    std::fs::remove_dir_all(sandbox.path("queue.db.d")).unwrap();
}

fn replace(sandbox: &Sandbox) {
    std::fs::rename(sandbox.path("copy.db"), sandbox.path("queue.db")).unwrap();
}

/// A worker that runs a command until there is a file `go`.
fn busy(sandbox: &Sandbox) -> Running {
    sandbox.ok(&[
        "add-task",
        "slow",
        "while ! test -e go; do sleep 0.02; done; touch done",
    ]);
    sandbox.ok(&["backup", "copy.db"]);
    let worker = sandbox.start(&["worker"]);
    until("the task runs", || sandbox.state("1") == "running");
    worker
}

/// How it is taken away.
type Taken = fn(&Sandbox);

/// `rm queue.db*` left the worker at work on a file without a name, in silence.
pub fn a_worker_whose_database_was_taken_away_lets_its_task_finish_and_says_what_is_lost() {
    let taken: [(Taken, &str); 2] = [
        (remove_all, "the file was deleted"),
        (replace, "another file was put in its place"),
    ];
    for (take_away, what) in taken {
        let sandbox = Sandbox::new();
        let mut worker = busy(&sandbox);
        take_away(&sandbox);
        until("it notices", || worker.stderr().contains("stopping"));
        assert!(!sandbox.path("done").exists());
        sandbox.write("go", "");
        assert_eq!(worker.ended(), Some(5));
        assert!(sandbox.path("done").exists(), "it was not ended");
        until("all is said", || worker.stderr().contains(what));
        let said = worker.stderr();
        assert!(
            said.contains("not recorded") && said.contains("task 1 (slow) succeeded"),
            "{said}"
        );
        assert!(!said.contains("is repeated"), "{said}");
    }
}

/// How a task ended was recorded in the deleted file, as long as the worker had not looked again, and
/// lost without being named. The task deletes the file itself, so that it ends just afterwards.
pub fn what_is_recorded_in_a_file_that_was_just_deleted_is_listed() {
    for taken in ["rm queue.db", "mv copy.db queue.db"] {
        let sandbox = Sandbox::new();
        sandbox.ok(&["add-task", "takes it", taken]);
        sandbox.ok(&["backup", "copy.db"]);
        let mut worker = sandbox.start(&["worker"]);
        assert_eq!(worker.ended(), Some(5));
        until("all is said", || {
            worker.stderr().contains("while it was open")
        });
        let said = worker.stderr();
        assert!(
            said.contains("not recorded") && said.contains("task 1 (takes it) succeeded"),
            "{said}"
        );
    }
}

pub fn a_worker_whose_folder_was_deleted_records_what_it_ran_and_leaves() {
    let sandbox = Sandbox::new();
    let mut worker = busy(&sandbox);
    remove_folder(&sandbox);
    until("it notices", || worker.stderr().contains("stopping"));
    sandbox.write("go", "");
    assert_eq!(worker.ended(), Some(5));
    until("all is said", || worker.stderr().contains("the folder"));
    assert_eq!(sandbox.state("1"), "succeeded");
    assert_eq!(sandbox.run(&["worker", "--drain"]).code(), 0);
}

pub fn an_idle_worker_whose_database_was_deleted_ends() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    let mut worker = sandbox.start(&["worker"]);
    until("it is idle", || sandbox.state("1") == "succeeded");
    remove_all(&sandbox);
    assert_eq!(worker.ended(), Some(5));
    until("all is said", || {
        worker.stderr().contains("the file was deleted")
    });
    assert!(
        !Path::exists(&sandbox.path("queue.db.d")),
        "nothing is made again"
    );
}

/// `restore` waits for everybody, so nobody takes it for a theft.
pub fn a_restore_is_no_theft() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    sandbox.ok(&["backup", "copy.db"]);
    let worker = sandbox.start(&["worker", "--queue", "other"]);
    until("it is registered", || {
        sandbox.ok(&["workers"]).contains("other")
    });
    assert_eq!(sandbox.run(&["restore", "copy.db"]).code(), 4);
    drop(worker);
    sandbox.ok(&["restore", "copy.db"]);
    sandbox.ok(&["worker", "--drain"]);
    assert_eq!(sandbox.state("1"), "succeeded");
}
