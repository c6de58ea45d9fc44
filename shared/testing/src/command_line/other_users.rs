//! Processes of a task that have become another user's, as by `sudo`: the worker cannot end them
//! and reports that, and the task is not run beside them.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::Signal;
use serde_json::Value;

use super::orphans::{kill, process, stop};
use super::program::{Process, Running, Sandbox, until};
use crate::not_permitted;

/// A copy of `setpriv` that becomes root, as `sudo` does. It is removed afterwards.
struct Sudo(PathBuf);

impl Sudo {
    /// Makes the copy and lets a user who is not root work in the sandbox; prints a note if that is
    /// impossible.
    fn new(sandbox: &Sandbox) -> Option<Self> {
        let skips = |why: &str| {
            not_permitted(why);
            None
        };
        if !rustix::process::geteuid().is_root() {
            return skips("only root can make a program that becomes root");
        }
        chown(sandbox.path(""), Some(NOBODY), Some(NOBODY)).unwrap();
        let works = |command: &mut Command| {
            let done = as_nobody(command).output();
            done.is_ok_and(|done| done.status.success())
        };
        if !works(Command::new(super::program::path()).arg("--version")) {
            return skips("another user cannot run the program where it lies");
        }
        let path = std::env::var("PATH").unwrap();
        let mut folders = path.split(':').map(Path::new);
        let program = folders.find_map(|folder| {
            let program = folder.join("setpriv");
            program.exists().then_some(program)
        });
        // Temporary files may lie where no program becomes root.
        let folder = sandbox.path("");
        let of = folder.file_name().unwrap().to_string_lossy();
        let name = format!("setpriv-as-root{of}");
        let copy = Self(Path::new(super::program::path()).with_file_name(name));
        std::fs::copy(program.unwrap(), &copy.0).unwrap();
        std::fs::set_permissions(&copy.0, Permissions::from_mode(0o4755)).unwrap();
        if !works(Command::new("sh").args(["-c", &copy.run("true")])) {
            return skips("no program becomes root where the tests' program lies");
        }
        Some(copy)
    }

    fn run(&self, command: &str) -> String {
        let copy = self.0.display();
        format!("{copy} --reuid=0 --regid=0 --clear-groups {command}")
    }
}

impl Drop for Sudo {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

const NOBODY: u32 = 65_534;

/// The command as a user who is not root.
fn as_nobody(command: &mut Command) -> Command {
    let mut other = Command::new("setpriv");
    other
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(command.get_program())
        .args(command.get_args())
        .envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null());
    if let Some(folder) = command.get_current_dir() {
        other.current_dir(folder);
    }
    other
}

/// A user who is not root, with a sandbox, whose tasks leave processes of root.
struct UnprivilegedUser {
    sandbox: Sandbox,
    sudo: Sudo,
}

impl UnprivilegedUser {
    /// Makes it; `None`, with a note, if that is impossible.
    fn new() -> Option<Self> {
        let sandbox = Sandbox::new();
        let sudo = Sudo::new(&sandbox)?;
        Some(Self { sandbox, sudo })
    }

    fn start(&self, words: &[&str]) -> Running {
        Sandbox::begin(&mut as_nobody(&mut self.sandbox.command(words)))
    }

