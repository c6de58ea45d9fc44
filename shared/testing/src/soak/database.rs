//! A database of a soak with its workers.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use queue_core::{Queue, State, WorkerId};
use rustix::process::{Pid, Signal, kill_process};

use super::journal::Kill;
use crate::patience::until;
use crate::processes::{arguments, marked};

/// A database, the program that works on it, and an engine that reads it.
pub struct SoakDatabase<Q> {
    path: PathBuf,
    program: PathBuf,
    pub queue: Q,
}

impl<Q: Queue> SoakDatabase<Q> {
    /// A database in that folder, with a name that needs quotes in a shell.
    pub fn new(folder: &Path, program: &Path, open: impl FnOnce(&Path) -> Q) -> Self {
        let path = folder.canonicalize().unwrap().join("soak 'ü' $x.db");
        Self {
            queue: open(&path),
            program: program.to_owned(),
            path,
        }
    }

    /// A file beside the database.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.with_file_name(name)
    }

    /// The program on this database.
    pub fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--db").arg(&self.path);
        command.stdin(Stdio::null());
        command
    }

    /// Starts a worker and returns once it is registered; its log goes to a file beside the
    /// database.
    pub fn worker(&self, arguments: &[&str]) -> WorkerProcess {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.file("workers.log"))
            .unwrap();
        let child = self
            .program(&["worker"])
            .args(arguments)
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut id = None;
        until("the worker is registered", || {
            let workers = self.queue.workers().unwrap();
            let own = workers.iter().find(|worker| worker.pid == child.id());
            id = own.map(|worker| worker.id);
            id.is_some()
        });
        WorkerProcess {
            child,
            id: id.unwrap(),
        }
    }

    /// Number of tasks that have not ended.
    pub fn unfinished(&self) -> u64 {
        let stats = self.queue.stats().unwrap();
        State::ALL
            .into_iter()
            .filter(|state| !state.is_terminal())
            .map(|state| stats.count(state))
            .sum()
    }

    /// Waits until every task has ended. The time limit starts again with each end.
    pub fn finish(&self) {
        let mut before = self.unfinished();
        while before > 0 {
            let mut now = before;
            until("another task has ended", || {
                now = self.unfinished();
                now < before
            });
            before = now;
        }
    }

    /// Processes that have this database's mark, each with its arguments.
    pub fn marked_processes(&self) -> Vec<String> {
        let named = |pid| format!("{pid}: {}", arguments(pid));
        marked(&self.path).unwrap().into_iter().map(named).collect()
    }

    /// The log of the workers, for the message of a failed check.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.file("workers.log")).unwrap_or_default()
    }
}

/// A worker process, killed when dropped, so that a failed soak leaves none behind.
pub struct WorkerProcess {
    child: Child,
    id: WorkerId,
}

impl WorkerProcess {
    /// Its id.
    pub fn id(&self) -> WorkerId {
        self.id
    }

    /// Ends it with SIGKILL.
    pub fn kill(mut self) -> Kill {
        let at = since_boot();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Kill {
            worker: self.id,
            at,
        }
    }

    /// Asks it to stop and returns true if it ended without an error.
    pub fn stop(mut self) -> bool {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // After `kill` or `stop` the process has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Hundredths of a second since the machine started, from the same file as in the commands.
fn since_boot() -> u64 {
    let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
    let up = uptime.split(' ').next().unwrap();
    up.replace('.', "").parse().unwrap()
}
