//! Commands whose logs a hanging disk does not take.

use std::sync::Arc;
use std::time::Duration;

use super::super::super::log_thread::MOST_BYTES;
use super::super::{BUFFER_BYTES, End, Ended, Ending, Executor};
use crate::claim::{Claim, ClaimedTask, WorkerId};
use crate::clock::{Clock, SystemClock};
use crate::options::TaskOptions;
use crate::output::Chunk;
use crate::runtime::handlers::Handlers;
use crate::runtime::log::LogReader;
use crate::runtime::stop_reason::StopReason;
use crate::sidecar::Sidecar;
use crate::task::{TaskId, Work};

/// Time that a condition may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
const FLOOD_BYTES: u64 = 32 << 20;

struct Bench {
    executor: Executor,
    sidecar: Sidecar,
    tasks: i64,
    ended: Vec<Ended>,
    _folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("tasks.db");
        let sidecar = Sidecar::of(&database);
        sidecar.create().unwrap();
        let handlers = Arc::new(Handlers::new());
        Self {
            executor: Executor::new(sidecar.clone(), &database, handlers).unwrap(),
            sidecar,
            tasks: 0,
            ended: Vec::new(),
            _folder: folder,
        }
    }

    /// Starts a command that counts as old, so that all its output goes to its log.
    fn start(&mut self, command: &str) -> Claim {
        self.tasks += 1;
        let task = ClaimedTask {
            claim: Claim {
                task: TaskId(self.tasks),
                token: 1,
                worker: WorkerId(7),
            },
            queue: "default".into(),
            name: String::new(),
            work: Work::Shell(command.to_owned()),
            priority: 0,
            attempt: 1,
            options: TaskOptions::default(),
            depends: false,
        };
        let mut now = SystemClock.now();
        now.boot.0 -= 1_000;
        self.executor.start(&task, now).unwrap();
        task.claim
    }

    /// Runs the executor until something holds.
    fn until(&mut self, mut holds: impl FnMut(&mut Self) -> bool) {
        let deadline = SystemClock.now().boot.after(PATIENCE);
        while !holds(self) {
            let now = SystemClock.now();
            assert!(now.boot < deadline, "in vain");
            let soon = now.boot.after(Duration::from_millis(5));
            let ended = &mut self.ended;
            self.executor
                .wait(now, Some(soon), ended, &mut Vec::new())
                .unwrap();
        }
    }

    fn end_of(&mut self, claim: Claim) -> End {
        self.until(|bench| bench.ended.iter().any(|ended| ended.claim == claim));
        let mut ended = self.ended.iter();
        ended
            .find(|ended| ended.claim == claim)
            .unwrap()
            .end
            .clone()
    }

    /// Bytes of a command's output that its log accounts for, written or omitted.
    fn logged(&self, claim: Claim) -> u64 {
        let mut bytes = 0;
        let mut reader = LogReader::new(self.sidecar.log(claim.task, 1));
        let read = reader.read(|chunk| match chunk {
            Chunk::Written { bytes: written, .. } => bytes += written.len() as u64,
            Chunk::Omitted(omitted) => bytes += omitted,
            Chunk::GivenUp => {}
        });
        read.map_or(0, |_| bytes)
    }
}

/// Logs were written by the worker's main thread: a disk that did not answer delayed every command,
/// every end and every stop request.
#[test]
fn a_disk_that_takes_no_log_delays_no_other_command() {
    let mut bench = Bench::new();
    let disk = bench.executor.log_thread.hang();
    let logged = bench.start("echo out");
    let other = bench.start("true");
    assert_eq!(bench.end_of(other), End::Exited(0));
    let endless = bench.start("exec sleep 600");
    bench
        .executor
        .signal(endless, Ending::Kill, StopReason::Shutdown);
    assert_eq!(bench.end_of(endless), End::Signalled(9));
    drop(disk);
    assert_eq!(bench.end_of(logged), End::Exited(0));
    bench.until(|bench| bench.logged(logged) == 4);
}

#[test]
fn a_command_ends_before_its_log_if_the_disk_hangs() {
    let mut bench = Bench::new();
    let disk = bench.executor.log_thread.hang();
    let logged = bench.start("echo out");
    assert_eq!(bench.end_of(logged), End::Exited(0));
    assert_eq!(bench.logged(logged), 0);
    drop(disk);
    bench.until(|bench| bench.logged(logged) == 4);
}

#[test]
fn output_that_waits_for_a_disk_is_bounded_and_none_is_lost() {
    let mut bench = Bench::new();
    let disk = bench.executor.log_thread.hang();
    let flood = bench.start(&format!("head -c {FLOOD_BYTES} /dev/zero"));
    bench.until(|bench| !bench.executor.held.is_empty());
    let waiting = bench.executor.log_thread.waiting();
    assert!(waiting <= MOST_BYTES + BUFFER_BYTES, "{waiting}");
    drop(disk);
    assert_eq!(bench.end_of(flood), End::Exited(0));
    bench.until(|bench| bench.logged(flood) == FLOOD_BYTES);
}
