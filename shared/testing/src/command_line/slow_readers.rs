//! Slow hooks and slow readers of messages do not delay a worker.

use std::process::{Child, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::Value;

use super::program::{Sandbox, present, until};

/// A generous bound on a loaded machine.
const SOON: Duration = Duration::from_secs(20);

fn succeeded(sandbox: &Sandbox) -> u64 {
    let status = sandbox.json(&["status"]);
    count(&status)
}

fn count(status: &Value) -> u64 {
    status["succeeded"].as_u64().unwrap()
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.try_into().unwrap()).unwrap()
}

fn is_alive(number: u32) -> bool {
    test_kill_process(pid(number)).is_ok()
}

fn ended_within(child: &mut Child, limit: Duration) -> Option<i32> {
    let begun = present();
    let mut status = None;
    until("it ends", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert!(begun.elapsed() < limit, "{:?}", begun.elapsed());
    status.unwrap().code()
}

/// Bug: a worker waited for its hooks once a thousand of them waited. Cost: it started no task and
/// ignored requests to stop. Fix: the worker never waits for a hook, and ends running hooks at the
/// second signal.
pub fn hooks_that_do_not_end_delay_neither_tasks_nor_signals() {
    let sandbox = Sandbox::new();
    sandbox.enqueue(&"true\n".repeat(1_200));
    let hook = "echo $$ >>hooks; exec sleep 600";
    let arguments = [
        "worker",
        "--slots",
        "4",
        "--grace",
        "1s",
        "--on-finish",
        hook,
    ];
    let mut worker = sandbox.start(&arguments);
    until("all tasks are done", || succeeded(&sandbox) == 1_200);
    until("hooks run", || sandbox.read("hooks").lines().count() == 4);
    until("the lag is reported", || {
        worker.stderr().contains("lags behind")
    });
    let hooks: Vec<u32> = sandbox
        .read("hooks")
        .lines()
        .map(|line| line.parse().unwrap())
        .collect();
    worker.signal(Signal::TERM);
    until("it reacts to the signal", || {
        worker.stderr().contains("a second signal")
    });
    worker.signal(Signal::TERM);
    assert_eq!(ended_within(&mut worker.child, SOON), Some(0));
    until("its hooks are ended", || {
        !hooks.iter().any(|hook| is_alive(*hook))
    });
}

pub fn a_hook_that_takes_too_long_is_ended_and_the_others_run() {
    let sandbox = Sandbox::new();
    sandbox.enqueue("true # slow\ntrue\ntrue\ntrue\ntrue\ntrue\n");
    let hook = "test $QUEUE_TASK_ID != 1 || exec sleep 600; echo $QUEUE_TASK_ID >>done";
    let mut worker = sandbox.start(&[
        "worker",
        "--slots",
        "1",
        "--drain",
        "--on-finish",
        hook,
        "--hook-timeout",
        "200ms",
    ]);
    assert_eq!(worker.ended(), Some(0), "{}", worker.stderr());
    assert_eq!(sandbox.read("done").lines().count(), 5);
    let said = worker.stderr();
    assert!(
        said.contains("--on-finish for task 1 was ended after"),
        "{said}"
    );
}

/// Bug: a worker printed on its own thread. Cost: a full pipe that nobody read stopped it, its
/// tasks and its signals. Fix: a separate thread prints, and lines that do not fit into its queue
/// are dropped and counted.
pub fn messages_that_nobody_reads_delay_neither_tasks_nor_signals() {
    let sandbox = Sandbox::new();
    sandbox.enqueue(&"true\n".repeat(300));
    let mut worker = sandbox
        .command(&["worker", "--slots", "4", "--grace", "1s"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let unread = worker.stderr.take().unwrap();
    // A few dozen lines fill it.
    rustix::pipe::fcntl_setpipe_size(&unread, 4096).unwrap();
    until("all tasks are done", || succeeded(&sandbox) == 300);
    sandbox.ok(&["add-task", "endless", "touch began; exec sleep 600"]);
    until("it runs", || sandbox.path("began").exists());
    for _ in 0..2 {
        kill_process(pid(worker.id()), Signal::TERM).unwrap();
        until("it stops", || sandbox.run(&["status"]).code() == 0);
    }
    assert_eq!(ended_within(&mut worker, SOON), Some(0));
    assert_eq!(sandbox.state(&(301.to_string())), "queued");
    drop(unread);
}

/// Bug: Ctrl-Z stopped a worker. Cost: its leases ran out, and other workers took its tasks. Fix:
/// the worker answers with a sentence and goes on.
pub fn a_worker_answers_ctrl_z_with_a_sentence() {
    let sandbox = Sandbox::new();
    sandbox.ok(&[
        "add-task",
        "slow",
        "touch began; while ! test -e go; do sleep 0.02; done",
    ]);
    let mut worker = sandbox.start(&["worker", "--slots", "1", "--drain"]);
    until("it runs", || sandbox.path("began").exists());
    worker.signal(Signal::TSTP);
    until("it answers", || worker.stderr().contains("not suspended"));
    sandbox.write("go", "");
    assert_eq!(worker.ended(), Some(0));
    assert_eq!(sandbox.state("1"), "succeeded");
}
