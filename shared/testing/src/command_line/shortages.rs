//! What a worker does where the machine is short of what a command needs to start. A start that
//! failed for it was the task's verdict: of 40 tasks 29 were `failed` within three seconds.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use super::program::{Place, Running};
use crate::skipped;

/// A user that nobody is, with so many processes as its limit says.
const USER: u32 = 61_236;

/// Tasks that have one attempt each, and start no process of their own.
const TASKS: usize = 60;

fn enqueue(place: &Place) {
    let line = "{\"command\":\"exec sleep 0.1\",\"max_attempts\":1}\n";
    place.enqueue(&line.repeat(TASKS));
}

fn all_succeeded(place: &Place, worker: &mut Running, short: &str) {
    assert_eq!(worker.ended(), Some(0), "{}", worker.stderr());
    let tasks = place.json(&["list", "--state", "succeeded", "--limit", "100"]);
    let tasks = tasks.as_array().unwrap();
    assert_eq!(tasks.len(), TASKS);
    assert!(tasks.iter().all(|task| task["attempt"] == 1));
    assert!(worker.stderr().contains(short), "{}", worker.stderr());
}

pub fn too_few_descriptors_fail_no_task() {
    let place = Place::new();
    enqueue(&place);
    let words = ["worker", "--drain", "--slots", "40"];
    let mut worker = place.start_after("ulimit -n 64", &words);
    all_succeeded(&place, &mut worker, "no file descriptors left");
}

pub fn too_few_processes_fail_no_task() {
    if !geteuid().is_root() {
        return skipped("only root can run a worker as a user without other processes");
    }
    let place = Place::new();
    enqueue(&place);
    let owned = Command::new("chown")
        .args(["-R", &format!("{USER}:{USER}"), place.folder()])
        .status();
    assert!(owned.unwrap().success());
    let program = place.command(&["worker", "--drain", "--slots", "40"]);
    let mut limited = Command::new("prlimit");
    limited
        .arg("--nproc=24")
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(place.folder())
        .env(super::program::variable("DB"), place.path("queue.db"))
        .stdin(Stdio::null())
        .uid(USER)
        .gid(USER);
    if Command::new("prlimit").output().is_err() {
        return skipped("there is no prlimit");
    }
    let mut worker = Place::begin(&mut limited);
    all_succeeded(&place, &mut worker, "too many processes");
}
