//! Backups, restores and repairs while other processes work, and killed at any moment.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::program::{Sandbox, until};
use crate::skipped;

/// Lines of tasks with that command.
fn lines(command: &str, count: usize) -> String {
    let line = format!("{command}\n");
    line.repeat(count)
}

pub(super) fn verified(sandbox: &Sandbox, file: &str) {
    let done = sandbox.run(&["--db", file, "verify"]);
    assert_eq!(done.code(), 0, "{}{}", done.stdout(), done.stderr());
}

fn status(sandbox: &Sandbox, file: &str) -> serde_json::Value {
    sandbox.json(&["--db", file, "status"])
}

pub fn every_backup_made_while_a_worker_runs_is_a_whole_database() {
    let sandbox = Sandbox::new();
    sandbox.enqueue(&lines("true", 300));
    let mut worker = sandbox.start(&["worker", "--drain"]);
    let mut backups = 0;
    while worker.child.try_wait().unwrap().is_none() || backups == 0 {
        sandbox.ok(&["backup", "copy.db", "--force"]);
        assert!(!sandbox.path("copy.db-wal").exists());
        verified(&sandbox, "copy.db");
        let counted: u64 = status(&sandbox, "copy.db")["total"].as_u64().unwrap();
        assert_eq!(counted, 300);
        backups += 1;
    }
    assert!(!sandbox.path("copy.db.partial").exists());
}

pub fn a_restore_is_refused_while_a_worker_runs_and_returns_running_tasks() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "long", "exec sleep 600"]);
    let mut worker = sandbox.start(&["worker"]);
    until("the task runs", || sandbox.state("1") == "running");
    sandbox.ok(&["backup", "copy.db"]);
    sandbox.ok(&["add-task", "later", "true"]);
    let refused = sandbox.run(&["restore", "copy.db"]);
    assert_eq!(refused.code(), 4);
    let pid = format!("process {} (", worker.child.id());
    assert!(refused.stderr().contains(&pid), "{}", refused.stderr());
    worker.signal(Signal::KILL);
    worker.ended();
    let said = sandbox.ok(&["restore", "copy.db"]);
    assert!(said.contains("1 task ran and will run again: 1"), "{said}");
    assert_eq!(sandbox.state("1"), "queued");
    // The task added since the backup is gone, and its id is not given out again.
    assert_eq!(
        sandbox.ok(&["add-task", "--print", "id", "next", "true"]),
        "3\n"
    );
    verified(&sandbox, "queue.db");
    verified(&sandbox, "queue.db.before-restore-1");
    let before = sandbox.ok(&["--db", "queue.db.before-restore-1", "list"]);
    assert!(before.contains("later"), "{before}");
}

pub fn doctor_repair_returns_tasks_of_dead_workers_and_ends_their_commands() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "long", "echo $$ > pid; exec sleep 600"]);
    let mut worker = sandbox.start(&["worker"]);
    until("the command runs", || sandbox.read("pid").ends_with('\n'));
    worker.signal(Signal::KILL);
    worker.ended();
    let found = sandbox.run(&["doctor"]);
    assert_eq!(found.code(), 5);
    assert!(
        found.stdout().contains("doctor --repair"),
        "{}",
        found.stdout()
    );
    let command = super::program::Process::of(sandbox.read("pid").trim().parse().unwrap());
    let repaired = sandbox.ok(&["doctor", "--repair"]);
    assert!(
        repaired.contains("returned 1 task (1), ended 1 processes"),
        "{repaired}"
    );
    assert!(
        repaired.contains("emptied the write-ahead log"),
        "{repaired}"
    );
    assert!(!command.is_running());
    assert_eq!(sandbox.state("1"), "queued");
}

/// A draining worker ended before it had looked twice for processes of a dead one, and left its
/// row; then `doctor` reported a problem in a file without tasks.
pub fn a_draining_worker_removes_dead_workers() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    let mut worker = sandbox.start(&["worker"]);
    until("it is done", || sandbox.state("1") == "succeeded");
    worker.signal(Signal::KILL);
    worker.ended();
    assert_eq!(sandbox.run(&["doctor"]).code(), 5);
    sandbox.ok(&["worker", "--drain"]);
    let found = sandbox.ok(&["doctor"]);
    assert!(found.contains("0 alive, 0 dead"), "{found}");
}

pub fn tasks_of_unregistered_programs_are_returned_only_with_unregistered() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    let program = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    let claim = "UPDATE queue_tasks
                 SET state = 3, worker = 5, token = 1, attempt = 1, crashes = 1, started_at = 1";
    program.execute_batch(claim).unwrap();
    drop(program);
    sandbox.ok(&["doctor", "--repair"]);
    assert_eq!(sandbox.state("1"), "running");
    let repaired = sandbox.ok(&["doctor", "--repair", "--unregistered"]);
    assert!(repaired.contains("returned 1 task (1)"), "{repaired}");
    assert_eq!(sandbox.state("1"), "queued");
}

