//! A worker on a machine that lacks processes or descriptors to start a command. Each failed start
//! counted as a failure of its task: 29 of 40 tasks were `failed` within three seconds.

use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use super::program::{Running, Sandbox};
use crate::skipped;

/// A user without other processes, so that the limit on processes is exact.
const USER: u32 = 61_236;

/// Number of tasks; each has one attempt and starts no further process.
const TASKS: usize = 60;

fn enqueue(sandbox: &Sandbox) {
    let line = "{\"command\":\"exec sleep 0.1\",\"max_attempts\":1}\n";
    sandbox.enqueue(&line.repeat(TASKS));
}

fn all_succeeded(sandbox: &Sandbox, worker: &mut Running, short: &str) {
    assert_eq!(worker.ended(), Some(0), "{}", worker.stderr());
    let tasks = sandbox.json(&["list", "--state", "succeeded", "--limit", "100"]);
    let tasks = tasks.as_array().unwrap();
    assert_eq!(tasks.len(), TASKS);
    assert!(tasks.iter().all(|task| task["attempt"] == 1));
    assert!(worker.stderr().contains(short), "{}", worker.stderr());
}

pub fn too_few_descriptors_fail_no_task() {
    let sandbox = Sandbox::new();
    enqueue(&sandbox);
    let words = ["worker", "--drain", "--slots", "40"];
    let mut worker = sandbox.start_after("ulimit -n 64", &words);
    all_succeeded(&sandbox, &mut worker, "no file descriptors left");
}

pub fn too_few_processes_fail_no_task() {
    if !geteuid().is_root() {
        return skipped("only root can run a worker as a user without other processes");
    }
    let sandbox = Sandbox::new();
    enqueue(&sandbox);
    let owned = Command::new("chown")
        .args(["-R", &format!("{USER}:{USER}"), sandbox.folder()])
        .status();
    assert!(owned.unwrap().success());
    let program = sandbox.command(&["worker", "--drain", "--slots", "40"]);
    let mut limited = Command::new("prlimit");
    limited
        .arg("--nproc=24")
        .arg(program.get_program())
        .args(program.get_args())
        .current_dir(sandbox.folder())
        .env(super::program::variable("DB"), sandbox.path("queue.db"))
        .stdin(Stdio::null())
        .uid(USER)
        .gid(USER);
    if Command::new("prlimit").output().is_err() {
        return skipped("there is no prlimit");
    }
    let mut worker = Sandbox::begin(&mut limited);
    all_succeeded(&sandbox, &mut worker, "too many processes");
}
