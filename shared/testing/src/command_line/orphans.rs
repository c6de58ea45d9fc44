//! Orphans: processes that a killed worker's tasks left running are ended before the tasks run
//! again. Other processes are left alone.

use std::process::{Command, Stdio};

use rustix::process::Signal;

use super::program::{Process, Running, Sandbox, name, until, variable};
use crate::not_permitted;

/// Shell code that writes the pid of its shell to the file `name`.
fn writes_itself(name: &str) -> String {
    format!("echo $$ > {name}.part; mv {name}.part {name}")
}

pub(super) fn process(sandbox: &Sandbox, name: &str) -> Process {
    let has_begun = || sandbox.path(name).exists();
    until("its pid is written", has_begun);
    Process::of(sandbox.read(name).trim().parse().unwrap())
}

pub(super) fn kill(worker: &mut Running) {
    worker.signal(Signal::KILL);
    worker.ended();
}

/// A command that clears its environment had no mark, so it was not found after its worker was
/// killed, and two copies of it ran at once. Now the worker records the session of each command.
pub fn a_command_that_cleans_its_environment_is_ended_before_it_runs_again() {
    let sandbox = Sandbox::new();
    sandbox.ok(&[
        "add-task",
        "clean",
        "echo $$ >> runs; exec env -i sleep 600",
    ]);
    let mut first = sandbox.start(&["worker", "--slots", "1"]);
    until("it runs", || sandbox.read("runs").ends_with('\n'));
    let run = Process::of(sandbox.read("runs").trim().parse().unwrap());
    until("it has no mark", || run.arguments() == "sleep 600 ");
    kill(&mut first);
    let second = sandbox.start(&["worker", "--slots", "1"]);
    until("it runs again", || {
        sandbox.read("runs").lines().count() == 2
    });
    assert!(!run.is_running(), "two copies run: {}", second.stderr());
    until("it is reported", || {
        second.stderr().contains("1 processes ended")
    });
    stop(second);
}

/// Every process with the mark of a dead worker was ended, even a daemon left by a task that had
/// succeeded long before.
pub fn a_daemon_of_an_ended_task_outlives_its_worker() {
    let sandbox = Sandbox::new();
    let daemon = format!("{}; exec sleep 600", writes_itself("daemon"));
    let waits = "until test -e daemon; do sleep 0.02; done";
    let starts = format!("setsid sh -c '{daemon}' > /dev/null 2>&1 & {waits}");
    sandbox.ok(&["add-task", "starts a daemon", &starts]);
    let held = format!("{}; exec sleep 600", writes_itself("held"));
    sandbox.ok(&["add-task", "held", &held]);
    let mut first = sandbox.start(&["worker", "--slots", "1"]);
    let (daemon, held) = (process(&sandbox, "daemon"), process(&sandbox, "held"));
    until("the first has ended", || sandbox.state("1") == "succeeded");
    std::fs::remove_file(sandbox.path("held")).unwrap();
    kill(&mut first);
    let second = sandbox.start(&["worker", "--slots", "1"]);
    until("the second runs again", || sandbox.path("held").exists());
    assert!(!held.is_running());
    assert!(daemon.is_running(), "a daemon of an ended task was ended");
    daemon.kill();
    stop(second);
}

/// Ends a worker and its tasks.
pub(super) fn stop(mut worker: Running) {
    worker.signal(Signal::TERM);
    // Two pending signals of one kind count as one.
    until("it reacts to the signal", || {
        worker.stderr().contains("stopping")
    });
    worker.signal(Signal::TERM);
    worker.ended();
}

/// Waits until the worker has recovered a dead one.
fn recovered(worker: &Running) {
    until("the recovery is reported", || {
        worker.stderr().contains("had died: 1 task returned")
    });
}