pub fn doctor_names_a_process_that_holds_a_write_transaction() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    let stuck = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    stuck.execute_batch("BEGIN IMMEDIATE").unwrap();
    let found = sandbox.run(&["doctor"]);
    assert_eq!(found.code(), 5);
    let pid = format!("process {} (", std::process::id());
    assert!(found.stdout().contains(&pid), "{}", found.stdout());
    drop(stuck);
    sandbox.ok(&["doctor"]);
}

pub fn an_unreadable_page_loses_only_its_own_rows() {
    let sandbox = Sandbox::new();
    sandbox.enqueue(&lines("echo of a task", 2_000));
    sandbox.ok(&["doctor", "--repair"]);
    let path = sandbox.path("queue.db");
    let mut bytes = std::fs::read(&path).unwrap();
    damage(&mut bytes, b"echo of a task");
    std::fs::write(&path, &bytes).unwrap();
    let found = sandbox.run(&["doctor"]);
    assert_eq!(found.code(), 5);
    let said = found.stdout() + &found.stderr();
    assert!(said.contains("salvage"), "{said}");
    assert_eq!(sandbox.run(&["verify"]).code(), 5);
    let refused = sandbox.run(&["backup", "copy.db"]);
    assert_eq!(refused.code(), 5, "{}", refused.stderr());
    assert!(!sandbox.path("copy.db").exists() && !sandbox.path("copy.db.partial").exists());
    let tasks = salvaged_in_part(&sandbox);
    let number = |field: &str| tasks[field].as_u64().unwrap();
    assert_eq!((number("places"), number("refused")), (1, 0), "{tasks}");
    assert_eq!(number("saved") + number("lost"), 2_000, "{tasks}");
    assert!((1..200).contains(&number("lost")), "{tasks}");
    assert_eq!(
        std::fs::read(&path).unwrap(),
        bytes,
        "the old file is only read"
    );
    verified(&sandbox, "new.db");
    sandbox.ok(&["--db", "new.db", "worker", "--drain"]);
}

pub fn salvage_saves_the_rest_of_a_truncated_file() {
    let sandbox = Sandbox::new();
    sandbox.enqueue(&lines("echo of a task", 2_000));
    sandbox.ok(&["doctor", "--repair"]);
    let path = sandbox.path("queue.db");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() * 7 / 10]).unwrap();
    let tasks = salvaged_in_part(&sandbox);
    let saved = tasks["saved"].as_u64().unwrap();
    assert!((100..2_000).contains(&saved), "{tasks}");
    assert!(tasks["places"].as_u64().unwrap() > 0, "{tasks}");
    verified(&sandbox, "new.db");
}

/// Salvages a partly unreadable database to `new.db`, and returns the report about its tasks.
fn salvaged_in_part(sandbox: &Sandbox) -> serde_json::Value {
    let done = sandbox.run(&["salvage", "new.db", "-o", "json"]);
    assert_eq!(done.code(), 5, "{}", done.stderr());
    let saved: Vec<serde_json::Value> = serde_json::from_str(&done.stdout()).unwrap();
    let mut tables = saved.into_iter();
    tables.find(|one| one["table"] == "queue_tasks").unwrap()
}

/// Overwrites the middle one of the pages of 4 KiB that have such text, except for its type byte.
fn damage(bytes: &mut [u8], text: &[u8]) {
    const LEAF: u8 = 13;
    let holds =
        |page: &&mut [u8]| page[0] == LEAF && page.windows(text.len()).any(|found| found == text);
    let mut pages: Vec<&mut [u8]> = bytes.chunks_mut(4096).filter(holds).collect();
    let middle = pages.len() / 2;
    pages[middle][1..].fill(0xaa);
}

/// System calls that sync, create, rename or delete files.
const CALLS: &str =
    "rename,renameat,renameat2,fsync,fdatasync,ftruncate,unlink,unlinkat,rmdir,mkdir";

pub fn a_restore_killed_at_any_system_call_leaves_the_old_database_or_the_new_one() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "old", "true"]);
    sandbox.ok(&["backup", "copy.db"]);
    sandbox.ok(&["add-task", "new", "true"]);
    let kills = killed(&sandbox, &["restore", "copy.db"], CALLS, &mut || {
        let names = sandbox.ok(&["list", "-o", "json"]);
        let old = names.contains("\"new\"");
        assert!(
            old || names.contains("\"restored\"") || names.contains("\"old\""),
            "{names}"
        );
        verified(&sandbox, "queue.db");
        // Nothing is lost: the replaced database is kept under another name.
        let kept = std::fs::read_dir(sandbox.path(""))
            .unwrap()
            .flatten()
            .any(|entry| {
                entry
                    .file_name()
                    .to_string_lossy()
                    .contains("before-restore")
            });
        let swap = sandbox.path("queue.db.d/restore/swap.db").exists();
        assert!(old || kept || swap, "{names}");
        sandbox.ok(&["restore", "copy.db"]);
        verified(&sandbox, "queue.db");
        sandbox.ok(&["add-task", "new", "true"]);
    });
    assert!(kills.is_none_or(|kills| kills > 10), "{kills:?}");
}

