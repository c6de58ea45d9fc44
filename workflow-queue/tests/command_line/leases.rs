//! Workers under leases.

use std::os::unix::fs::MetadataExt;

use queue_core::clock::{Clock as _, SystemClock};
use rustix::process::{Resource, Signal};

use queue_testing::command_line::program::{Process, Running, Sandbox, until};

use crate::sandbox;

#[test]
fn a_worker_stopped_beyond_its_lease_loses_its_claim_and_reports_it() {
    let sandbox = sandbox();
    // Each run looks for earlier runs. A killed one stays a zombie while its parent, the worker, is
    // stopped.
    let command = r"for pid in $(cat starts); do
            case $(cat /proc/$pid/stat) in '' | *') Z '*) ;; *) echo $pid >> overlaps ;; esac
        done
        echo $$ >> starts
        while ! test -e go; do sleep 0.02; done";
    sandbox.ok(&["enqueue", "slow", command]);
    let worker = ["worker", "1", "--lease", "1s", "--drain"];
    let starts = || sandbox.read("starts").lines().count();
    let mut first = sandbox.start(&worker);
    until("the first run begins", || starts() == 1);
    let first_run = Process::of(sandbox.read("starts").trim().parse().unwrap());
    stop_outside_a_write(&first, &sandbox);
    let mut second = sandbox.start(&worker);
    until("the second run begins", || starts() == 2);
    assert_eq!(sandbox.read("overlaps"), "", "the first run had ended");
    assert!(!first_run.is_running());
    sandbox.write("go", "");
    assert_eq!(second.ended(), Some(0));
    first.signal(Signal::CONT);
    assert_eq!(first.ended(), Some(6));
    until("it is told", || {
        first.stderr().contains("claims on 1 task were lost")
    });
    assert_eq!(sandbox.state("1"), "succeeded");
    assert_eq!(
        recorded(&sandbox),
        ["queued", "succeeded"],
        "one success is recorded"
    );
}

#[test]
fn the_settle_of_a_worker_stopped_beyond_its_lease_is_refused() {
    let sandbox = sandbox();
    let command = "echo $$ >> starts; ! test -e second || exit 0
        while ! test -e go; do sleep 0.02; done; exit 7";
    sandbox.ok(&["enqueue", "once", command, "--max-attempts", "1"]);
    let worker = ["worker", "1", "--lease", "1s", "--drain"];
    let mut first = sandbox.start(&worker);
    until("the first run begins", || {
        sandbox.read("starts").ends_with('\n')
    });
    let first_run = Process::of(sandbox.read("starts").trim().parse().unwrap());
    stop_outside_a_write(&first, &sandbox);
    sandbox.write("second", "");
    sandbox.write("go", "");
    until("the first run ends, unseen by its worker", || {
        !first_run.is_running()
    });
    assert_eq!(sandbox.start(&worker).ended(), Some(0));
    first.signal(Signal::CONT);
    assert_eq!(first.ended(), Some(6), "{}", first.stderr());
    assert_eq!(sandbox.read("starts").lines().count(), 2);
    let task = sandbox.json(&["show", "1"]);
    assert_eq!(
        (&task["state"], &task["exit_code"]),
        (&"succeeded".into(), &0.into())
    );
    assert_eq!(recorded(&sandbox), ["queued", "succeeded"]);
}

/// End of the first task's lease while it runs, in milliseconds of boot time.
fn lease_until(file: &rusqlite::Connection) -> i64 {
    let lease = "SELECT lease_until FROM queue_tasks WHERE id = 1 AND state = 3";
    file.query_row(lease, [], |row| row.get(0)).unwrap()
}

fn boot_now() -> i64 {
    SystemClock.now().boot.0
}

