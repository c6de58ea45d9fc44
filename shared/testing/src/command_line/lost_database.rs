//! A database that is deleted or replaced while a worker has it open.

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

/// Function that deletes or replaces the database.
type Taken = fn(&Sandbox);

/// After `rm queue.db*` the worker silently went on with a deleted file.
pub fn a_worker_whose_database_was_deleted_or_replaced_finishes_its_task_and_reports_it() {
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
        until("all is reported", || worker.stderr().contains(what));
        let said = worker.stderr();
        assert!(
            said.contains("not recorded") && said.contains("task 1 (slow) succeeded"),
            "{said}"
        );
        assert!(!said.contains("is repeated"), "{said}");
    }
}

/// The end of a task was recorded in the deleted file and lost unreported, if the worker had not
/// checked the file since. The task deletes the file itself, so that it ends just afterwards.
pub fn an_end_recorded_in_a_just_deleted_file_is_reported() {
    for taken in ["rm queue.db", "mv copy.db queue.db"] {
        let sandbox = Sandbox::new();
        sandbox.ok(&["add-task", "takes it", taken]);
        sandbox.ok(&["backup", "copy.db"]);
        let mut worker = sandbox.start(&["worker"]);
        assert_eq!(worker.ended(), Some(5));
        until("all is reported", || {
            worker.stderr().contains("while it was open")
        });
        let said = worker.stderr();
        assert!(
            said.contains("not recorded") && said.contains("task 1 (takes it) succeeded"),
            "{said}"
        );
    }
}

pub fn a_worker_whose_folder_was_deleted_records_its_task_and_ends() {
    let sandbox = Sandbox::new();
    let mut worker = busy(&sandbox);
    remove_folder(&sandbox);
    until("it notices", || worker.stderr().contains("stopping"));
    sandbox.write("go", "");
    assert_eq!(worker.ended(), Some(5));
    until("all is reported", || worker.stderr().contains("the folder"));
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
    until("all is reported", || {
        worker.stderr().contains("the file was deleted")
    });
    assert!(
        !Path::exists(&sandbox.path("queue.db.d")),
        "nothing is made again"
    );
}

/// `restore` needs the file for itself, so no worker sees it as a replaced file.
pub fn a_restore_is_not_taken_for_a_replaced_file() {
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
