//! Misbehaving peers: whatever a driver does, the other peers are measured, and the exit code reports
//! the failure.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use queue_testing::skipped;

/// Output of a driver that has measured every part.
const REPORT: &str = r#"{"version":"1.0","synchronous":"full","limits":["no priorities"],"hundred_ms":0.001,"enqueue":{"tasks":4,"seconds":0.000001},"cycle":{"tasks":4,"seconds":1},"bulk":null,"peak_rss_mb":900}"#;

/// A folder of drivers, which are shell scripts.
struct Drivers(tempfile::TempDir);

impl Drivers {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    /// Adds a driver, and returns its `NAME=PROGRAM`.
    fn add(&self, name: &str, script: &str) -> String {
        let path = self.0.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("written");
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, mode).expect("made executable");
        format!("{name}={}", path.display())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

/// Runs a small `peers` with these drivers.
fn peers(drivers: &[String], more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-harness"));
    command.args(["peers", "--ops", "8", "--scaled", "8", "--runs", "2"]);
    for driver in drivers {
        command.args(["--driver", driver]);
    }
    command.args(more).output().expect("the harness starts")
}

fn json(output: &Output) -> serde_json::Value {
    serde_json::from_slice(&output.stdout).expect("one JSON value")
}

#[test]
fn a_peer_is_compared_with_ours_and_its_lead_is_reported() {
    let drivers = Drivers::new();
    let quick = drivers.add("quick", &format!("echo noise; echo '{REPORT}'"));
    let output = peers(&[quick], &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(
        text.contains("quick 1.0: none, full; no priorities"),
        "{text}"
    );
    let flat = text.replace('\n', " ");
    for engine in ["fast-queue", "workflow-queue"] {
        let ahead = format!("quick (none, full) is ahead of {engine} at full in the operations");
        assert!(flat.contains(&ahead), "{ahead}: {text}");
    }
    assert!(!flat.contains("in memory"), "{text}");
}

#[test]
fn peers_that_crash_hang_or_print_nonsense_do_not_stop_the_others() {
    let drivers = Drivers::new();
    let all = [
        drivers.add("crashes", "echo 'bad \u{1b}[31mday' >&2; exit 3"),
        drivers.add("hangs", "sleep 600 & sleep 600"),
        drivers.add("raves", "echo '{\"version\": 7}'"),
        drivers.add("works", &format!("echo '{REPORT}'")),
        format!("missing={}", drivers.path().join("missing").display()),
    ];
    // Ours have no time limit, and the other drivers end at once.
    let output = peers(&all, &["--limit", "5", "-o", "json"]);
    assert_eq!(output.status.code(), Some(70));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("crashes: ") && said.contains("bad \\x1b[31mday"),
        "{said}"
    );
    assert!(
        said.contains("had not ended after 5 s and was killed"),
        "{said}"
    );
    assert!(
        said.contains("raves: its last line is not a report"),
        "{said}"
    );
    assert!(
        said.contains("missing: ") && said.contains("could not be run"),
        "{said}"
    );
    let report = json(&output);
    let failed: Vec<&str> = report["failed"]
        .as_array()
        .expect("failures")
        .iter()
        .filter_map(|failed| failed["case"].as_str())
        .collect();
    assert_eq!(failed, ["crashes", "hangs", "raves", "missing"]);
    let chart = &report["bars"][0]["bars"];
    let labels: Vec<&str> = chart
        .as_array()
        .expect("bars")
        .iter()
        .filter_map(|bar| bar["label"].as_str())
        .collect();
    assert_eq!(
        labels.len(),
        7,
        "raw and the engines at two levels, and works"
    );
    assert_eq!(labels.last(), Some(&"works"));
}

#[test]
fn a_named_peer_that_is_missing_is_an_error_with_a_remedy() {
    let output = peers(&[], &["claude1"]);
    assert_eq!(output.status.code(), Some(70));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("claude1: ") && said.contains("--originals"),
        "{said}"
    );
    let output = peers(&[], &["nobody"]);
    assert_eq!(output.status.code(), Some(2));
}

/// A substitute for `pueue`: stores a line for each command, and lists each in a table whose rows are
/// as wide as those of commands in a long path.
const PUEUE: &str = r#"
case "$1" in
    --version) echo "pueue of a test" ;;
    add) echo "$2" >>tasks ;;
    status)
        touch tasks
        path=$(printf '%0700d' 0)
        while read -r line; do echo "$line  Success  $path"; done <tasks ;;
esac
"#;

/// Bug: pueue was left out of every comparison of 200 commands ("189 of 200 succeeded"), because only
/// the last 64 KiB of its table were read. Fix: the whole table is read.
#[test]
fn every_row_of_a_long_table_of_pueue_is_counted() {
    let programs = Drivers::new();
    programs.add("pueue", PUEUE);
    programs.add("pueued", "exec sleep 600");
    let path = format!(
        "{}:{}",
        programs.path().display(),
        std::env::var("PATH").expect("a path")
    );
    let mut command = Command::new(env!("CARGO_BIN_EXE_bench-harness"));
    command.args([
        "peers", "pueue", "--ops", "8", "--scaled", "8", "--runs", "1",
    ]);
    let output = command.env("PATH", path).output().expect("it starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(text.contains("pueue of a test"), "{text}");
}

/// A substitute for one of the original programs: the class and the methods that its driver uses.
const ORIGINAL: &str = r#"
import sqlite3

class TaskQueue:
    def __init__(self, path):
        self.conn = sqlite3.connect(path, isolation_level=None)
        self.conn.execute("PRAGMA journal_mode = WAL")
        self.conn.execute("PRAGMA synchronous = NORMAL")
        self.conn.execute("CREATE TABLE tasks (id INTEGER PRIMARY KEY, name, state)")

    def push(self, name, command, priority):
        self.conn.execute("INSERT INTO tasks (name, state) VALUES (?, 0)", (name,))

    def pop(self):
        rows = self.conn.execute(
            "UPDATE tasks SET state = 1 WHERE id = "
            "(SELECT min(id) FROM tasks WHERE state = 0) RETURNING id"
        ).fetchall()
        return {"id": rows[0][0]} if rows else None

    def complete(self, task, success):
        self.conn.execute("UPDATE tasks SET state = 2 WHERE id = ?", (task,))
"#;

#[test]
fn an_original_is_driven_through_its_class_and_its_folder_is_not_changed() {
    if Command::new("python3").arg("--version").output().is_err() {
        skipped("python3 is not on the path");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("claude1.py"), ORIGINAL).expect("written");
    let originals = folder.path().to_str().expect("UTF-8");
    let output = peers(&[], &["claude1", "--originals", originals]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(
        text.contains("claude1 its file: wal, normal; no bulk call"),
        "{text}"
    );
    let left = std::fs::read_dir(folder.path()).expect("a folder").count();
    assert_eq!(left, 1, "the file alone");
}
