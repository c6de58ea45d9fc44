//! Schedules fired by real workers: idle, busy, and killed.

use std::collections::HashSet;
use std::io::Write as _;
use std::process::Stdio;

use queue_testing::command_line::program::{self, Running, Sandbox, until};
use queue_testing::command_line::terminal;
use serde_json::Value;

use crate::sandbox;

/// Adds a schedule of every second whose times are all caught up.
fn tick(sandbox: &Sandbox) {
    let command = "echo $QUEUE_SLOT >> ticks";
    let add = ["schedule", "add", "tick", "--every", "1s", command];
    let rules = ["--overlap", "allow", "--catch-up", "all", "--zone", "UTC"];
    sandbox.ok(&[add.as_slice(), &rules].concat());
}

/// The records of the schedule, the oldest first.
fn firings(sandbox: &Sandbox) -> Vec<Value> {
    let shown = sandbox.json(&["schedule", "show", "tick", "-n", "10000"]);
    let mut firings = shown["firings"].as_array().unwrap().clone();
    firings.reverse();
    firings
}

fn fired(sandbox: &Sandbox) -> usize {
    firings(sandbox).len()
}

/// Every second from the first to the last has fired once, with a task of its own.
fn all_fired_once(firings: &[Value]) {
    let times: Vec<i64> = firings
        .iter()
        .map(|firing| {
            let time: jiff::Timestamp = firing["slot_at"].as_str().unwrap().parse().unwrap();
            time.as_millisecond()
        })
        .collect();
    assert!(
        times.windows(2).all(|pair| pair[1] - pair[0] == 1_000),
        "{times:?}"
    );
    assert!(firings.iter().all(|firing| firing["result"] == "fired"));
    let tasks: HashSet<i64> = firings
        .iter()
        .map(|firing| firing["task"].as_i64().unwrap())
        .collect();
    assert_eq!(tasks.len(), firings.len());
}

fn killed(mut worker: Running) {
    worker.child.kill().unwrap();
    assert_eq!(worker.ended(), None);
}

#[test]
fn a_worker_fires_idle_and_with_all_slots_busy() {
    let sandbox = sandbox();
    tick(&sandbox);
    assert_eq!(fired(&sandbox), 0);
    let worker = sandbox.start(&["worker", "1"]);
    until("an idle worker fires", || {
        sandbox.read("ticks").lines().count() >= 2
    });
    let block = "while ! test -e go; do sleep 0.02; done";
    sandbox.ok(&["enqueue", "block", block, "--priority", "9"]);
    let blocking = |state: &str| {
        let list = sandbox.json(&["list", "--name", "block"]);
        list[0]["state"] == state
    };
    until("its only slot is taken", || blocking("running"));
    let before = fired(&sandbox);
    until("a busy worker fires", || fired(&sandbox) >= before + 2);
    assert!(blocking("running"));
    sandbox.write("go", "");
    until("the task ends", || blocking("succeeded"));
    killed(worker);
    all_fired_once(&firings(&sandbox));
    let ticks = sandbox.read("ticks");
    assert!(
        ticks.lines().all(|line| line.ends_with("+00:00")),
        "{ticks}"
    );
}

#[test]
fn a_worker_killed_around_its_firings_loses_none_and_doubles_none() {
    let sandbox = sandbox();
    tick(&sandbox);
    for round in 0..6 {
        let before = fired(&sandbox);
        let worker = sandbox.start(&["worker", "2"]);
        until("it fires", || fired(&sandbox) > before + round % 2);
        killed(worker);
    }
    let before = fired(&sandbox);
    let worker = sandbox.start(&["worker", "2"]);
    until("the last worker fires", || fired(&sandbox) > before + 1);
    killed(worker);
    let firings = firings(&sandbox);
    all_fired_once(&firings);
    let tasks = sandbox.json(&["list", "--schedule", "tick", "-n", "10000"]);
    assert_eq!(tasks.as_array().unwrap().len(), firings.len());
}

#[test]
fn a_file_with_schedules_and_no_worker_says_so() {
    let sandbox = sandbox();
    let done = sandbox.run(&["schedule", "add", "nightly", "@daily", "true"]);
    assert!(
        done.stderr()
            .contains("no worker is running, so it does not fire")
    );
    let done = sandbox.run(&["status"]);
    let sentence = "no schedule fires while no worker is running; the next is due in";
    assert!(done.stderr().contains(sentence), "{}", done.stderr());
    let done = sandbox.run(&["doctor"]);
    assert_eq!(done.code(), 5);
    assert!(
        done.stdout()
            .contains("no worker is running, so none fires")
    );
    let _worker = sandbox.start(&["worker"]);
    until("the worker is there", || {
        sandbox.json(&["workers"]).as_array().unwrap().len() == 1
    });
    let done = sandbox.run(&["status"]);
    assert!(done.stderr().contains("the next schedule fires in"));
    assert!(sandbox.json(&["status"])["next_firing_at"].is_string());
    assert_eq!(sandbox.run(&["doctor"]).code(), 0);
    let done = sandbox.run(&["schedule", "add", "weekly", "@weekly", "true"]);
    assert_eq!(done.stderr(), "");
}

