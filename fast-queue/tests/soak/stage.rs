//! What every soak stands on: a file, workers on it, waiting for conditions.

use std::fs::File;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use fast_queue::{FastQueue, Queue, State, WorkerId};
use rustix::process::{Pid, Signal, kill_process};

/// How long a condition may take before the soak gives up on it. Far above what any needs, so
/// that only a hang meets it.
const PATIENCE: Duration = Duration::from_secs(300);

/// A database in a folder of its own.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    path: PathBuf,
    pub(crate) queue: FastQueue,
}

impl Stage {
    /// An empty database, under a name that a careless shell line would trip over.
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("soak 'ü' $x.db");
        let queue = FastQueue::open(&path).unwrap();
        Self {
            folder,
            path,
            queue,
        }
    }

    /// A file beside the database.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program on this database.
    pub(crate) fn program(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fast-queue"));
        command.args(arguments).arg("--db").arg(&self.path);
        command
    }

    /// Runs a verb to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.program(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Starts a worker and returns once it is registered; its log goes to a file beside the
    /// database.
    pub(crate) fn worker(&self, slots: u32) -> Worker {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.file("workers.log"))
            .unwrap();
        let child = self
            .program(&["worker", "--slots", &slots.to_string()])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut id = None;
        wait_until("the worker is registered", || {
            let workers = self.queue.workers().unwrap();
            let own = workers.iter().find(|worker| worker.pid == child.id());
            id = own.map(|worker| worker.id);
            id.is_some()
        });
        Worker {
            child,
            id: id.unwrap(),
        }
    }

    /// How many tasks have not ended.
    pub(crate) fn unfinished(&self) -> u64 {
        let stats = self.queue.stats().unwrap();
        State::ALL
            .into_iter()
            .filter(|state| !state.is_terminal())
            .map(|state| stats.count(state))
            .sum()
    }

    /// Processes that carry this database's mark: commands, and whatever they left behind.
    pub(crate) fn marked_processes(&self) -> Vec<String> {
        let mut mark = b"QUEUE_DB=".to_vec();
        mark.extend(self.path.as_os_str().as_encoded_bytes());
        let mut found = Vec::new();
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            if environment
                .split(|byte| *byte == 0)
                .any(|variable| variable == mark)
            {
                let command = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
                found.push(format!(
                    "{}: {}",
                    entry.path().display(),
                    String::from_utf8_lossy(&command)
                ));
            }
        }
        found
    }

    /// What the workers logged, for the message of a failed check.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.file("workers.log")).unwrap_or_default()
    }
}

/// A worker process; killed with the value, so that a failed soak leaves none behind.
pub(crate) struct Worker {
    child: Child,
    id: WorkerId,
}

impl Worker {
    /// Its name.
    pub(crate) fn id(&self) -> WorkerId {
        self.id
    }

    /// Ends it as a crash of the machine's memory would, and returns when.
    pub(crate) fn kill(mut self) -> u128 {
        let at = wall_nanos();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        at
    }

    /// Asks it to stop and returns whether it left without an error.
    pub(crate) fn stop(mut self) -> bool {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, Signal::TERM).unwrap();
        self.child.wait().unwrap().success()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // After `kill` or `stop` there is nothing left to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nanoseconds since 1970, on the clock of `date +%s%N`.
#[expect(
    clippy::disallowed_methods,
    reason = "compared with what `date` prints in the commands"
)]
pub(crate) fn wall_nanos() -> u128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_nanos()
}

/// A moment to measure real time from.
#[expect(clippy::disallowed_methods, reason = "a soak takes real time")]
pub(crate) fn started() -> Instant {
    Instant::now()
}

/// Waits until `condition` holds.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = started();
    while !condition() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        pause();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the pause between two looks at a condition"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(2));
}
