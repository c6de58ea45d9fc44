//! A worker while another program holds its file in a transaction.

use std::time::Duration;

use rusqlite::Connection;
use rustix::process::{Pid, Signal, test_kill_process};
use serde_json::Value;

use super::program::{Running, Sandbox, present, until};

/// Another program's write transaction.
struct Holder(Connection);

impl Holder {
    fn of(sandbox: &Sandbox) -> Self {
        let connection = Connection::open(sandbox.path("queue.db")).unwrap();
        connection.busy_timeout(Duration::from_secs(10)).unwrap();
        connection.execute_batch("BEGIN IMMEDIATE").unwrap();
        Self(connection)
    }

    fn let_go(self) {
        self.0.execute_batch("ROLLBACK").unwrap();
    }
}

/// Duration of a task's execution in milliseconds, as printed by the worker.
fn told_ms(log: &str, task: u32) -> Option<f64> {
    let line = log
        .lines()
        .find(|line| line.contains(&format!("task {task} (")))?;
    let (_, rest) = line.split_once(" after ")?;
    let (took, _) = rest.split_once(',')?;
    let millis = took.strip_suffix("ms");
    millis.map_or_else(
        || {
            took.strip_suffix('s')?
                .parse::<f64>()
                .ok()
                .map(|s| s * 1_000.0)
        },
        |millis| millis.parse().ok(),
    )
}

fn attempts(task: &Value) -> (&str, u64) {
    (
        task["state"].as_str().unwrap(),
        task["attempt"].as_u64().unwrap(),
    )
}

/// Bug: while another program held the file for four seconds, the worker did not check its commands
/// and took the time at which the file was free for their end. Cost: a task that had exited with 0
/// after one second failed by its timeout of two, or ran twice. Fix: the worker sees ends when they
/// happen.
pub fn a_command_that_ends_in_time_while_the_file_is_held_has_succeeded() {
    for attempts_left in ["1", "3"] {
        let sandbox = Sandbox::new();
        for name in ["one", "two"] {
            let line =
                format!("echo run >>{name}; touch {name}.began; sleep 1; touch {name}.ended");
            let options = ["--timeout", "5s", "--max-attempts", attempts_left];
            sandbox.ok(&[&["add-task", name, line.as_str()], &options[..]].concat());
        }
        let mut worker = sandbox.start(&["worker", "--slots", "2", "--drain"]);
        let began = |name: &str| sandbox.path(&format!("{name}.began")).exists();
        until("both run", || began("one") && began("two"));
        let holder = Holder::of(&sandbox);
        let ended = |name: &str| sandbox.path(&format!("{name}.ended")).exists();
        until("both end", || ended("one") && ended("two"));
        let free_at = present() + Duration::from_secs(5);
        until("their timeouts are over", || present() >= free_at);
        holder.let_go();
        assert_eq!(worker.ended(), Some(0), "{}", worker.stderr());
        for (id, name) in [(1, "one"), (2, "two")] {
            let task = sandbox.json(&["show", &id.to_string()]);
            assert_eq!(attempts(&task), ("succeeded", 1), "{}", worker.stderr());
            assert_eq!(sandbox.read(name), "run\n", "it ran once");
            until("the end is read", || {
                told_ms(&worker.stderr(), id).is_some()
            });
            let took = told_ms(&worker.stderr(), id).unwrap();
            assert!((900.0..5_000.0).contains(&took), "{took}");
        }
    }
}

pub fn a_timeout_is_enforced_while_the_file_is_held() {
    let sandbox = Sandbox::new();
    let line = "echo $$ >pid; exec sleep 600";
    sandbox.ok(&[
        "add-task",
        "endless",
        line,
        "--timeout",
        "1s",
        "--max-attempts",
        "1",
    ]);
    let mut worker = sandbox.start(&["worker", "--slots", "1", "--drain"]);
    until("it runs", || !sandbox.read("pid").is_empty());
    let holder = Holder::of(&sandbox);
    let pid = sandbox.read("pid").trim().parse().unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    until("it is ended", || test_kill_process(pid).is_err());
    holder.let_go();
    assert_eq!(worker.ended(), Some(1));
    until("the end is read", || told_ms(&worker.stderr(), 1).is_some());
    assert!(
        told_ms(&worker.stderr(), 1).unwrap() < 4_000.0,
        "{}",
        worker.stderr()
    );
}

/// Bug: a worker that was stopped, or slept with the machine, checked deadlines before ends. Fix:
/// if an end and a deadline are seen together, the end counts.
pub fn a_command_that_ended_while_its_worker_was_stopped_has_not_timed_out() {
    let sandbox = Sandbox::new();
    let worker = working(&sandbox, "touch began; sleep 0.5; touch ended");
    until("it runs", || sandbox.path("began").exists());
    worker.signal(Signal::STOP);
    continue_later(&sandbox, worker);
}

/// Bug: as above, with a worker that was stopped while it started the command: the state machine
/// saw the start and the deadline in one step.
pub fn a_command_that_ended_while_its_worker_was_stopped_during_its_start_has_not_timed_out() {
    let sandbox = Sandbox::new();
    let worker = working(&sandbox, "kill -STOP $PPID; sleep 0.1; touch ended");
    continue_later(&sandbox, worker);
}

/// A worker with one task of at most two seconds.
fn working(sandbox: &Sandbox, line: &str) -> Running {
    let limits = ["--timeout", "2s", "--max-attempts", "1"];
    sandbox.ok(&[&["add-task", "one", line], &limits[..]].concat());
    sandbox.start(&["worker", "--slots", "1", "--drain"])
}

/// Continues a stopped worker once its task has ended and the task's timeout is over.
fn continue_later(sandbox: &Sandbox, mut worker: Running) {
    until("it has ended", || sandbox.path("ended").exists());
    let over = present() + Duration::from_secs(3);
    until("its timeout is over", || present() >= over);
    worker.signal(Signal::CONT);
    assert_eq!(worker.ended(), Some(0), "{}", worker.stderr());
    assert_eq!(sandbox.state("1"), "succeeded");
}

/// Bug: a worker that waited for its file reacted to signals only once it had the file. Fix: it
/// reacts meanwhile, and after a second signal it ends without recording.
pub fn two_signals_end_a_worker_whose_file_is_held_and_it_lists_unrecorded_tasks() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let sandbox = Sandbox::new();
        sandbox.ok(&["add-task", "done", "touch done"]);
        sandbox.ok(&["add-task", "endless", "touch began; exec sleep 600"]);
        let mut worker = sandbox.start(&["worker", "--slots", "2", "--grace", "1s"]);
        until("one runs", || sandbox.path("began").exists());
        until("the other is recorded", || {
            sandbox.state("1") == "succeeded"
        });
        sandbox.ok(&[
            "add-task",
            "late",
            "touch late; while ! test -e go; do sleep 0.01; done",
        ]);
        until("the third runs", || sandbox.path("late").exists());
        let holder = Holder::of(&sandbox);
        sandbox.write("go", "");
        worker.signal(signal);
        until("it reacts to the signal", || {
            worker.stderr().contains("a second signal")
        });
        let second = present();
        worker.signal(signal);
        assert_eq!(worker.ended(), Some(5), "{}", worker.stderr());
        // A generous bound on a loaded machine, far below what the file was waited for.
        assert!(
            second.elapsed() < Duration::from_secs(8),
            "{:?}",
            second.elapsed()
        );
        let said = worker.stderr();
        assert!(said.contains("not recorded"), "{said}");
        assert!(said.contains("task 2 (endless)"), "{said}");
        drop(holder);
    }
}
