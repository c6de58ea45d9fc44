//! Workers and waiters as long-lived processes.

use rustix::process::Signal;

use super::program::{Place, Process, until};

pub fn wait_ends_when_the_tasks_have_and_says_whether_all_succeeded() {
    let place = Place::new();
    place.ok(&[
        "add-task",
        "slow",
        "while ! test -e go; do sleep 0.02; done",
    ]);
    place.ok(&["add-task", "broken", "exit 3", "--max-attempts", "1"]);
    let mut good = place.start(&["wait", "1"]);
    let mut both = place.start(&["wait", "1-2"]);
    let _worker = place.start(&["worker", "--slots", "2"]);
    until("the slow task runs", || place.state("1") == "running");
    assert!(good.child.try_wait().unwrap().is_none());
    place.write("go", "");
    assert_eq!(good.ended(), Some(0));
    assert_eq!(both.ended(), Some(1));
    until("both ends are told", || both.stdout().lines().count() == 2);
    assert!(
        both.stdout()
            .contains("Task 2 (broken) failed: exit code 3")
    );
}

pub fn wait_with_a_timeout_says_what_has_not_ended_with_a_code_of_its_own() {
    let place = Place::new();
    place.ok(&["add-task", "never", "true", "--delay", "1h"]);
    place.ok(&["add-task", "fine", "true"]);
    place.ok(&["add-task", "broken", "exit 3", "--max-attempts", "1"]);
    for (timeout, ids) in [("0", "all"), ("50ms", "1-3")] {
        let done = place.run(&["wait", ids, "--timeout", timeout]);
        assert_eq!((done.code(), done.stdout()), (4, String::new()));
        assert!(done.stderr().contains("3 tasks (1-3) had not ended"));
    }
    let mut worker = place.start(&["worker", "--slots", "1"]);
    until("the last has failed", || place.state("3") == "failed");
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended(), Some(0));
    // What has ended is told, whatever stands before it.
    let done = place.run(&["wait", "1-3", "--timeout", "0"]);
    assert_eq!((done.code(), done.stdout().lines().count()), (4, 2));
    assert!(done.stderr().contains("1 task (1) had not ended"));
    assert_eq!(place.run(&["wait", "2", "--timeout", "1h"]).code(), 0);
    assert_eq!(place.run(&["wait", "2-3", "--timeout", "0"]).code(), 1);
    let done = place.run(&["wait", "1", "--timeout", "0", "-o", "json"]);
    assert_eq!(done.code(), 4);
    assert!(
        done.stderr().contains("\"kind\":\"busy\""),
        "{}",
        done.stderr()
    );
}

pub fn a_closed_terminal_stops_a_worker_as_a_request_does() {
    let place = Place::new();
    place.ok(&[
        "add-task",
        "slow",
        "touch began; while ! test -e go; do sleep 0.02; done",
    ]);
    let mut worker = place.start(&["worker", "--slots", "1"]);
    until("it runs", || place.path("began").exists());
    worker.signal(Signal::HUP);
    place.write("go", "");
    assert_eq!(worker.ended(), Some(0));
    assert_eq!(place.state("1"), "succeeded");
    // One that was started to outlive its terminal does.
    place.ok(&["add-task", "second", "touch again"]);
    let mut worker = place.start_after("trap '' HUP", &["worker"]);
    until("it works", || place.path("again").exists());
    worker.signal(Signal::HUP);
    place.ok(&["add-task", "third", "touch third"]);
    until("it goes on", || place.path("third").exists());
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended(), Some(0));
}

pub fn what_only_reads_makes_no_folder() {
    let place = Place::new();
    place.ok(&["add-task", "a", "true"]);
    let folder = place.path("queue.db.d");
    std::fs::remove_dir_all(&folder).unwrap();
    for verb in ["status", "list", "workers", "doctor"] {
        place.ok(&[verb]);
    }
    for verb in ["show", "log", "why"] {
        place.ok(&[verb, "1"]);
    }
    place.ok(&["prune", "--dry-run", "--keep", "0"]);
    let mut wait = place.start(&["wait", "1"]);
    until("it waits", || {
        wait.stderr().contains("no worker is running")
    });
    assert!(!folder.exists());
    place.ok(&["cancel", "1"]);
    assert_eq!(wait.ended(), Some(1));
}

pub fn wait_hears_of_a_task_that_is_called_off() {
    let place = Place::new();
    place.ok(&["add-task", "never", "true", "--delay", "1h"]);
    let mut wait = place.start(&["wait", "last"]);
    until("it waits", || {
        wait.stderr().contains("no worker is running")
    });
    place.ok(&["cancel", "1"]);
    assert_eq!(wait.ended(), Some(1));
}