pub fn a_backup_killed_at_any_system_call_leaves_the_old_backup_or_the_new_one() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    sandbox.ok(&["backup", "copy.db"]);
    sandbox.ok(&["add-task", "b", "true"]);
    let kills = killed(
        &sandbox,
        &["backup", "copy.db", "--force"],
        CALLS,
        &mut || {
            verified(&sandbox, "copy.db");
            sandbox.ok(&["backup", "copy.db", "--force"]);
            verified(&sandbox, "copy.db");
        },
    );
    assert!(kills.is_none_or(|kills| kills > 2), "{kills:?}");
}

/// Kills the command at each of those calls in turn, and calls `look` after each. Returns the
/// number of kills; `None` if nothing can be traced.
pub(super) fn killed(
    sandbox: &Sandbox,
    words: &[&str],
    calls: &str,
    look: &mut dyn FnMut(),
) -> Option<usize> {
    let trace = sandbox.path("trace");
    let filter = format!("trace={calls}");
    strace(
        &sandbox.command(words),
        &["-o", trace.to_str().unwrap(), "-e", &filter],
    )?;
    let mut calls: BTreeMap<String, usize> = BTreeMap::new();
    for line in std::fs::read_to_string(&trace).unwrap_or_default().lines() {
        let call = line.split_once(' ').map(|(_, rest)| rest.trim_start());
        if let Some((name, _)) = call.and_then(|call| call.split_once('(')) {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
    }
    if calls.is_empty() {
        skipped("without strace no system call can be chosen");
        return None;
    }
    let mut kills = 0;
    for (name, count) in calls {
        for number in 1..=count {
            let inject = format!("inject={name}:signal=KILL:when={number}");
            let arguments = ["-o", "/dev/null", "-e", &filter, "-e", &inject];
            kills += usize::from(strace(&sandbox.command(words), &arguments)?);
            look();
        }
    }
    Some(kills)
}

/// Runs the command under strace and returns true if it was killed; `None` without strace.
fn strace(command: &Command, arguments: &[&str]) -> Option<bool> {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq"]).args(arguments);
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace.current_dir(command.get_current_dir().unwrap_or(Path::new(".")));
    strace
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(status) = strace.status() else {
        skipped("without strace no system call can be chosen");
        return None;
    };
    Some(status.signal() == Some(9))
}

/// A refused `salvage` left an empty folder beside the file it had not made. On the other program's
/// file it copied everything before it refused, and its error named a file within that folder.
pub fn a_refused_salvage_leaves_no_files_and_names_the_right_program() {
    let sandbox = Sandbox::new();
    let names = |sandbox: &Sandbox| -> Vec<String> {
        let entries = std::fs::read_dir(sandbox.path(".")).unwrap();
        let mut names: Vec<String> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.starts_with("new"))
            .collect();
        names.sort();
        names
    };
    sandbox.ok(&["add-task", "one", "true"]);
    let mut worker = sandbox.start(&["worker"]);
    until("the worker runs", || worker.stderr().contains("runs up to"));
    assert_eq!(sandbox.run(&["salvage", "new.db"]).code(), 4);
    worker.signal(Signal::TERM);
    worker.ended();
    rusqlite::Connection::open(sandbox.path("empty.db"))
        .unwrap()
        .execute_batch("CREATE TABLE mine (id INTEGER)")
        .unwrap();
    let no_queue = sandbox.run(&["--db", "empty.db", "salvage", "new.db"]);
    assert_eq!(no_queue.code(), 5, "{}", no_queue.stderr());
    assert_eq!(
        sandbox
            .run(&["--db", "none.db", "salvage", "new.db"])
            .code(),
        3
    );
    let (own, other) = (super::program::name(), ["fast-queue", "workflow-queue"]);
    let other = other.into_iter().find(|name| *name != own).unwrap();
    let becomes_theirs = if own == "fast-queue" {
        "UPDATE queue_file SET engine = 2"
    } else {
        "DROP TABLE queue_attempts; DELETE FROM queue_schema WHERE line = 'workflow'"
    };
    rusqlite::Connection::open(sandbox.path("queue.db"))
        .unwrap()
        .execute_batch(becomes_theirs)
        .unwrap();
    let foreign = sandbox.run(&["--db", "queue.db", "salvage", "new.db"]);
    assert_eq!(foreign.code(), 5, "{}", foreign.stderr());
    let hint = format!(
        "it is {other}'s, and nothing was made; `{other} --db queue.db salvage new.db` saves it"
    );
    assert!(foreign.stderr().contains(&hint), "{}", foreign.stderr());
    assert_eq!(names(&sandbox), [""; 0]);
}
