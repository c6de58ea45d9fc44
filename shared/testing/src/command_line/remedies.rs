//! Commands named by errors of the library: each works as printed.

use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;

use super::hints::{calls, shell};
use super::program::{Done, Sandbox, name, until};
use crate::skipped;

/// Every verb that a sentence may name.
const VERBS: [&str; 4] = ["doctor", "restore", "salvage", "why"];

/// Checks that the error has the expected text and that each command in it works as printed, with
/// words in capitals replaced by files. Returns the number of commands.
fn every_command_works(sandbox: &Sandbox, said: &str, expected: &str) -> usize {
    assert!(said.contains(expected), "{expected}: {said}");
    for span in said.split('`').skip(1).step_by(2) {
        let first = span.split(' ').next().unwrap();
        assert!(!VERBS.contains(&first), "`{span}` has no program: {said}");
    }
    let mut hints = calls(said);
    // `restore` comes last, since it replaces the database.
    hints.sort_by_key(|hint| hint.contains(" restore "));
    for hint in &hints {
        let backup = sandbox.path("sound.db").display().to_string();
        let new = sandbox.path("new.db");
        let line = hint
            .replace("BACKUP", &backup)
            .replace("NEW_FILE", new.to_str().unwrap());
        let done = shell(sandbox, &line);
        let wrong = if hint.contains(" restore ") {
            1..256
        } else {
            2..4
        };
        assert!(
            !wrong.contains(&done.code()) && done.code() < 70,
            "{line}: {}: {}",
            done.code(),
            done.stderr()
        );
        if hint.contains(" salvage ") {
            assert!(new.exists(), "{line}: {}", done.stderr());
            std::fs::remove_file(new).unwrap();
        }
    }
    hints.len()
}

/// A database of some pages, and a backup of it.
fn with_backup(sandbox: &Sandbox) {
    sandbox.enqueue(&"echo a task with a command of some length\n".repeat(300));
    sandbox.ok(&["backup", "sound.db"]);
}

/// Bytes of the file after its write-ahead log was emptied.
fn quiet(file: &Path) -> Vec<u8> {
    let connection = Connection::open(file).unwrap();
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(connection);
    std::fs::read(file).unwrap()
}

/// Overwrites the first page of the tasks.
fn damage(file: &Path) {
    let mut bytes = quiet(file);
    let connection = Connection::open(file).unwrap();
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'queue_tasks'";
    let page: isize = connection.query_row(root, [], |row| row.get(0)).unwrap();
    drop(connection);
    let end = page.unsigned_abs() * 4096;
    bytes[end - 4096..end].fill(0xff);
    std::fs::write(file, bytes).unwrap();
}

fn said(done: &Done, code: i32) -> String {
    assert_eq!(done.code(), code, "{}", done.stderr());
    done.stderr()
}

/// The error suggested "`restore`", which is no command of a shell and named no file.
pub fn the_error_of_a_damaged_database_names_commands_that_work() {
    let sandbox = Sandbox::new();
    with_backup(&sandbox);
    for with_option in [false, true] {
        damage(&sandbox.path("queue.db"));
        let words: &[&str] = if with_option {
            &["--db", "queue.db", "list"]
        } else {
            &["list"]
        };
        let said = said(&sandbox.run(words), 5);
        assert_eq!(
            every_command_works(&sandbox, &said, "the database is damaged; stop its workers"),
            2
        );
        assert_eq!(
            said.contains("--db queue.db restore"),
            with_option,
            "{said}"
        );
        sandbox.ok(&["list"]);
    }
}

/// The error suggested commands for the database to be replaced, not for the damaged backup.
pub fn the_commands_name_the_file_that_the_error_is_about() {
    let sandbox = Sandbox::new();
    with_backup(&sandbox);
    std::fs::copy(sandbox.path("sound.db"), sandbox.path("bad.db")).unwrap();
    damage(&sandbox.path("bad.db"));
    let done = sandbox.run(&["restore", "bad.db"]);
    let said = said(&done, 5);
    assert!(every_command_works(&sandbox, &said, "bad.db: ") > 0);
    assert!(
        calls(&said).iter().all(|hint| hint.contains("bad.db")),
        "{said}"
    );
}

