//! Owners and paths of files that root creates beside another user's database.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::program::{Done, Process, Running, Sandbox, until};
use crate::links::{PLANTED, is_folder};
use crate::not_permitted;

/// A user and a group without a name that nothing else uses.
const USER: u32 = 61_234;
const GROUP: u32 = 61_235;

/// A folder and database of another user; `None`, with a note, if this is not root or that user
/// cannot run the program.
fn sandbox_of_another() -> Option<Sandbox> {
    let sandbox = Sandbox::new();
    if !geteuid().is_root() {
        not_permitted("only root can act for another user");
        return None;
    }
    chown(sandbox.path(""), Some(USER), Some(GROUP)).unwrap();
    let made = as_user(&sandbox, &["add-task", "own", "true"]);
    if made.as_ref().is_none_or(|done| done.code() != 0) {
        not_permitted("another user cannot run the program where it lies");
        return None;
    }
    Some(sandbox)
}

/// Runs the program as that user; `None` if that user may not start it.
fn as_user(sandbox: &Sandbox, words: &[&str]) -> Option<Done> {
    let mut command = sandbox.command(words);
    command.uid(USER).gid(GROUP);
    command.output().ok().map(Done)
}

fn user_succeeds(sandbox: &Sandbox, words: &[&str]) {
    let done = as_user(sandbox, words).unwrap();
    assert_eq!(done.code(), 0, "{words:?}: {}", done.stderr());
    assert_eq!(
        done.stderr().matches("denied").count(),
        0,
        "{}",
        done.stderr()
    );
}

/// Everything in the folder at `path`, itself included.
fn all_below(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    if path.symlink_metadata().unwrap().is_dir() {
        for entry in std::fs::read_dir(path).unwrap().flatten() {
            found.extend(all_below(&entry.path()));
        }
    }
    found
}

fn assert_all_are_the_users(sandbox: &Sandbox) {
    for path in all_below(&sandbox.path("")) {
        let found = path.symlink_metadata().unwrap();
        assert_eq!(
            (found.uid(), found.gid()),
            (USER, GROUP),
            "{}",
            path.display()
        );
    }
}

/// A task whose output is long enough for a file of its own.
const LOUD: &str = "head -c 100000 /dev/zero | tr '\\0' x";

/// Root's worker on another user's database created files owned by root, and one of them locked out
/// the owner: `add-task` then ended with 5. Now the files belong to the owner of the database.
pub fn files_that_root_creates_do_not_lock_out_the_owner() {
    let Some(sandbox) = sandbox_of_another() else {
        return;
    };
    sandbox.ok(&["add-task", "loud", LOUD]);
    let mut worker = sandbox.start(&["worker", "--trust-file"]);
    until("root's worker has ended it", || {
        sandbox.state("2") == "succeeded"
    });
    assert_all_are_the_users(&sandbox);
    // While root's worker is alive, the user's program tests its lock and sends to its socket.
    user_succeeds(&sandbox, &["add-task", "next", "true"]);
    until("the worker has run it", || {
        sandbox.state("3") == "succeeded"
    });
    user_succeeds(&sandbox, &["wait", "3"]);
    worker.child.kill().unwrap();
    worker.ended();
    user_succeeds(&sandbox, &["doctor", "--repair"]);
    user_succeeds(&sandbox, &["worker", "--drain"]);
    sandbox.ok(&["wait", "1"]);
    assert_all_are_the_users(&sandbox);
}

pub fn a_worker_log_and_a_restored_database_belong_to_the_owner() {
    let Some(sandbox) = sandbox_of_another() else {
        return;
    };
    let pid = sandbox.ok(&["worker", "--background", "--trust-file"]);
    end(&pid, Signal::TERM);
    assert!(sandbox.read("queue.db.d/worker.log").contains("stopping"));
    assert_all_are_the_users(&sandbox);
    user_succeeds(&sandbox, &["backup", "copy.db"]);
    sandbox.ok(&["restore", "copy.db"]);
    assert_all_are_the_users(&sandbox);
    user_succeeds(&sandbox, &["add-task", "next", "true"]);
}

pub fn a_database_created_beside_an_earlier_folder_belongs_to_its_owner() {
    let Some(sandbox) = sandbox_of_another() else {
        return;
    };
    for part in ["queue.db", "queue.db-wal", "queue.db-shm"] {
        std::fs::remove_file(sandbox.path(part)).unwrap();
    }
    sandbox.ok(&["add-task", "first", "true"]);
    assert_all_are_the_users(&sandbox);
    user_succeeds(&sandbox, &["add-task", "second", "true"]);
    // If others may create such a folder, its owner says nothing about the owner of the database.
    let shared = Sandbox::new();
    std::fs::create_dir(shared.path("queue.db.d")).unwrap();
    chown(shared.path("queue.db.d"), Some(USER), Some(GROUP)).unwrap();
    let refused = shared.run(&["add-task", "first", "true"]);
    assert_eq!(refused.code(), 5);
    assert!(
        refused.stderr().contains("another user's"),
        "{}",
        refused.stderr()
    );
    assert!(!shared.path("queue.db").exists());
}

