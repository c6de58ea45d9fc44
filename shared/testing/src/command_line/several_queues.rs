//! Workers of several queues.

use rustix::process::Signal;

use super::program::{Sandbox, name, until};

fn add(sandbox: &Sandbox, queue: &str, command: &str) {
    sandbox.ok(&["add-task", queue, command, "--queue", queue]);
}

fn count(sandbox: &Sandbox, state: &str) -> usize {
    let tasks = sandbox.json(&["list", "--state", state]);
    tasks.as_array().unwrap().len()
}

pub fn a_worker_runs_the_tasks_of_all_its_queues() {
    let sandbox = Sandbox::new();
    for queue in ["a", "b", "c", "d"] {
        add(&sandbox, queue, "true");
    }
    let done = sandbox.run(&[
        "worker", "--drain", "--queue", "a:1,b", "--queue", "c", "--slots", "4",
    ]);
    assert_eq!(done.code(), 0, "{}", done.stderr());
    let states = ["1", "2", "3", "4"].map(|id| sandbox.state(id));
    assert_eq!(states, ["succeeded", "succeeded", "succeeded", "queued"]);
    add(&sandbox, "later", "true");
    sandbox.ok(&["worker", "--drain", "--all-queues"]);
    assert_eq!(["4", "5"].map(|id| sandbox.state(id)), ["succeeded"; 2]);
}

/// Tasks of `run` have a worker of their own, with the options of that call.
pub fn a_worker_of_all_queues_leaves_the_lines_of_run() {
    let sandbox = Sandbox::new();
    sandbox.write("lines", "false\n");
    assert_eq!(sandbox.run(&["run", "lines"]).code(), 1);
    sandbox.ok(&["retry", "1"]);
    sandbox.ok(&["worker", "--drain", "--all-queues"]);
    assert_eq!(sandbox.state("1"), "queued");
}

pub fn slots_are_kept_for_a_queue_while_others_have_tasks() {
    let sandbox = Sandbox::new();
    for _ in 0..4 {
        add(&sandbox, "build", "until test -e go; do sleep 0.02; done");
    }
    let mut worker = sandbox.start(&["worker", "--queue", "mail:2,build", "--slots", "4"]);
    until("the shared slots are full", || {
        count(&sandbox, "running") == 2
    });
    add(&sandbox, "mail", "true");
    until("mail is sent", || sandbox.state("5") == "succeeded");
    assert_eq!(count(&sandbox, "running"), 2, "its slot is kept again");
    sandbox.write("go", "");
    until("all are built", || count(&sandbox, "succeeded") == 5);
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended(), Some(0));
}

pub fn more_kept_slots_than_there_are_is_a_usage_error() {
    let sandbox = Sandbox::new();
    add(&sandbox, "mail", "true");
    add(&sandbox, "build", "true");
    let said = |words: &[&str]| {
        let done = sandbox.run(words);
        assert_eq!(done.code(), 2, "{words:?}: {}", done.stderr());
        done.stderr()
    };
    let text = said(&["worker", "--queue", "mail:9", "--slots", "4"]);
    assert!(text.contains("9 slots are to be kept for queues, and the worker has 4"));
    let text = said(&[
        "worker",
        "--queue",
        "mail:9",
        "--slots",
        "4",
        "--background",
    ]);
    assert!(text.contains("9 slots are to be kept"), "{text}");
    let text = said(&["worker", "--queue", "mail:4,build", "--slots", "4"]);
    assert!(text.contains("queue build would never get one"), "{text}");
    let text = said(&["worker", "--queue", "mail:many:99999"]);
    assert!(text.contains("from 0 to 10000 slots"), "{text}");
    let text = said(&["worker", "--queue", "mail,,build"]);
    assert!(text.contains("a queue's name must not be empty"), "{text}");
    let text = said(&["systemd", "print", "--queue", "mail:9", "--slots", "4"]);
    assert!(text.contains("9 slots are to be kept"), "{text}");
}

pub fn the_queues_of_a_worker_are_shown_with_their_slots() {
    let sandbox = Sandbox::new();
    add(&sandbox, "mail", "true");
    let words = [
        "worker",
        "--queue",
        "mail:2,a:1:0",
        "--all-queues",
        "--slots",
        "4",
    ];
    let mut worker = sandbox.start(&words);
    until("its task has ended", || sandbox.state("1") == "succeeded");
    let workers = sandbox.json(&["workers"]);
    let expected =
        serde_json::json!([{"name": "mail", "reserved": 2}, {"name": "a:1", "reserved": 0}]);
    assert_eq!(
        (&workers[0]["queues"], &workers[0]["all_queues"]),
        (&expected, &true.into())
    );
    assert_eq!(workers[0]["queue"], "mail");
    assert!(sandbox.ok(&["workers"]).contains("all, mail:2, a:1"));
    let why = |id: &str| sandbox.ok(&["why", id]);
    sandbox.ok(&["pause", "mail"]);
    add(&sandbox, "mail", "true");
    assert!(
        !why("last").contains("no worker is running"),
        "{}",
        why("last")
    );
    worker.signal(Signal::TERM);
    assert_eq!(worker.ended(), Some(0));
    let text = why("last");
    assert!(
        text.contains(&format!("`{} worker --queue mail`", name())),
        "{text}"
    );
}

/// A name that ends like a number of slots was taken for one in the advice of `why`.
pub fn the_advice_for_a_name_that_ends_in_a_number_names_that_queue() {
    let sandbox = Sandbox::new();
    add(&sandbox, "mail:2", "true");
    let text = sandbox.ok(&["why", "1"]);
    assert!(text.contains("worker --queue mail:2:0`"), "{text}");
    sandbox.ok(&["worker", "--drain", "--queue", "mail:2:0"]);
    assert_eq!(sandbox.state("1"), "succeeded");
}

pub fn a_drain_names_the_obstacles_of_every_queue() {
    let sandbox = Sandbox::new();
    for queue in ["a", "b", "c"] {
        add(&sandbox, queue, "true");
    }
    sandbox.ok(&["pause", "a"]);
    sandbox.ok(&["pause", "b"]);
    for words in [&["--queue", "a,b,c"][..], &["--all-queues"]] {
        let done = sandbox.run(&[&["worker", "--drain"], words].concat());
        let text = done.stderr();
        assert_eq!(done.code(), 1, "{text}");
        for queue in ["a", "b"] {
            assert!(text.contains(&format!("queue {queue} is paused")), "{text}");
        }
    }
    assert_eq!(sandbox.state("3"), "succeeded");
}