#[test]
fn a_schedule_set_aside_is_named_with_the_reason_and_the_cure() {
    let sandbox = sandbox();
    sandbox.ok(&[
        "schedule",
        "add",
        "far",
        "@daily",
        "true",
        "--zone",
        "Europe/Berlin",
    ]);
    let file = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    let vanish = "UPDATE queue_schedules SET spec = replace(spec, 'Europe/Berlin', 'Mars/Base'), \
                  next_at = 1";
    assert_eq!(file.execute(vanish, []).unwrap(), 1);
    drop(file);
    let worker = sandbox.start(&["worker"]);
    let next = || sandbox.json(&["schedule", "list"])[0]["next_at"].clone();
    until("a worker sets it aside", || next().is_null());
    killed(worker);
    let done = sandbox.run(&["doctor"]);
    for part in [
        "far is set aside",
        "`Mars/Base`",
        "schedule edit far",
        "--replace",
    ] {
        assert!(done.stdout().contains(part), "{part}: {}", done.stdout());
    }
    assert!(
        sandbox
            .run(&["status"])
            .stderr()
            .contains("1 schedule is set aside")
    );
    let done = sandbox.run(&["schedule", "edit", "far"]);
    assert_eq!(done.code(), 2);
    assert!(done.stderr().contains("Mars/Base"));
    let before = sandbox.json(&["schedule", "show", "far"])["task"].clone();
    sandbox.ok(&["schedule", "edit", "far", "--zone", "Europe/Berlin"]);
    assert!(next().is_string());
    let shown = sandbox.json(&["schedule", "show", "far"]);
    assert_eq!(shown["zone"], "Europe/Berlin");
    assert_eq!(shown["task"], before);
}

#[test]
fn a_backfill_of_many_tasks_asks_on_a_terminal() {
    let sandbox = sandbox();
    let add = ["schedule", "add", "tick", "true", "--every", "1m"];
    let from = ["--zone", "UTC", "--start", "2026-01-01"];
    sandbox.ok(&[add.as_slice(), &from].concat());
    let range = "--from 2026-01-01 --to '2026-01-01 05:00'";
    let backfill = format!("{} schedule backfill tick {range}", program::path());
    for (answer, code, enqueued) in [("no\n", 1, 0), ("YES\n", 0, 301)] {
        let Some(mut script) = terminal::script(&sandbox, &backfill) else {
            return;
        };
        let mut script = script
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut keyboard = script.stdin.take().unwrap();
        keyboard.write_all(answer.as_bytes()).unwrap();
        drop(keyboard);
        let output = script.wait_with_output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert!(said.contains("this enqueues 301 tasks"), "{said}");
        assert!(said.contains("type yes to confirm"), "{said}");
        let list = sandbox.json(&["list", "--schedule", "tick", "-n", "1000"]);
        assert_eq!(list.as_array().unwrap().len(), enqueued, "{said}");
    }
}

#[test]
fn an_interval_keeps_its_anchor_unless_an_edit_gives_an_interval() {
    let sandbox = sandbox();
    let start = "2026-01-01 00:07";
    let add = ["schedule", "add", "tick", "true", "--every", "1h"];
    sandbox.ok(&[add.as_slice(), &["--zone", "UTC", "--start", start]].concat());
    let edit = |options: &[&str]| {
        sandbox.ok(&[&["schedule", "edit", "tick"], options].concat());
        let next = sandbox.ok(&["schedule", "next", "tick", "-n", "3"]);
        let minute = |line: &str| line[14..19].to_owned();
        next.lines().map(minute).collect::<Vec<_>>()
    };
    let at_seven = ["07:00", "07:00", "07:00"].map(str::to_owned);
    assert_eq!(edit(&["--start", "none"]), at_seven);
    assert_eq!(edit(&["--overlap", "queue", "--jitter", "1m"]), at_seven);
    assert_eq!(edit(&["--command", "false"]), at_seven);
    let anew = ["--every", "1h", "--start", "2026-01-01 00:09"];
    assert_eq!(edit(&anew), ["09:00", "09:00", "09:00"]);
}

#[test]
fn a_crontab_of_ten_thousand_lines_is_imported_once() {
    let sandbox = sandbox();
    let line = |n| format!("{}\t{} * * *\tjob {n}\r\n", n % 60, n / 60 % 24);
    let jobs: Vec<String> = (0..9_998).map(line).collect();
    let settings = "\u{feff}MAILTO=\"\"\r\nPATH=/usr/bin:/bin\r\n";
    sandbox.write("crontab", format!("{settings}{}", jobs.concat()));
    let import = ["schedule", "import", "crontab", "crontab", "--yes"];
    assert_eq!(
        sandbox.ok(&import),
        "Imported 9998 new, 0 changed, 0 as they were\n"
    );
    assert_eq!(
        sandbox.ok(&import),
        "Imported 0 new, 0 changed, 9998 as they were\n"
    );
    let list = sandbox.json(&["schedule", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 9_998);
    let env = list[0]["task"]["env"].as_object().unwrap();
    assert!(env.keys().eq(["PATH"]) && env["PATH"].is_null(), "{env:?}");
}
