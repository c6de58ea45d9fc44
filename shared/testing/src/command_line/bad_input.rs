//! Wrong arguments and files: each gets one sentence and its exit code, and nothing is written.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::process::Stdio;

use serde_json::Value;

use super::program::{Done, Sandbox, name, variable};

/// Checks that a run was refused: nothing on stdout, one sentence on stderr.
fn assert_refused(done: &Done, code: i32, words: &str, what: &str) {
    let stderr = done.stderr();
    assert_eq!(done.code(), code, "{what}: {stderr}");
    assert_eq!(done.stdout(), "", "{what}");
    assert!(stderr.contains(words), "{what}: {stderr}");
    assert!(
        stderr.starts_with(&format!("{}: ", name())),
        "{what}: {stderr}"
    );
    assert!(!stderr.contains("panicked"), "{what}: {stderr}");
}

/// Wrong arguments, and a part of the sentence about them.
const WRONG: &[(&[&str], &str)] = &[
    (&["add-task"], "nothing to run"),
    (&["add-task", "--name", "a"], "nothing to run"),
    (&["add-task", ""], "command must not be empty"),
    (&["add-task", "--name", "a", "b", "c"], "two names"),
    (&["add-task", "--name", "a", "b", "--", "c"], "two names"),
    (&["add-task", "5"], "5 is a number, not a command"),
    (&["add", "wait", "0.5"], "add-task 'wait 0.5'"),
    (&["enqueue", "sleep", " 5 "], "add-task -- sleep 5"),
    (&["add", "echo", "hello", "world"], "'echo hello world'"),
    (
        &["follow", "1", "--attempt", "2"],
        "log ID --attempt NUMBER",
    ),
    (&["add-task", "", "true"], "name must not be empty"),
    (&["add-task", "  ", "true"], "name must not be empty"),
    (&["add-task", "", "--stdin"], "name must not be empty"),
    (&["add-task", "a", ""], "command must not be empty"),
    (
        &["add-task", "a", "true", "--cwd", ""],
        "the folder to run in is empty",
    ),
    (&["add-task", "a", "--", ""], "command must not be empty"),
    (&["add-task", "a", "true", "2147483648"], "whole number"),
    (&["add-task", "a", "true", "-2147483649"], "whole number"),
    (&["add-task", "a", "true", "1.5"], "whole number"),
    (&["add-task", "a", "true", "ten"], "whole number"),
    (
        &["add-task", "a", "true", "--delay", "NaN"],
        "not a duration",
    ),
    (
        &["add-task", "a", "true", "--delay", "inf"],
        "not a duration",
    ),
    (&["add-task", "a", "true", "--delay", "-1"], "negative"),
    (
        &["add-task", "a", "true", "--delay", "1e9"],
        "not a duration",
    ),
    (
        &["add-task", "a", "true", "--delay", "99999999999w"],
        "100 years",
    ),
    (&["add-task", "a", "true", "--backoff", ""], "duration"),
    (
        &["add-task", "a", "true", "--timeout", "0"],
        "longer than zero",
    ),
    (&["add-task", "a", "true", "--timeout", "-5s"], "negative"),
    (&["wait", "1", "--timeout", "NaN"], "not a duration"),
    (&["add-task", "a", "true", "--at", "soon"], "point in time"),
    (&["add-task", "a", "true", "--at", "@-5"], "point in time"),
    (
        &["add-task", "a", "true", "--at", "18:00", "--delay", "1"],
        "cannot be used",
    ),
    (
        &["add-task", "a", "true", "--max-attempts", "0"],
        "whole number from 1 to 4294967295",
    ),
    (&["add-task", "a", "true", "--max-crashes", "x"], "invalid"),
    (
        &["add-task", "a", "true", "--retry-codes", "1,256"],
        "0 to 255",
    ),
    (&["add-task", "a", "true", "--env", "NAME"], "NAME=VALUE"),
    (&["add-task", "a", "true", "--env", "=x"], "NAME=VALUE"),
    (
        &["add-task", "a", "true", "--key", ""],
        "key must not be empty",
    ),
    (
        &["add-task", "a", "true", "--queue", ""],
        "must not be empty",
    ),
    (&["add-task", "a", "true", "--", "b"], "cannot be used"),
    (&["show", "0"], "selects no task"),
    (&["show", "x"], "selects no task"),
    (&["show", "8-5"], "backwards"),
    (&["show", "99999999999999999999"], "selects no task"),
    (&["list", "--state", "done"], "not a state"),
    (&["list", "--limit", "0"], "whole number from 1 to 100000"),
    (&["list", "--before", "last"], "an id is a whole number"),
    (&["log", "1", "--attempt", "first"], "a whole number from 0"),
    (&["prune", "--keep", "some"], "a whole number from 0"),
    (&["prune"], "choose what to delete"),
    (&["prune", "--older-than", "-1d"], "negative"),
    (&["worker", "--slots", "0"], "whole number from 1 to 10000"),
    (&["worker", "--slots", "1000000"], "from 1 to 10000"),
    (&["worker", "--slots", "all"], "from 1 to 10000"),
    (&["worker", "--queue", ""], "must not be empty"),
    (&["--db", "", "status"], "--db"),
    (&["-o", "xml", "status"], "xml"),
    (&["--durability", "some", "status"], "`fast` or `full`"),
    (&["nonsense"], "nonsense"),
    (&["--watch", "list"], "--watch shows how things stand"),
    (&["list", "--columns", "id,size"], "it is not a column"),
    (&["list", "--sort", "size"], "it is not a column"),
    (&["list", "--color", "some"], "some"),
    (&["systemd"], "requires a subcommand"),
];

