//! What a draining worker waits for, and what it leaves for a person.

use queue_testing::command_line::program::{Place, until};

fn drained(place: &Place, words: &[&str]) -> (i32, String) {
    let mut call = vec!["worker", "--drain"];
    call.extend_from_slice(words);
    let done = place.run(&call);
    (done.code(), done.stderr())
}

#[test]
fn a_limit_that_lets_nothing_run_is_named() {
    let place = Place::new();
    place.ok(&["enqueue", "keyed", "true", "--limit-key", "k"]);
    place.ok(&["limit", "--key", "k", "--concurrency", "0"]);
    let (code, said) = drained(&place, &[]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains(
            "limit k lets no task run, and 1 task waits for it; `workflow-queue limit` shows it"
        ),
        "{said}"
    );
    place.ok(&["limit", "--key", "k", "--remove"]);
    assert_eq!(drained(&place, &[]).0, 0);
    place.ok(&["limit", "--queue", "default", "--concurrency", "0"]);
    place.ok(&["enqueue", "one", "true"]);
    let (code, said) = drained(&place, &[]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("limit default lets no task run"), "{said}");
    place.ok(&[
        "limit",
        "--queue",
        "default",
        "--concurrency",
        "none",
        "--rate",
        "0/s",
    ]);
    assert_eq!(drained(&place, &[]).0, 1);
    place.ok(&["limit", "--queue", "default", "--remove"]);
    assert_eq!(drained(&place, &[]).0, 0);
}

/// Parked tasks counted as blocked, and a drain left them although their slot came free by itself.
#[test]
fn a_slot_that_another_queue_holds_is_waited_for() {
    let place = Place::new();
    place.ok(&["limit", "--key", "k", "--concurrency", "1"]);
    place.ok(&[
        "enqueue",
        "holds",
        "until test -e go; do sleep 0.02; done",
        "--limit-key",
        "k",
        "--queue",
        "other",
    ]);
    let mut other = place.start(&["worker", "--queue", "other", "--drain"]);
    until("the slot is taken", || place.state("1") == "running");
    place.ok(&["enqueue", "waits", "true", "--limit-key", "k"]);
    let mut worker = place.start(&["worker", "--drain"]);
    until("the worker is at rest", || {
        worker.stderr().contains("runs up to")
    });
    place.write("go", "");
    assert_eq!(
        (worker.ended(), other.ended()),
        (Some(0), Some(0)),
        "{}",
        worker.stderr()
    );
    assert_eq!(place.state("2"), "succeeded");
}

#[test]
fn a_task_that_waits_for_a_queue_without_a_worker_is_named() {
    let place = Place::new();
    place.ok(&["enqueue", "first", "true", "--queue", "other"]);
    place.ok(&["enqueue", "second", "true", "--after", "1"]);
    let (code, said) = drained(&place, &[]);
    assert_eq!(code, 1, "{said}");
    let hint = "1 task waits for task 1 of queue other, which no worker can run; start one with \
                `workflow-queue worker --queue other`";
    assert!(said.contains(hint), "{said}");
    assert_eq!(drained(&place, &["--queue", "other"]).0, 0);
    assert_eq!(drained(&place, &[]).0, 0);
    assert_eq!(place.state("2"), "succeeded");
}
