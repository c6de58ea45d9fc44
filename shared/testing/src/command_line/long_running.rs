//! Workers and waiters as long-lived processes.

use rustix::process::Signal;

use super::program::{Process, Sandbox, until};

pub fn wait_ends_with_the_tasks_and_its_exit_code_tells_whether_all_succeeded() {
    let sandbox = Sandbox::new();
    sandbox.ok(&[
        "add-task",
        "slow",
        "while ! test -e go; do sleep 0.02; done",
    ]);
    sandbox.ok(&["add-task", "broken", "exit 3", "--max-attempts", "1"]);
    let mut good = sandbox.start(&["wait", "1"]);
    let mut both = sandbox.start(&["wait", "1-2"]);
    let _worker = sandbox.start(&["worker", "--slots", "2"]);
    until("the slow task runs", || sandbox.state("1") == "running");
    assert!(good.child.try_wait().unwrap().is_none());
    sandbox.write("go", "");
    assert_eq!(good.ended(), Some(0));
    assert_eq!(both.ended(), Some(1));
    until("both ends are printed", || {
        both.stdout().lines().count() == 2
    });
    assert!(
        both.stdout()
            .contains("Task 2 (broken) failed: exit code 3")
    );
}

pub fn wait_with_a_timeout_names_unfinished_tasks_and_has_its_own_exit_code() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "never", "true", "--delay", "1h"]);
    sandbox.ok(&["add-task", "fine", "true"]);
    sandbox.ok(&["add-task", "broken", "exit 3", "--max-attempts", "1"]);
    for (timeout, ids) in [("0", "all"), ("50ms", "1-3")] {
        let done = sandbox.run(&["wait", ids, "--timeout", timeout]);
        assert_eq!((done.code(), done.stdout()), (4, String::new()));
        assert!(done.stderr().contains("3 tasks (1-3) had not ended"));
    }
    let mut worker = sandbox.start(&["worker", "--slots", "1"]);
    until("the last has failed", || sandbox.state("3") == "failed");
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended(), Some(0));
    // Ended tasks are printed even after an unfinished one.
    let done = sandbox.run(&["wait", "1-3", "--timeout", "0"]);
    assert_eq!((done.code(), done.stdout().lines().count()), (4, 2));
    assert!(done.stderr().contains("1 task (1) had not ended"));
    assert_eq!(sandbox.run(&["wait", "2", "--timeout", "1h"]).code(), 0);
    assert_eq!(sandbox.run(&["wait", "2-3", "--timeout", "0"]).code(), 1);
    let done = sandbox.run(&["wait", "1", "--timeout", "0", "-o", "json"]);
    assert_eq!(done.code(), 4);
    assert!(
        done.stderr().contains("\"kind\":\"busy\""),
        "{}",
        done.stderr()
    );
}

pub fn a_closed_terminal_stops_a_worker_as_a_request_does() {
    let sandbox = Sandbox::new();
    sandbox.ok(&[
        "add-task",
        "slow",
        "touch began; while ! test -e go; do sleep 0.02; done",
    ]);
    let mut worker = sandbox.start(&["worker", "--slots", "1"]);
    until("it runs", || sandbox.path("began").exists());
    worker.signal(Signal::HUP);
    sandbox.write("go", "");
    assert_eq!(worker.ended(), Some(0));
    assert_eq!(sandbox.state("1"), "succeeded");
    // A worker that was started with SIGHUP ignored outlives its terminal.
    sandbox.ok(&["add-task", "second", "touch again"]);
    let mut worker = sandbox.start_after("trap '' HUP", &["worker"]);
    until("it works", || sandbox.path("again").exists());
    worker.signal(Signal::HUP);
    sandbox.ok(&["add-task", "third", "touch third"]);
    until("it goes on", || sandbox.path("third").exists());
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended(), Some(0));
}

pub fn reading_verbs_create_no_folder() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "a", "true"]);
    let folder = sandbox.path("queue.db.d");
    std::fs::remove_dir_all(&folder).unwrap();
    for verb in ["status", "list", "workers", "doctor"] {
        sandbox.ok(&[verb]);
    }
    for verb in ["show", "log", "why"] {
        sandbox.ok(&[verb, "1"]);
    }
    sandbox.ok(&["prune", "--dry-run", "--keep", "0"]);
    let mut wait = sandbox.start(&["wait", "1"]);
    until("it waits", || {
        wait.stderr().contains("no worker is running")
    });
    assert!(!folder.exists());
    sandbox.ok(&["cancel", "1"]);
    assert_eq!(wait.ended(), Some(1));
}

pub fn wait_ends_when_a_task_is_cancelled() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["add-task", "never", "true", "--delay", "1h"]);
    let mut wait = sandbox.start(&["wait", "last"]);
    until("it waits", || {
        wait.stderr().contains("no worker is running")
    });
    sandbox.ok(&["cancel", "1"]);
    assert_eq!(wait.ended(), Some(1));
}