pub fn wrong_arguments_are_usage_errors_and_enqueue_nothing() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "one", "true"]);
    let long_name = "x".repeat(201);
    let long: &[(&[&str], &str)] = &[(&["add-task", &long_name, "true"], "201 bytes")];
    for (words, sentence) in WRONG.iter().chain(long) {
        let what = words.join(" ").chars().take(80).collect::<String>();
        assert_refused(&sandbox.run(words), 2, sentence, &what);
    }
    assert_eq!(sandbox.json(&["status"])["total"], 1);
}

pub fn a_missing_task_range_or_file_is_not_found() {
    let sandbox = Sandbox::new();
    assert_refused(
        &sandbox.run(&["status"]),
        3,
        "there is no database",
        "status",
    );
    assert!(
        !sandbox.path("queue.db").exists(),
        "reading creates nothing"
    );
    assert!(
        !sandbox.path("queue.db.d").exists(),
        "reading creates nothing"
    );
    sandbox.ok(&["add-task", "one", "true"]);
    for verb in ["show", "log", "wait", "why", "cancel", "retry"] {
        assert_refused(&sandbox.run(&[verb, "7"]), 3, "task 7", verb);
        assert_refused(&sandbox.run(&[verb, "5-9"]), 3, "from 5 to 9", verb);
    }
    assert_refused(
        &sandbox.run(&["run", "nothing"]),
        3,
        "no file nothing",
        "run",
    );
}

pub fn text_that_is_not_utf_8_is_refused_in_arguments_and_lines() {
    let sandbox = Sandbox::new();
    let bytes = OsStr::from_bytes(b"a\xff");
    let mut command = sandbox.command(&["add-task", "name"]);
    let done = Done(command.arg(bytes).output().unwrap());
    assert_refused(&done, 2, "not valid UTF-8", "argument");
    for (lines, sentence) in [
        (&b"true\n\xff\n"[..], "line 2: it is not valid UTF-8"),
        (
            b"{\"name\":\"\",\"command\":\"true\"}\n",
            "line 1: a task's name must not be empty",
        ),
        (b"tr\0ue\n", "line 1: a command must not contain a NUL"),
        (b"true\n{\"command\":1}\n", "line 2:"),
        (b"{\"command\":\"x\",\"priority\":1e99}", "line 1:"),
    ] {
        sandbox.write("lines", lines);
        let mut command = sandbox.command(&["add-task", "--stdin"]);
        command.stdin(std::fs::File::open(sandbox.path("lines")).unwrap());
        assert_refused(&Done(command.output().unwrap()), 2, sentence, sentence);
    }
    assert!(!sandbox.path("queue.db").exists(), "nothing was enqueued");
}

pub fn a_file_that_is_not_a_database_is_named_in_the_error() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("folder")).unwrap();
    sandbox.write(
        "text",
        "no database, but long enough to be looked at ".repeat(40),
    );
    sandbox.write("random", [0x5a_u8; 9000]);
    for (path, words) in [
        ("folder", "directory"),
        ("text", "not an SQLite database"),
        ("random", "not an SQLite database"),
        ("missing/queue.db", "missing"),
    ] {
        let before = std::fs::read(sandbox.path(path)).ok();
        let done = sandbox.run(&["--db", path, "add-task", "a", "true"]);
        assert_refused(&done, 5, words, path);
        assert_eq!(std::fs::read(sandbox.path(path)).ok(), before, "{path}");
    }
}