pub fn the_error_of_a_file_without_a_queue_names_commands_that_work() {
    let sandbox = Sandbox::new();
    with_backup(&sandbox);
    let other = |file: &str, sql: &str| {
        let connection = Connection::open(sandbox.path(file)).unwrap();
        connection.execute_batch(sql).unwrap();
    };
    other("partly.db", "CREATE TABLE queue_tasks (id INTEGER)");
    let done = sandbox.run(&["--db", "partly.db", "list"]);
    let told = "name another file, or put a backup in its place with";
    assert_eq!(every_command_works(&sandbox, &said(&done, 5), told), 1);
    other("none.db", "CREATE TABLE mine (id INTEGER)");
    let done = sandbox.run(&["--db", "none.db", "salvage", "saved.db"]);
    let told = "there is no table of tasks in it; put a backup in its place with";
    assert_eq!(every_command_works(&sandbox, &said(&done, 5), told), 1);
    sandbox.write(
        "text",
        "a text of a hundred bytes and more, which is no database\n".repeat(9),
    );
    let done = sandbox.run(&["--db", "text", "list"]);
    let told = "this is not an SQLite database; name another file";
    assert_eq!(every_command_works(&sandbox, &said(&done, 5), told), 0);
}

pub fn the_error_of_a_busy_database_names_the_command_that_shows_its_holder() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let holder = Connection::open(sandbox.path("queue.db")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let done = sandbox.run(&["add-task", "two", "true"]);
    let told = " doctor` shows who holds it";
    assert_eq!(every_command_works(&sandbox, &said(&done, 4), told), 1);
}

pub fn the_error_of_a_deleted_database_names_the_command_that_restores_a_backup() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    sandbox.ok(&["backup", "sound.db"]);
    let mut worker = sandbox.start(&["worker"]);
    until("it is idle", || sandbox.state("1") == "succeeded");
    for part in ["queue.db", "queue.db-wal", "queue.db-shm"] {
        std::fs::remove_file(sandbox.path(part)).unwrap();
    }
    std::fs::remove_dir_all(sandbox.path("queue.db.d")).unwrap();
    assert_eq!(worker.ended(), Some(5));
    let told = "the file was deleted while it was open";
    until("all is reported", || worker.stderr().contains(told));
    assert_eq!(every_command_works(&sandbox, &worker.stderr(), told), 1);
    assert_eq!(sandbox.json(&["list"])[0]["id"], 1);
}

/// If a disk does not confirm a write, the process stops writing, and it is unknown whether that
/// write happened.
pub fn the_error_of_an_unconfirmed_write_names_the_command_that_checks() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let stopped = format!(
        "stop every process that uses this file and run `{} doctor`",
        name()
    );
    let looked = format!("look with `{} list` before you repeat it", name());
    for (words, told) in [
        (&["worker", "--drain"][..], stopped),
        (&["add-task", "two", "true"], looked),
    ] {
        let program = sandbox.command(&[&["--durability=full"][..], words].concat());
        let mut strace = Command::new("strace");
        strace
            .args(["-f", "-qq", "-o", "/dev/null"])
            .args(["-e", "inject=fdatasync,fsync:error=EIO"])
            .arg(program.get_program())
            .args(program.get_args())
            .env(super::program::variable("DB"), sandbox.path("queue.db"))
            .current_dir(sandbox.path(""))
            .stdin(Stdio::null());
        let Ok(output) = strace.output() else {
            skipped("without strace no disk can be made to fail");
            return;
        };
        let said = said(&Done(output), 5);
        assert_eq!(every_command_works(&sandbox, &said, &told), 1);
    }
}

/// Findings of `doctor` name commands in the same way.
pub fn a_finding_of_doctor_names_commands_that_work() {
    let sandbox = Sandbox::new();
    with_backup(&sandbox);
    // A wrong number of free pages, which only the integrity check reads.
    let mut bytes = quiet(&sandbox.path("queue.db"));
    bytes[36..40].copy_from_slice(&[0, 0, 0, 5]);
    sandbox.write("queue.db", bytes);
    let done = sandbox.run(&["doctor", "-o", "json"]);
    assert_eq!(done.code(), 5, "{}", done.stderr());
    let told = "the database is damaged; stop its workers, then put a backup in its place";
    assert!(every_command_works(&sandbox, &done.stdout(), told) > 1);
}
