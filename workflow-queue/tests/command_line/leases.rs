//! Workers under leases.

use rustix::process::Signal;

use crate::command_line::program::{Place, Process, until};

#[test]
fn a_worker_stopped_beyond_its_lease_loses_its_claim_and_says_so() {
    let place = Place::new();
    let command = "echo $$ >> starts; while ! test -e go; do sleep 0.02; done";
    place.ok(&["enqueue", "slow", command]);
    let worker = ["worker", "1", "--lease", "1s", "--drain"];
    let starts = || place.read("starts").lines().count();
    let mut first = place.start(&worker);
    until("the first run begins", || starts() == 1);
    let first_run = Process::of(place.read("starts").trim().parse().unwrap());
    first.signal(Signal::STOP);
    let mut second = place.start(&worker);
    until("the second run begins", || starts() == 2);
    assert!(
        !first_run.is_running(),
        "the first run was ended before the second began"
    );
    place.write("go", "");
    assert_eq!(second.ended(), Some(0));
    first.signal(Signal::CONT);
    assert_eq!(first.ended(), Some(6));
    until("it is told", || {
        first.stderr().contains("claims on 1 task were lost")
    });
    assert_eq!(place.state("1"), "succeeded");
    let attempts = place.json(&["attempts", "1"]);
    let states: Vec<_> = attempts
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["state"])
        .collect();
    assert_eq!(states, ["queued", "succeeded"], "one success is recorded");
}

#[test]
fn a_small_batch_does_not_leave_slots_empty() {
    let place = Place::new();
    for (own, other) in [("a", "b"), ("b", "a")] {
        let command = format!("touch {own}; while ! test -e {other}; do sleep 0.02; done");
        place.ok(&["enqueue", own, &command]);
    }
    assert_eq!(
        place
            .run(&["worker", "1", "--slots", "2", "--drain"])
            .code(),
        0
    );
}

#[test]
fn a_worker_in_the_background_has_the_batch_size_and_lease_it_was_asked_for() {
    let place = Place::new();
    let refused = place.run(&["worker", "--background", "--lease", "2d"]);
    assert_eq!(refused.code(), 2);
    assert!(refused.stderr().contains("one day"), "{}", refused.stderr());
    let pid = place.ok(&["worker", "3", "--background", "--lease", "2s"]);
    let workers = place.json(&["workers"]);
    assert_eq!(workers[0]["slots"], 3);
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    until("it has left", || {
        place.ok(&["workers", "-o", "json"]) == "[]\n"
    });
}