/// While another program held the file for longer than a lease, the worker ended its tasks and gave
/// them up, and they ran again. Now a lease runs out only while other workers could write.
#[test]
fn a_file_locked_for_several_leases_costs_no_claim() {
    let sandbox = sandbox();
    let command = "echo run >> runs; while ! test -e go; do sleep 0.02; done";
    sandbox.ok(&["enqueue", "long", command]);
    let worker = ["worker", "1", "--lease", "1s"];
    let mut owner = sandbox.start(&worker);
    until("it runs", || sandbox.read("runs") == "run\n");
    let mut other = sandbox.start(&worker);
    until("both are there", || {
        sandbox.json(&["workers"]).as_array().unwrap().len() == 2
    });
    let file = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    file.execute_batch("BEGIN IMMEDIATE").unwrap();
    until("several leases have passed", || {
        boot_now() > lease_until(&file) + 4_000
    });
    file.execute_batch("COMMIT").unwrap();
    until("the lease is extended", || lease_until(&file) > boot_now());
    // By now the other worker has had time to take the task.
    let first = lease_until(&file);
    until("it is extended again and again", || {
        lease_until(&file) > first + 3_000
    });
    sandbox.write("go", "");
    until("it has ended", || sandbox.state("1") == "succeeded");
    for one in [&mut owner, &mut other] {
        one.signal(Signal::TERM);
        assert_eq!(one.ended(), Some(0), "{}", one.stderr());
    }
    assert_eq!(sandbox.read("runs"), "run\n");
    assert_eq!(recorded(&sandbox), ["succeeded"]);
}

#[test]
fn a_worker_that_alone_cannot_write_loses_its_claim_and_no_task_runs_twice_at_once() {
    let sandbox = sandbox();
    let command = "echo $$ >> starts; while ! test -e go; do sleep 0.02; done";
    sandbox.ok(&["enqueue", "long", command]);
    let worker = ["worker", "1", "--lease", "1s", "--drain"];
    let mut owner = sandbox.start_after("trap '' XFSZ", &worker);
    until("it runs", || sandbox.read("starts").ends_with('\n'));
    let first_run = Process::of(sandbox.read("starts").trim().parse().unwrap());
    let pid = rustix::process::Pid::from_child(&owner.child);
    let limit = |current| rustix::process::Rlimit {
        current,
        maximum: None,
    };
    let limited = |current| rustix::process::prlimit(Some(pid), Resource::Fsize, limit(current));
    limited(Some(1)).unwrap();
    let mut other = sandbox.start(&worker);
    until("it runs again", || {
        sandbox.read("starts").lines().count() == 2
    });
    assert!(!first_run.is_running());
    sandbox.write("go", "");
    assert_eq!(other.ended(), Some(0), "{}", other.stderr());
    limited(None).unwrap();
    assert_eq!(owner.ended(), Some(6), "{}", owner.stderr());
    assert_eq!(recorded(&sandbox), ["queued", "succeeded"]);
}

/// Stops a program while it does not hold the write lock of the file: stopped inside a write, it
/// keeps every other writer out, and a test that hit such a moment failed three times in ten.
fn stop_outside_a_write(program: &Running, sandbox: &Sandbox) {
    let lock = std::fs::metadata(sandbox.path("queue.db.d/writer.lock")).unwrap();
    let lock = format!(":{} ", lock.ino());
    let pid = program.child.id();
    until("it is stopped between two writes", || {
        program.signal(Signal::STOP);
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let all_stopped = threads.flatten().all(|thread| {
            let stat = std::fs::read_to_string(thread.path().join("stat"));
            stat.is_ok_and(|stat| stat.contains(") T "))
        });
        let holder = format!(" {pid} ");
        // While other locks come and go, one listing may miss a held lock.
        let writes = (0..8).any(|_| {
            let locks = std::fs::read_to_string("/proc/locks").unwrap();
            locks
                .lines()
                .any(|line| line.contains(&holder) && line.contains(&lock) && !line.contains("->"))
        });
        if all_stopped && writes {
            program.signal(Signal::CONT);
        }
        all_stopped && !writes
    });
}

