//! The executor with real processes, threads and files.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(feature = "tokio")]
mod async_handlers;
mod commands;
mod endings;
mod handlers;
mod inputs;
mod orphans;
mod output;
mod usage;

use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use queue_core::clock::{Clock, SystemClock};
use queue_core::internals::executor::{End, Ended, Ending, Executor};
use queue_core::internals::log::LogReader;
use queue_core::output::{Chunk, Stream};
use queue_core::runtime::StopReason;
use queue_core::runtime::handlers::Handlers;
use queue_core::sidecar::Sidecar;
use queue_core::{Claim, ClaimedTask, Now, Output, TaskId, TaskOptions, Work, WorkerId};
use queue_testing::processes::is_running;

/// How long a condition may take to come true before a test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

/// An executor over a folder of its own.
struct Bench {
    executor: Executor,
    folder: tempfile::TempDir,
    worker: WorkerId,
    tasks: i64,
    ended: Vec<Ended>,
}

impl Bench {
    fn new() -> Self {
        Self::with(Handlers::new())
    }

    fn with(handlers: Handlers) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("tasks.db");
        let sidecar = Sidecar::of(&database);
        sidecar.create().unwrap();
        Self {
            executor: Executor::new(sidecar, &database, Arc::new(handlers)).unwrap(),
            folder,
            worker: WorkerId::from_bits(getrandom()),
            tasks: 0,
            ended: Vec::new(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn task(&mut self, work: Work) -> ClaimedTask {
        self.tasks += 1;
        let claim = Claim {
            task: TaskId(self.tasks),
            token: 1,
            worker: self.worker,
        };
        let mut task = ClaimedTask::new(claim, format!("task {}", self.tasks), work);
        task.options = TaskOptions::new().cwd(self.folder.path().to_str().unwrap());
        task
    }

    /// Starts a command that stays young, however slow the machine: its output is handed over.
    fn start(&mut self, work: Work) -> Claim {
        let task = self.task(work);
        self.executor.start(&task, young()).unwrap();
        task.claim
    }

    /// Starts a command that is so old already that its output goes to a log.
    fn old_shell(&mut self, command: &str) -> Claim {
        let task = self.task(Work::Shell(command.to_owned()));
        let mut now = SystemClock.now();
        now.boot.0 -= 1000;
        self.executor.start(&task, now).unwrap();
        task.claim
    }

    /// Starts a command that ages as usual, as one has to that writes more than a pipe holds.
    fn flood(&mut self, command: &str) -> Claim {
        let task = self.task(Work::Shell(command.to_owned()));
        self.executor.start(&task, SystemClock.now()).unwrap();
        task.claim
    }

    fn shell(&mut self, command: &str) -> Claim {
        self.start(Work::Shell(command.to_owned()))
    }

    /// Waits for the end of what runs under `claim`.
    fn end_of(&mut self, claim: Claim) -> Ended {
        let deadline = SystemClock.now().boot.after(PATIENCE);
        loop {
            if let Some(at) = self.ended.iter().position(|ended| ended.claim == claim) {
                return self.ended.swap_remove(at);
            }
            let now = SystemClock.now();
            assert!(now.boot < deadline, "{claim:?} does not end");
            self.executor
                .wait(now, Some(deadline), &mut self.ended, &mut Vec::new())
                .unwrap();
        }
    }

    fn run(&mut self, command: &str) -> Ended {
        let claim = self.shell(command);
        self.end_of(claim)
    }

    /// Runs the executor until `condition` holds.
    fn until(&mut self, mut condition: impl FnMut() -> bool) {
        let deadline = SystemClock.now().boot.after(PATIENCE);
        while !condition() {
            let now = SystemClock.now();
            assert!(now.boot < deadline, "the condition does not come true");
            let soon = now.boot.after(Duration::from_millis(5));
            self.executor
                .wait(now, Some(soon), &mut self.ended, &mut Vec::new())
                .unwrap();
        }
    }

    fn log(&self, claim: Claim) -> PathBuf {
        Sidecar::of(&self.path("tasks.db")).log(claim.task, 1)
    }
}

/// A start that leaves a command an hour before it is old.
fn young() -> Now {
    let mut now = SystemClock.now();
    now.boot = now.boot.after(Duration::from_secs(3600));
    now
}

fn getrandom() -> u64 {
    use queue_core::random::{Random, SystemRandom};
    SystemRandom::new().unwrap().bits()
}

/// What was written to each stream; omissions are shown as `<n>`.
fn texts(output: &Output) -> (String, String) {
    let mut texts = (Vec::new(), Vec::new());
    for chunk in output.chunks() {
        collect(&chunk.unwrap(), &mut texts);
    }
    text_pair(&texts)
}

fn stdout(ended: &Ended) -> String {
    ended
        .output
        .as_ref()
        .map(|output| texts(output).0)
        .unwrap_or_default()
}

fn log_texts(path: &Path) -> (String, String) {
    let mut texts = (Vec::new(), Vec::new());
    let mut reader = LogReader::new(path.to_owned());
    assert!(reader.read(|chunk| collect(&chunk, &mut texts)).unwrap());
    text_pair(&texts)
}

fn collect(chunk: &Chunk<'_>, (out, err): &mut (Vec<u8>, Vec<u8>)) {
    match chunk {
        Chunk::Written { stream, bytes } => match stream {
            Stream::Stdout => out.extend_from_slice(bytes),
            Stream::Stderr => err.extend_from_slice(bytes),
        },
        Chunk::Omitted(bytes) => out.extend(format!("<{bytes}>").bytes()),
        Chunk::GivenUp => out.extend(b"<given up>"),
        _ => panic!("an unknown chunk: {chunk:?}"),
    }
}

fn text_pair((out, err): &(Vec<u8>, Vec<u8>)) -> (String, String) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    (text(out), text(err))
}

/// Ends a process that a command has left.
fn end(pid: &str) {
    let pid = rustix::process::Pid::from_raw(pid.trim().parse().unwrap());
    rustix::process::kill_process(pid.unwrap(), rustix::process::Signal::KILL).unwrap();
}