/// A database address was taken for the path of a file and printed in full, with its password.
pub fn an_address_is_refused_and_its_password_not_shown() {
    let sandbox = Sandbox::new();
    let address = "postgres://me:secret@host/tasks";
    let list = |name: &str| {
        let mut command = sandbox.command(&["list"]);
        command.env(name, address).env("QUEUE_TASK_ID", "1");
        if name == "QUEUE_DB" {
            command.env_remove(variable("DB"));
        }
        Done(command.output().unwrap())
    };
    for done in [
        sandbox.run(&["--db", address, "list"]),
        list(&variable("DB")),
        list("QUEUE_DB"),
    ] {
        let words = "(postgres://…), and this build opens only files";
        assert_refused(&done, 2, words, address);
        assert!(!done.stderr().contains("secret"), "{}", done.stderr());
    }
}

pub fn a_folder_in_place_of_a_file_is_reported_and_the_database_is_still_read() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    // A folder in place of a file that every writer opens.
    std::fs::remove_file(sandbox.path("queue.db.d/open.lock")).unwrap();
    std::fs::create_dir(sandbox.path("queue.db.d/open.lock")).unwrap();
    for words in [&["add-task", "b", "true"][..], &["worker", "--drain"]] {
        assert_refused(
            &sandbox.run(words),
            5,
            "open.lock: a folder where a file belongs",
            words[0],
        );
    }
    assert_eq!(sandbox.json(&["status"])["total"], 1);
    let doctor = sandbox.run(&["doctor"]);
    assert_eq!(doctor.code(), 5);
    let found = doctor.stdout();
    assert!(
        found.contains("open.lock: a folder where a file belongs"),
        "{found}"
    );
    assert!(
        found.contains("`rm --recursive -- ") && !found.contains("chmod"),
        "{found}"
    );
    std::fs::remove_dir(sandbox.path("queue.db.d/open.lock")).unwrap();
    std::fs::remove_dir_all(sandbox.path("queue.db.d/log")).unwrap();
    sandbox.write("queue.db.d/log", "");
    let found = sandbox.run(&["doctor"]).stdout();
    assert!(
        found.contains("d/log: a file where a folder belongs"),
        "{found}"
    );
    std::fs::remove_file(sandbox.path("queue.db.d/log")).unwrap();
    std::fs::remove_file(sandbox.path("queue.db.d/listening")).unwrap();
    std::fs::create_dir(sandbox.path("queue.db.d/listening")).unwrap();
    for words in [&["wait", "1"][..], &["log", "1", "--follow"]] {
        let done = sandbox.run(words);
        assert_eq!(done.code(), 5, "{words:?}");
        assert!(done.stderr().contains("takes write permission"));
    }
}

/// `add-task` in a folder that somebody had deleted said that the database cannot be used.
pub fn a_deleted_current_folder_is_named_in_the_error() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("gone")).unwrap();
    let script = "cd gone && rmdir ../gone && exec \"$0\" add-task a true";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, super::program::path()]);
    command.current_dir(sandbox.path(""));
    command.env(variable("DB"), sandbox.path("queue.db"));
    let done = Done(command.output().unwrap());
    assert_refused(&done, 2, "the current folder was deleted; call", "deleted");
    assert!(!sandbox.path("queue.db").exists(), "nothing was enqueued");
}

pub fn a_newer_schema_is_refused_by_every_verb() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    let connection = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    let newer = "UPDATE queue_schema SET version = 99 WHERE line = 'core'";
    assert_eq!(connection.execute(newer, []).unwrap(), 1);
    drop(connection);
    for words in [
        &["add-task", "b", "true"][..],
        &["status"],
        &["worker", "--drain"],
    ] {
        assert_refused(&sandbox.run(words), 5, "newer", words[0]);
    }
}