/// State of the first task after each of its attempts.
fn recorded(sandbox: &Sandbox) -> Vec<String> {
    let attempts = sandbox.json(&["attempts", "1"]);
    let states = attempts.as_array().unwrap().iter();
    let states = states.map(|one| one["state"].as_str().unwrap().to_owned());
    states.collect()
}

/// Number of tasks whose hooks do not end.
const HOOKS: usize = 200;

#[test]
fn a_worker_whose_hooks_take_longer_than_the_lease_loses_no_claim() {
    let sandbox = sandbox();
    sandbox.ok(&[
        "enqueue",
        "long",
        "echo run >> runs; while ! test -e go; do sleep 0.02; done",
    ]);
    sandbox.enqueue(&"true\n".repeat(HOOKS));
    let hook = "while ! test -e go; do sleep 0.02; done";
    let worker = [
        "worker",
        "--slots",
        "8",
        "--lease",
        "1s",
        "--drain",
        "--on-finish",
        hook,
    ];
    let mut held_up = sandbox.start(&worker);
    let file = rusqlite::Connection::open(sandbox.path("queue.db")).unwrap();
    let number = |sql: &str| file.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    until("all but the first wait for their hooks", || {
        held_up.stderr().matches("succeeded").count() == HOOKS
    });
    let mut other = sandbox.start(&["worker", "--lease", "1s", "--drain"]);
    let lease = "SELECT lease_until FROM queue_tasks WHERE id = 1 AND state = 3";
    let first = number(lease);
    // The other worker looks for expired leases every two seconds.
    until("its leases are extended", || number(lease) >= first + 5_000);
    sandbox.write("go", "");
    assert_eq!(held_up.ended(), Some(0), "{}", held_up.stderr());
    assert_eq!(other.ended(), Some(0), "{}", other.stderr());
    assert_eq!(sandbox.read("runs"), "run\n");
    let attempts = sandbox.json(&["attempts", "1"]);
    assert_eq!(attempts.as_array().unwrap().len(), 1, "{attempts}");
    assert!(
        !other.stderr().contains("let leases run out"),
        "{}",
        other.stderr()
    );
}

#[test]
fn a_small_batch_does_not_leave_slots_empty() {
    let sandbox = sandbox();
    for (own, other) in [("a", "b"), ("b", "a")] {
        let command = format!("touch {own}; while ! test -e {other}; do sleep 0.02; done");
        sandbox.ok(&["enqueue", own, &command]);
    }
    assert_eq!(
        sandbox
            .run(&["worker", "1", "--slots", "2", "--drain"])
            .code(),
        0
    );
}

#[test]
fn a_background_worker_has_the_requested_batch_size_and_lease() {
    let sandbox = sandbox();
    let refused = sandbox.run(&["worker", "--background", "--lease", "2d"]);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr().contains("one day"), "{}", refused.stderr());
    let pid = sandbox.ok(&["worker", "3", "--background", "--lease", "2s"]);
    let workers = sandbox.json(&["workers"]);
    assert_eq!(workers[0]["slots"], 3);
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    until("it has left", || {
        sandbox.ok(&["workers", "-o", "json"]) == "[]\n"
    });
}

#[test]
fn an_installed_service_has_the_requested_batch_size_and_lease() {
    let sandbox = sandbox();
    let installed = sandbox
        .command(&["systemd", "install", "2", "--lease", "5m"])
        .env("XDG_CONFIG_HOME", sandbox.path("config"))
        // Without systemctl, only files beside the database change.
        .env("PATH", sandbox.path("nowhere"))
        .output()
        .unwrap();
    assert!(installed.status.success(), "{installed:?}");
    let unit = sandbox.read("config/systemd/user/workflow-queue-worker.service");
    let started = unit.lines().find(|line| line.starts_with("ExecStart="));
    assert!(started.unwrap().ends_with(" --lease 5m 2"), "{unit}");
}