/// A worker with a task whose command has started another worker, on another file, where a task has
/// begun. The command writes the pid of that other worker to the file `inner`.
fn with_inner_worker(sandbox: &Sandbox, command: impl FnOnce(&str) -> String) -> Running {
    let program = super::program::path();
    let inner = format!("{program} worker --slots 1 --db inner.db");
    sandbox.ok(&["add-task", "starts a worker", &command(&inner)]);
    sandbox.ok(&["--db", "inner.db", "add-task", "in it", "touch works"]);
    let outer = sandbox.start(&["worker", "--slots", "1"]);
    until("the inner one works", || sandbox.path("works").exists());
    outer
}

/// The process whose pid is in the file `inner`.
fn inner(sandbox: &Sandbox) -> Process {
    Process::of(sandbox.read("inner").trim().parse().unwrap())
}

/// A worker that a task had started in the background had the task's mark, and was ended with it.
pub fn a_worker_that_a_task_left_in_the_background_is_not_ended() {
    let sandbox = Sandbox::new();
    let mut first = with_inner_worker(&sandbox, |worker| {
        format!(
            "setsid {worker} > /dev/null 2>&1 & echo $! > inner
             touch begun; exec sleep 600"
        )
    });
    until("the task has begun", || sandbox.path("begun").exists());
    let left = inner(&sandbox);
    assert!(left.arguments().contains("--db inner.db"));
    std::fs::remove_file(sandbox.path("begun")).unwrap();
    kill(&mut first);
    let second = sandbox.start(&["worker", "--slots", "1"]);
    recovered(&second);
    assert!(left.is_running(), "{}", second.stderr());
    until("the task runs again", || sandbox.path("begun").exists());
    let again = inner(&sandbox);
    left.kill();
    again.kill();
    stop(second);
}

pub fn a_worker_that_is_a_tasks_command_ends_with_the_task() {
    let sandbox = Sandbox::new();
    let mut first = with_inner_worker(&sandbox, |worker| format!("echo $$ > inner; exec {worker}"));
    let inner = inner(&sandbox);
    kill(&mut first);
    let second = sandbox.start(&["worker", "--slots", "1"]);
    recovered(&second);
    assert!(!inner.is_running(), "{}", second.stderr());
    stop(second);
}

/// True if this user may create pid namespaces; prints a note if not.
fn has_namespaces() -> bool {
    let made = Command::new("unshare").args(UNSHARE).arg("true").output();
    let is_made = made.is_ok_and(|made| made.status.success());
    if !is_made {
        not_permitted("pid namespaces cannot be made here");
    }
    is_made
}

const UNSHARE: [&str; 3] = ["--pid", "--fork", "--mount-proc"];

/// The program as the first process of a new pid namespace.
fn start_in_namespace(sandbox: &Sandbox, words: &[&str]) -> Running {
    let program = sandbox.command(words);
    let mut apart = Command::new("unshare");
    apart
        .args(UNSHARE)
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(sandbox.path(""))
        .env(variable("DB"), sandbox.path("queue.db"))
        .stdin(Stdio::null());
    Sandbox::begin(&mut apart)
}

/// A worker as the first process of a container inherited every process whose parent had ended, and
/// never waited for one: each stayed a zombie.
pub fn the_first_process_of_a_container_reaps_orphans_and_forwards_signals() {
    if !has_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "leaves one", "sleep 0.05 & echo $! > orphan"]);
    let waits = "until test -s orphan && ! test -e /proc/$(cat orphan); do sleep 0.02; done";
    sandbox.ok(&["add-task", "waits for it", waits]);
    sandbox.ok(&["add-task", "says its parent", "echo $PPID > parent"]);
    let mut apart = start_in_namespace(&sandbox, &["worker", "--slots", "1"]);
    until("no zombie is left", || sandbox.state("2") == "succeeded");
    until("the last has ended", || sandbox.state("3") == "succeeded");
    assert_ne!(sandbox.read("parent"), "1\n");
    let children = format!("/proc/{0}/task/{0}/children", apart.child.id());
    let first = std::fs::read_to_string(children).unwrap();
    let first = rustix::process::Pid::from_raw(first.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(first, Signal::TERM).unwrap();
    assert_eq!(apart.ended(), Some(0), "{}", apart.stderr());
    assert_eq!(sandbox.ok(&["workers", "-o", "json"]), "[]\n");
}