pub fn cancel_ends_a_running_task_with_all_its_processes() {
    let place = Place::new();
    let _worker = place.start(&["worker", "--slots", "1", "--grace", "30s"]);
    place.ok(&["add-task", "family", "sleep 1000 & echo $! > child; wait"]);
    until("the child runs", || place.read("child").ends_with('\n'));
    let child = Process::of(place.read("child").trim().parse().unwrap());
    assert_eq!(place.ok(&["cancel", "1"]), "Asked to stop task 1\n");
    assert_eq!(place.run(&["wait", "1"]).code(), 1);
    assert_eq!(place.state("1"), "cancelled");
    until("the child is gone", || !child.is_running());
}

pub fn a_stopped_worker_lets_its_task_finish_and_takes_no_other() {
    let place = Place::new();
    let finish = "touch begun; while ! test -e go; do sleep 0.02; done; touch done";
    place.ok(&["add-task", "first", finish]);
    place.ok(&["add-task", "second", "true"]);
    let mut worker = place.start(&["worker", "--slots", "1", "--grace", "100s"]);
    until("the task runs", || place.path("begun").exists());
    worker.signal(Signal::TERM);
    until("it says so", || worker.stderr().contains("stopping"));
    place.write("go", "");
    assert_eq!(worker.ended(), Some(0));
    assert!(place.path("done").exists());
    assert_eq!(
        (place.state("1"), place.state("2")),
        ("succeeded".to_owned(), "queued".to_owned())
    );
}

pub fn a_worker_in_the_background_is_there_when_its_pid_is_printed() {
    let place = Place::new();
    let pid: u32 = place
        .ok(&["worker", "--background", "--slots", "2"])
        .trim()
        .parse()
        .unwrap();
    let worker = Process::of(pid);
    let workers = place.json(&["workers"]);
    assert_eq!(
        (&workers[0]["pid"], &workers[0]["alive"]),
        (&pid.into(), &true.into())
    );
    assert_eq!(
        place.run(&["add-task", "a", "true"]).stderr(),
        "",
        "a worker is running"
    );
    place.ok(&["wait", "1"]);
    let raw = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    assert_eq!(
        rustix::process::getsid(Some(raw)).unwrap(),
        raw,
        "it has a session of its own"
    );
    rustix::process::kill_process(raw, Signal::TERM).unwrap();
    until("it has ended", || !worker.is_running());
    assert!(
        place
            .read("queue.db.d/worker.log")
            .contains("task 1 (a) succeeded")
    );
    assert_eq!(place.ok(&["workers", "-o", "json"]), "[]\n");
}

pub fn a_background_worker_that_cannot_start_says_why() {
    let place = Place::new();
    let done = place.run(&["worker", "--background", "--queue", "  "]);
    assert_eq!(done.code(), 2);
    assert!(
        done.stderr().contains("a queue's name must not be empty"),
        "{}",
        done.stderr()
    );
}

pub fn what_a_task_is_called_cannot_change_what_a_hook_runs() {
    let place = Place::new();
    let name = "$(touch oops); `touch oops`; \" touch oops '";
    place.ok(&["add-task", name, "exit 4", "--max-attempts", "1"]);
    place.ok(&["add-task", "fine", "true"]);
    let hook =
        "printf '%s\\n' \"$QUEUE_TASK_ID|$QUEUE_TASK_NAME|$QUEUE_STATE|$QUEUE_EXIT_CODE\" >> hooks";
    let done = place.run(&["worker", "--drain", "--slots", "1", "--on-finish", hook]);
    assert_eq!(done.code(), 1);
    let mut lines: Vec<String> = place.read("hooks").lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            format!("1|{name}|failed|4"),
            "2|fine|succeeded|0".to_owned()
        ]
    );
    assert!(!place.path("oops").exists());
}

pub fn a_drained_worker_waits_for_retries_and_tells_of_failures() {
    let place = Place::new();
    let command = "echo x >> tries; test $(wc -l < tries) -ge 2";
    place.ok(&["add-task", "second time", command, "--backoff", "50ms"]);
    assert_eq!(place.run(&["worker", "--drain"]).code(), 0);
    assert_eq!(place.json(&["show", "1"])["attempt"], 2);
}

pub fn a_hook_hears_of_a_task_that_fails_because_its_worker_died() {
    let place = Place::new();
    place.ok(&[
        "add-task",
        "fatal",
        "touch begun; exec sleep 1000",
        "--max-crashes",
        "1",
    ]);
    let mut worker = place.start(&["worker", "--slots", "1"]);
    until("the task runs", || place.path("begun").exists());
    worker.signal(Signal::KILL);
    worker.ended();
    let hook = "echo $QUEUE_TASK_ID $QUEUE_TASK_NAME $QUEUE_STATE >> hooks";
    place.run(&["worker", "--drain", "--on-finish", hook]);
    assert_eq!(place.read("hooks"), "1 fatal failed\n");
}