    fn ok(&self, words: &[&str]) -> String {
        let done = as_nobody(&mut self.sandbox.command(words))
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    /// Adds a task that notes each run, then starts a process of root and waits for it.
    fn add(&self, options: &[&str]) {
        let sleep = self.sudo.run("sleep 600");
        let command =
            format!("echo run >> runs; {sleep} & echo $! > pid.part; mv pid.part pid; wait");
        self.ok(&[&["add-task", "sudo", &command][..], options].concat());
    }

    /// The process of root that the task has started.
    fn child(&self) -> Process {
        let child = process(&self.sandbox, "pid");
        until("it is root's", || child.arguments() == "sleep 600 ");
        child
    }

    /// Ends that process, as root can.
    fn end(&self, child: &Process) {
        std::fs::remove_file(self.sandbox.path("pid")).unwrap();
        child.kill();
    }

    fn runs(&self) -> usize {
        self.sandbox.read("runs").lines().count()
    }

    fn state(&self) -> String {
        let shown = self.ok(&["show", "1", "-o", "json"]);
        let shown: Value = serde_json::from_str(&shown).unwrap();
        shown["state"].as_str().unwrap().to_owned()
    }

    /// Asks a worker twice to stop, and waits until it has ended with the exit code for unrecorded
    /// outcomes. Returns its standard error.
    fn ended_at_once(worker: &mut Running) -> String {
        worker.signal(Signal::TERM);
        until("it reacts to the signal", || {
            worker.stderr().contains("stopping")
        });
        worker.signal(Signal::TERM);
        assert_eq!(worker.ended(), Some(5), "{}", worker.stderr());
        worker.stderr()
    }
}

/// Checks that the text has a sentence about the process that outlived its worker, and does not
/// mention the file.
fn names(said: &str, child: &Process) {
    let named = format!(
        "but not pid {} of task 1, which has become another",
        child.pid()
    );
    assert!(said.contains(&named), "{said}");
    assert!(said.contains("its user or root has to end it"), "{said}");
    assert!(!said.contains("can be written"), "{said}");
}

/// A child that had become another user's, as by `sudo`, survived the recovery of its worker
/// unreported, and its task ran beside it.
pub fn a_task_is_not_run_beside_its_process_of_another_user() {
    let Some(user) = UnprivilegedUser::new() else {
        return;
    };
    user.add(&[]);
    let mut first = user.start(&["worker", "--slots", "1"]);
    let child = user.child();
    kill(&mut first);
    let second = user.start(&["worker", "--slots", "1"]);
    until("it is reported", || {
        second.stderr().contains("which this user cannot end")
    });
    assert_eq!(user.runs(), 1, "{}", second.stderr());
    assert!(child.is_running());
    let why = user.ok(&["why", "1"]);
    assert!(
        why.contains("is alive, which this user cannot end"),
        "{why}"
    );
    user.end(&child);
    until("it runs again", || user.runs() == 2);
    user.child().kill();
    stop(second);
}

/// A child that had become another user's survived the timeout of its task and the stop of its
/// worker unreported, and the task ran beside it. Later the stop was reported as a file that cannot
/// be written.
pub fn a_process_that_cannot_be_ended_at_a_timeout_or_stop_is_reported_and_holds_its_task() {
    let Some(user) = UnprivilegedUser::new() else {
        return;
    };
    // On a busy machine a run may time out before root's process is there.
    user.add(&[
        "--timeout",
        "1s",
        "--backoff",
        "0s",
        "--max-attempts",
        "100",
    ]);
    let mut first = user.start(&["worker", "--slots", "1", "--grace", "1s"]);
    let child = user.child();
    until("it is reported", || {
        first.stderr().contains("was ended, but its process")
    });
    let runs = user.runs();
    // The next run is stopped instead.
    user.end(&child);
    until("it runs again", || user.runs() > runs);
    let child = user.child();
    let runs = user.runs();
    names(&UnprivilegedUser::ended_at_once(&mut first), &child);
    assert!(child.is_running());
    let second = user.start(&["worker", "--slots", "1"]);
    until("it is reported", || {
        second.stderr().contains("which this user cannot end")
    });
    assert_eq!(user.runs(), runs, "{}", second.stderr());
    user.end(&child);
    until("it runs once more", || user.runs() > runs);
    user.child().kill();
    stop(second);
}

/// The worker waited silently for a command that had itself become another user's: it only checked
/// processes that outlive a command.
pub fn a_command_of_another_user_is_reported_at_a_stop_and_not_run_twice() {
    let Some(user) = UnprivilegedUser::new() else {
        return;
    };
    let sleep = user.sudo.run("sleep 600");
    let command = format!("echo run >> runs; echo $$ > pid.part; mv pid.part pid; exec {sleep}");
    user.ok(&["add-task", "sudo", &command]);
    let mut first = user.start(&["worker", "--slots", "1", "--grace", "1s"]);
    let child = user.child();
    let said = UnprivilegedUser::ended_at_once(&mut first);
    assert!(said.contains("was ended, but its process"), "{said}");
    names(&said, &child);
    let second = user.start(&["worker", "--slots", "1"]);
    until("it is reported", || {
        second.stderr().contains("which this user cannot end")
    });
    assert_eq!((user.runs(), user.state()), (1, "running".to_owned()));
    user.end(&child);
    until("it runs again", || user.runs() == 2);
    user.child().kill();
    stop(second);
}

pub fn a_cancelled_task_waits_for_its_process_of_another_user() {
    let Some(user) = UnprivilegedUser::new() else {
        return;
    };
    user.add(&[]);
    let first = user.start(&["worker", "--slots", "1", "--grace", "0s"]);
    let child = user.child();
    user.ok(&["cancel", "1"]);
    let told = format!("task 1 was ended, but its process {} is alive", child.pid());
    until("it is reported", || first.stderr().contains(&told));
    assert!(
        first
            .stderr()
            .contains("until the user of that process or root has ended"),
        "{}",
        first.stderr()
    );
    assert_eq!(user.state(), "running", "{}", first.stderr());
    user.end(&child);
    until("it is cancelled", || user.state() == "cancelled");
    assert_eq!(user.runs(), 1, "{}", first.stderr());
    stop(first);
}
