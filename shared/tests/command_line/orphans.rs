//! Whose process is this? What a killed worker's tasks left is ended before they run again; what is
//! nobody's, or somebody else's, is left alone.

use rustix::process::Signal;

use super::program::{Place, Process, Running, until};

/// Writes its process into `name`.
fn writes_itself(name: &str) -> String {
    format!("echo $$ > {name}.part; mv {name}.part {name}")
}

fn process(place: &Place, name: &str) -> Process {
    let has_begun = || place.path(name).exists();
    until("it says who it is", has_begun);
    Process::of(place.read(name).trim().parse().unwrap())
}

fn kill(worker: &mut Running) {
    worker.signal(Signal::KILL);
    worker.ended();
}

/// A command that cleans its environment carried no mark, so it was not found after its worker was
/// killed, and two copies of it ran at once. Its worker records its session now.
#[test]
fn a_command_that_cleans_its_environment_is_ended_before_it_runs_again() {
    let place = Place::new();
    place.ok(&[
        "add-task",
        "clean",
        "echo $$ >> runs; exec env -i sleep 600",
    ]);
    let mut first = place.start(&["worker", "--slots", "1"]);
    until("it runs", || place.read("runs").ends_with('\n'));
    let run = Process::of(place.read("runs").trim().parse().unwrap());
    until("it has no mark", || run.arguments() == "sleep 600 ");
    kill(&mut first);
    let second = place.start(&["worker", "--slots", "1"]);
    until("it runs again", || place.read("runs").lines().count() == 2);
    assert!(!run.is_running(), "two copies run: {}", second.stderr());
    until("it is told", || {
        second.stderr().contains("1 processes ended")
    });
}

/// Whatever carried the mark of a dead worker was ended, so that a daemon left by a task that had
/// succeeded long ago died with the worker that had happened to start it.
#[test]
fn what_an_ended_task_left_running_outlives_its_worker() {
    let place = Place::new();
    let daemon = format!("{}; exec sleep 600", writes_itself("daemon"));
    let waits = "until test -e daemon; do sleep 0.02; done";
    let starts = format!("setsid sh -c '{daemon}' > /dev/null 2>&1 & {waits}");
    place.ok(&["add-task", "starts a daemon", &starts]);
    let held = format!("{}; exec sleep 600", writes_itself("held"));
    place.ok(&["add-task", "held", &held]);
    let mut first = place.start(&["worker", "--slots", "1"]);
    let (daemon, held) = (process(&place, "daemon"), process(&place, "held"));
    until("the first has ended", || place.state("1") == "succeeded");
    std::fs::remove_file(place.path("held")).unwrap();
    kill(&mut first);
    let _second = place.start(&["worker", "--slots", "1"]);
    until("the second runs again", || place.path("held").exists());
    assert!(!held.is_running());
    assert!(daemon.is_running(), "a daemon of an ended task was ended");
    daemon.kill();
}