/// One such task ended every worker with exit code 70.
pub fn a_task_of_a_newer_version_does_not_keep_others_from_running() {
    let sandbox = Sandbox::new();
    for name in ["first", "newer", "last"] {
        sandbox.ok(&["add-task", name, "true"]);
    }
    let connection = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    let newer = r#"UPDATE queue_tasks SET options = '{"cpus":4}' WHERE name = 'newer'"#;
    assert_eq!(connection.execute(newer, []).unwrap(), 1);
    let mut worker = sandbox.start(&["worker", "--drain"]);
    assert!(matches!(worker.ended(), Some(0 | 1)), "{}", worker.stderr());
    let states = ["1", "2", "3"].map(|id| sandbox.state(id));
    assert_eq!(states, ["succeeded", "queued", "succeeded"]);
    let why = sandbox.ok(&["why", "2"]);
    for said in [
        "no worker of this version takes it",
        "newer version",
        "`cpus`",
    ] {
        assert!(why.contains(said), "{why}");
    }
    for words in [
        &["verify"][..],
        &["list"],
        &["show", "2"],
        &["status"],
        &["doctor"],
    ] {
        sandbox.ok(words);
    }
}

pub fn no_verb_answers_from_a_damaged_database() {
    let sandbox = Sandbox::new();
    sandbox.enqueue(&"true\n".repeat(500));
    let connection = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(connection);
    let mut bytes = std::fs::read(sandbox.path("queue.db")).unwrap();
    bytes[4096..].fill(0x5a);
    sandbox.write("queue.db", bytes);
    for words in [&["add-task", "b", "true"][..], &["list"], &["doctor"]] {
        let done = sandbox.run(words);
        assert_eq!(done.code(), 5, "{words:?}: {}", done.stderr());
        assert!(!done.stderr().contains("panicked"), "{}", done.stderr());
    }
}

pub fn output_that_cannot_be_written_is_an_error_and_a_closed_pipe_is_not() {
    let sandbox = Sandbox::new();
    sandbox.enqueue(&"true\n".repeat(3000));
    let full = std::fs::OpenOptions::new()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let done = sandbox.command(&["list"]).stdout(full).output().unwrap();
    assert_eq!(done.status.code(), Some(5));
    let mut child = sandbox
        .command(&["list", "--limit", "3000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let done = Done(child.wait_with_output().unwrap());
    assert_eq!((done.code(), done.stderr()), (0, String::new()));
}

pub fn the_exit_code_is_the_same_with_a_closed_pipe() {
    let sandbox = Sandbox::new();
    sandbox.enqueue("exit 3\n");
    let failed = [
        (&["worker", "--drain", "--on-finish", "true"][..], 1),
        (&["wait", "1"][..], 1),
        (&["retry", "9"], 3),
        (&["log", "1"], 0),
    ];
    for (words, code) in failed {
        let mut child = sandbox
            .command(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let done = Done(child.wait_with_output().unwrap());
        assert_eq!(done.code(), code, "{words:?}: {}", done.stderr());
    }
}

pub fn in_json_an_error_is_one_object_on_standard_error() {
    let sandbox = Sandbox::new();
    for (words, code, kind) in [
        (&["-o", "json", "status"][..], 3, "not_found"),
        (&["add-task", "-o", "json"], 2, "usage"),
        (
            &["--db", "/", "-o", "json", "add-task", "a", "b"],
            5,
            "unusable",
        ),
    ] {
        let done = sandbox.run(words);
        assert_eq!(done.code(), code, "{words:?}");
        let error: Value = serde_json::from_str(&done.stderr()).unwrap();
        assert_eq!(error["error"]["kind"], kind);
        assert_eq!(error["error"]["exit_code"], code);
        assert!(!error["error"]["message"].as_str().unwrap().contains('\n'));
    }
}

pub fn a_busy_database_is_reported_as_busy() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    let connection = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    let done = sandbox.run(&["add-task", "b", "true"]);
    assert_refused(&done, 4, "busy", "add-task");
    connection.execute_batch("ROLLBACK").unwrap();
    assert_eq!(sandbox.json(&["status"])["total"], 1);
}

pub fn a_write_to_a_full_disk_leaves_nothing_half_written() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    sandbox.write("lines", "true\n".repeat(20_000));
    // A limit on file sizes stands for a full disk.
    let script = "trap '' XFSZ; ulimit -f 256; exec \"$0\" add-task --stdin < lines";
    let mut command = std::process::Command::new("sh");
    command.args(["-c", script, super::program::path()]);
    command.current_dir(sandbox.path(""));
    command.env(variable("DB"), sandbox.path("queue.db"));
    let done = Done(command.output().unwrap());
    assert_refused(&done, 5, "", "no room");
    assert_eq!(sandbox.json(&["status"])["total"], 1);
    assert_eq!(sandbox.ok(&["add-task", "b", "true"]), "Added task 2\n");
}