/// Commands that `doctor` suggests.
fn cures(sandbox: &Sandbox) -> Vec<String> {
    let found = sandbox.run(&["doctor", "-o", "json"]);
    let findings: serde_json::Value = serde_json::from_str(&found.stdout()).unwrap();
    let files = findings.as_array().unwrap().iter();
    let mut files = files.filter(|one| one["check"] == "files beside it");
    let problem = files.next().unwrap()["problem"]
        .as_str()
        .unwrap_or_default();
    let commands = problem.split('`').skip(1).step_by(2);
    commands.map(str::to_owned).collect()
}

fn run_as_root(commands: &[String]) {
    for command in commands {
        let mut shell = std::process::Command::new("/bin/sh");
        assert!(
            shell.args(["-c", command]).status().unwrap().success(),
            "{command}"
        );
    }
}

pub fn doctor_names_files_that_lock_out_the_owner_and_the_command_that_helps() {
    let Some(sandbox) = sandbox_of_another() else {
        return;
    };
    assert_eq!(cures(&sandbox), [""; 0]);
    let strange = sandbox.path("queue.db.d/workers/it's strange.lock");
    for lock in [sandbox.path("queue.db.d/writer.lock"), strange.clone()] {
        std::fs::write(&lock, "").unwrap();
        chown(&lock, Some(0), Some(0)).unwrap();
        open_to(&lock, 0o600);
    }
    let found = as_user(&sandbox, &["doctor"]).unwrap();
    assert_eq!(found.code(), 5);
    assert!(found.stdout().contains("chown"), "{}", found.stdout());
    let refused = as_user(&sandbox, &["add-task", "next", "true"]).unwrap();
    assert_eq!(refused.code(), 5);
    assert!(refused.stderr().contains("chown"), "{}", refused.stderr());
    run_as_root(&cures(&sandbox));
    std::fs::remove_file(strange).unwrap();
    assert_all_are_the_users(&sandbox);
    user_succeeds(&sandbox, &["add-task", "next", "true"]);

    for part in [
        "queue.db-shm",
        "queue.db-wal",
        "queue.db.d",
        "queue.db.d/log",
    ] {
        chown(sandbox.path(part), Some(0), Some(0)).unwrap();
    }
    // Even doctor cannot open it, and reports why.
    let refused = as_user(&sandbox, &["doctor"]).unwrap();
    assert_eq!(refused.code(), 5);
    let said = refused.stderr();
    assert!(said.contains("chown") && said.contains("-shm"), "{said}");
    run_as_root(&cures(&sandbox));
    assert_all_are_the_users(&sandbox);

    symlink("/nowhere", sandbox.path("queue.db.d/log/1.1")).unwrap();
    open_to(&sandbox.path("queue.db.d/workers"), 0o777);
    open_to(&sandbox.path("queue.db.d/idle"), 0o666);
    let commands = cures(&sandbox);
    assert_eq!(commands.len(), 2, "{commands:?}");
    run_as_root(&commands);
    assert_eq!(cures(&sandbox), [""; 0]);
    assert_eq!(sandbox.run(&["doctor"]).code(), 0);
}

/// Change to a database before root works on it.
type Change = fn(&Sandbox);

/// Root ran commands from a file that everybody may write to.
pub fn root_runs_nothing_from_a_file_that_others_can_change_without_trust_file() {
    if !geteuid().is_root() {
        not_permitted("only root is careful about whose file it is");
        return;
    }
    let others: [(Change, &str); 4] = [
        (
            |sandbox| chown(sandbox.path("queue.db"), Some(USER), None).unwrap(),
            "belongs to user 61234",
        ),
        (
            |sandbox| open_to(&sandbox.path("queue.db"), 0o666),
            "everybody",
        ),
        (|sandbox| open_to(&sandbox.path(""), 0o777), "everybody"),
        (
            |sandbox| {
                chown(sandbox.path(""), None, Some(GROUP)).unwrap();
                open_to(&sandbox.path(""), 0o770);
            },
            "group 61235 may write",
        ),
    ];
    for (change, what) in others {
        let sandbox = Sandbox::new();
        sandbox.ok(&["add-task", "a", "touch ran"]);
        change(&sandbox);
        for words in [&["worker", "--drain"][..], &["worker", "--background"]] {
            let refused = sandbox.run(words);
            assert_eq!(refused.code(), 5, "{what}: {}", refused.stderr());
            let said = refused.stderr();
            assert!(
                said.contains(what) && said.contains("--trust-file"),
                "{said}"
            );
        }
        sandbox.write("tasks.txt", "touch ran\n");
        assert_eq!(sandbox.run(&["run", "tasks.txt"]).code(), 5);
        assert!(!sandbox.path("ran").exists(), "{what}");
        assert_eq!(sandbox.json(&["workers"]), serde_json::json!([]));
        sandbox.ok(&["worker", "--drain", "--trust-file"]);
        assert!(sandbox.path("ran").exists(), "{what}");
        sandbox.ok(&["run", "--trust-file", "tasks.txt"]);
    }
}