pub fn cancel_ends_a_running_task_with_all_its_processes() {
    let sandbox = Sandbox::new();
    let _worker = sandbox.start(&["worker", "--slots", "1", "--grace", "30s"]);
    sandbox.ok(&["add-task", "family", "sleep 1000 & echo $! > child; wait"]);
    until("the child runs", || sandbox.read("child").ends_with('\n'));
    let child = Process::of(sandbox.read("child").trim().parse().unwrap());
    assert_eq!(sandbox.ok(&["cancel", "1"]), "Asked to stop task 1\n");
    assert_eq!(sandbox.run(&["wait", "1"]).code(), 1);
    assert_eq!(sandbox.state("1"), "cancelled");
    until("the child is gone", || !child.is_running());
}

pub fn a_stopped_worker_lets_its_task_finish_and_takes_no_other() {
    let sandbox = Sandbox::new();
    let finish = "touch begun; while ! test -e go; do sleep 0.02; done; touch done";
    sandbox.ok(&["add-task", "first", finish]);
    sandbox.ok(&["add-task", "second", "true"]);
    let mut worker = sandbox.start(&["worker", "--slots", "1", "--grace", "100s"]);
    until("the task runs", || sandbox.path("begun").exists());
    worker.signal(Signal::TERM);
    until("it reports the stop", || {
        worker.stderr().contains("stopping")
    });
    sandbox.write("go", "");
    assert_eq!(worker.ended(), Some(0));
    assert!(sandbox.path("done").exists());
    assert_eq!(
        (sandbox.state("1"), sandbox.state("2")),
        ("succeeded".to_owned(), "queued".to_owned())
    );
}

pub fn a_background_worker_is_registered_before_its_pid_is_printed() {
    let sandbox = Sandbox::new();
    let pid: u32 = sandbox
        .ok(&["worker", "--background", "--slots", "2"])
        .trim()
        .parse()
        .unwrap();
    let worker = Process::of(pid);
    let workers = sandbox.json(&["workers"]);
    assert_eq!(
        (&workers[0]["pid"], &workers[0]["alive"]),
        (&pid.into(), &true.into())
    );
    assert_eq!(
        sandbox.run(&["add-task", "a", "true"]).stderr(),
        "",
        "a worker is running"
    );
    sandbox.ok(&["wait", "1"]);
    let raw = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    assert_eq!(
        rustix::process::getsid(Some(raw)).unwrap(),
        raw,
        "it has a session of its own"
    );
    rustix::process::kill_process(raw, Signal::TERM).unwrap();
    until("it has ended", || !worker.is_running());
    assert!(
        sandbox
            .read("queue.db.d/worker.log")
            .contains("task 1 (a) succeeded")
    );
    assert_eq!(sandbox.ok(&["workers", "-o", "json"]), "[]\n");
}

pub fn a_background_worker_that_cannot_start_says_why() {
    let sandbox = Sandbox::new();
    let done = sandbox.run(&["worker", "--background", "--queue", "  "]);
    assert_eq!(done.code(), 2);
    assert!(
        done.stderr().contains("a queue's name must not be empty"),
        "{}",
        done.stderr()
    );
}

pub fn the_name_of_a_task_cannot_change_the_command_of_a_hook() {
    let sandbox = Sandbox::new();
    let name = "$(touch oops); `touch oops`; \" touch oops '";
    sandbox.ok(&["add-task", name, "exit 4", "--max-attempts", "1"]);
    sandbox.ok(&["add-task", "fine", "true"]);
    let hook =
        "printf '%s\\n' \"$QUEUE_TASK_ID|$QUEUE_TASK_NAME|$QUEUE_STATE|$QUEUE_EXIT_CODE\" >> hooks";
    let done = sandbox.run(&["worker", "--drain", "--slots", "1", "--on-finish", hook]);
    assert_eq!(done.code(), 1);
    let mut lines: Vec<String> = sandbox.read("hooks").lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            format!("1|{name}|failed|4"),
            "2|fine|succeeded|0".to_owned()
        ]
    );
    assert!(!sandbox.path("oops").exists());
}

pub fn a_draining_worker_waits_for_retries() {
    let sandbox = Sandbox::new();
    let command = "echo x >> tries; test $(wc -l < tries) -ge 2";
    sandbox.ok(&["add-task", "second time", command, "--backoff", "50ms"]);
    assert_eq!(sandbox.run(&["worker", "--drain"]).code(), 0);
    assert_eq!(sandbox.json(&["show", "1"])["attempt"], 2);
}

pub fn a_hook_runs_for_a_task_that_failed_because_its_worker_died() {
    let sandbox = Sandbox::new();
    sandbox.ok(&[
        "add-task",
        "fatal",
        "touch begun; exec sleep 1000",
        "--max-crashes",
        "1",
    ]);
    let mut worker = sandbox.start(&["worker", "--slots", "1"]);
    until("the task runs", || sandbox.path("begun").exists());
    worker.signal(Signal::KILL);
    worker.ended();
    let hook = "echo $QUEUE_TASK_ID $QUEUE_TASK_NAME $QUEUE_STATE >> hooks";
    sandbox.run(&["worker", "--drain", "--on-finish", hook]);
    assert_eq!(sandbox.read("hooks"), "1 fatal failed\n");
}