/// The program in a new pid namespace, whose first process is a shell that outlives it.
fn start_in_container(sandbox: &Sandbox, words: &[&str]) -> Running {
    let program = sandbox.command(words);
    let mut apart = Command::new("unshare");
    apart
        .args(UNSHARE)
        .args(["sh", "-c", "\"$0\" \"$@\"; touch dead; sleep 600"])
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(sandbox.path(""))
        .env(variable("DB"), sandbox.path("queue.db"))
        .stdin(Stdio::null());
    Sandbox::begin(&mut apart)
}

/// Id and process of the only worker.
fn worker_of(sandbox: &Sandbox) -> (String, Process) {
    let workers = sandbox.json(&["workers"]);
    let id = workers[0]["id"].as_str().unwrap().to_owned();
    // The registered pid is the one in its namespace; here it has another.
    let database = sandbox.path("queue.db").display().to_string();
    let ours = |pid: &u32| {
        let arguments = std::fs::read_to_string(format!("/proc/{pid}/cmdline"));
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        arguments.is_ok_and(|text| text.starts_with(super::program::path()))
            && String::from_utf8_lossy(&environment).contains(&database)
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    (id, Process::of(pids.find(ours).unwrap()))
}

/// Two containers on one volume: processes that a killed worker had left in one were not visible
/// from the other, and their task ran twice at once. Now the task is returned only by a person, or
/// at the end of the lease.
pub fn a_task_whose_processes_are_in_another_pid_namespace_is_not_run_beside_them() {
    if !has_namespaces() {
        return;
    }
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "apart", "echo run >> runs; sleep 600"]);
    let worker = if super::program::is_full() {
        vec!["worker", "--slots", "1", "--lease", "2s"]
    } else {
        vec!["worker", "--slots", "1"]
    };
    let mut container = start_in_container(&sandbox, &worker);
    until("it runs", || sandbox.read("runs") == "run\n");
    let (id, process) = worker_of(&sandbox);
    process.kill();
    until("the worker is dead", || sandbox.path("dead").exists());
    let other = sandbox.start(&worker);
    until("it is noticed and reported", || {
        let told = format!("not returned; `{} why 1` says what helps", name());
        other.stderr().contains("had died in another pid namespace")
            && other.stderr().contains(&told)
    });
    let gone = format!("reap {id} --gone");
    if super::program::is_full() {
        until("the lease runs out", || {
            sandbox.read("runs").lines().count() == 2
        });
    } else {
        assert_eq!(sandbox.read("runs"), "run\n", "{}", other.stderr());
        assert!(sandbox.ok(&["why", "1"]).contains(&gone));
        let doctor = sandbox.run(&["doctor"]);
        assert_eq!(doctor.code(), 5);
        assert!(doctor.stdout().contains(&gone), "{}", doctor.stdout());
        let drained = sandbox.run(&["worker", "--drain"]);
        assert_eq!(drained.code(), 1, "{}", drained.stderr());
        let hint = format!(
            "dead worker {id} has 1 task; `{} why 1` says what to do",
            name()
        );
        assert!(drained.stderr().contains(&hint), "{}", drained.stderr());
        let refused = sandbox.run(&["reap", &id]);
        assert_eq!(refused.code(), 1);
        assert!(refused.stderr().contains(&gone), "{}", refused.stderr());
        assert_eq!(sandbox.state("1"), "running");
        container.child.kill().unwrap();
        container.ended();
        let returned = sandbox.ok(&["reap", &id, "--gone"]);
        assert!(returned.contains("Returned 1 task (1)"), "{returned}");
        until("it runs again", || {
            sandbox.read("runs").lines().count() == 2
        });
    }
    stop(other);
}