/// A folder for everybody, such as `/tmp`, in which nobody can replace another user's files.
pub fn root_runs_its_own_database_in_a_sticky_folder() {
    let sandbox = Sandbox::new();
    open_to(&sandbox.path(""), 0o1777);
    sandbox.ok(&["add-task", "a", "true"]);
    let done = sandbox.run(&["worker", "--drain"]);
    assert_eq!(done.code(), 0, "{}", done.stderr());
    assert!(!done.stderr().contains("others can"), "{}", done.stderr());
}

pub fn a_worker_of_another_user_warns_once_and_goes_on() {
    let Some(sandbox) = sandbox_of_another() else {
        return;
    };
    let quiet = as_user(&sandbox, &["worker", "--drain"]).unwrap();
    assert_eq!(quiet.code(), 0);
    assert!(!quiet.stderr().contains("others can"), "{}", quiet.stderr());
    open_to(&sandbox.path("queue.db"), 0o602);
    let warned = as_user(&sandbox, &["worker", "--drain"]).unwrap();
    assert_eq!(warned.code(), 0);
    assert_eq!(
        warned.stderr().matches("others can").count(),
        1,
        "{}",
        warned.stderr()
    );
}

fn open_to(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// Root created files through symbolic links in another user's folder. Now it follows no link.
pub fn root_follows_no_link_that_a_user_planted() {
    let only_root = Sandbox::new();
    for name in PLANTED {
        for exists in [false, true] {
            let Some(sandbox) = sandbox_of_another() else {
                return;
            };
            user_succeeds(&sandbox, &["backup", "copy.db"]);
            let target = only_root.path("target");
            let is_folder = is_folder(name);
            if exists && is_folder {
                std::fs::create_dir(&target).unwrap();
            } else if exists {
                std::fs::write(&target, "precious").unwrap();
            }
            plant(&sandbox.path(name), &target);
            work_as_root(&sandbox);
            if exists && is_folder {
                assert_eq!(all_below(&target).len(), 1, "{name}");
                std::fs::remove_dir(&target).unwrap();
            } else if exists {
                assert_eq!(std::fs::read(&target).unwrap(), b"precious", "{name}");
                assert_eq!(target.metadata().unwrap().uid(), 0, "{name}");
                std::fs::remove_file(&target).unwrap();
            } else {
                assert!(target.symlink_metadata().is_err(), "{name}");
            }
        }
    }
}

/// Ends the process of that id.
fn end(pid: &str, signal: Signal) {
    let pid: u32 = pid.trim().parse().unwrap();
    let process = Process::of(pid);
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
    until("the worker has gone", || !process.is_running());
}

/// Replaces `path` with a link to `target`.
fn plant(path: &Path, target: &Path) {
    let _ = std::fs::remove_dir_all(path);
    let _ = std::fs::remove_file(path);
    let folder = path.parent().unwrap();
    if !folder.exists() {
        std::fs::create_dir(folder).unwrap();
        chown(folder, Some(USER), Some(GROUP)).unwrap();
    }
    symlink(target, path).unwrap();
}

/// Runs the verbs that root may use on another user's database, with any result.
fn work_as_root(sandbox: &Sandbox) {
    sandbox.run(&["add-task", "loud", LOUD]);
    let mut worker: Running = sandbox.start(&["worker", "--drain", "--trust-file"]);
    worker.ended();
    sandbox.run(&["wait", "2", "--timeout", "1ms"]);
    sandbox.run(&["log", "2"]);
    sandbox.run(&["prune", "--all"]);
    let background = sandbox.run(&["worker", "--background", "--trust-file"]);
    if background.code() == 0 {
        end(&background.stdout(), Signal::KILL);
    }
    sandbox.run(&["restore", "copy.db"]);
}
