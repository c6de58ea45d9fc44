//! Zombies: workers stopped for longer than their lease that then report an outcome.

use rustix::process::Signal;

use queue_core::sqlite::Durability;

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::{Stopwatch, wait_until};
use crate::process::rounds::rounds;
use crate::process::scratch::{Running, describe_exit};
use crate::process::{Program, ScratchFolder};

/// Rounds that run at the same time: each mostly waits.
const AT_ONCE: usize = 10;

/// A worker of workflow-queue that claims one task at a time, under the shortest lease.
const WORKER: [&str; 5] = ["worker", "1", "--lease", "1s", "--drain"];

/// Command whose first run waits for the file `go` and then fails for good; later runs succeed at once.
const COMMAND: &str = "! test -e second || exit 0; echo $$ > first; \
    while ! test -e go; do sleep 0.02; done; exit 7";

/// Stops `count` workers beyond their leases and resumes each one after another worker has finished its
/// task. Returns the number of late outcomes and those that were not refused.
///
/// # Errors
/// When a process cannot be started or does not reach the expected state.
pub fn run(count: usize) -> Result<(Figure, Vec<String>)> {
    let (watch, commit) = (Stopwatch::start(), commit());
    let faults = rounds(&vec![(); count], AT_ONCE, |()| round())?;
    let figure = Figure {
        what: "verdicts of workers that were stopped beyond their lease".to_owned(),
        count: count as u64,
        violations: faults.len() as u64,
        seconds: watch.elapsed().as_secs_f64(),
        commit,
        ..Figure::default()
    };
    Ok((figure, faults))
}

fn round() -> Result<Vec<String>> {
    let scratch = ScratchFolder::new(None, Durability::Full)?;
    let program = Program::Workflow;
    scratch.ok(
        program,
        &["enqueue", "once", COMMAND, "--max-attempts", "1"],
    )?;
    let first = Running(scratch.command(program, &WORKER)?.spawn()?);
    wait_until("the first run begins", || {
        Ok(scratch.file("first").exists())
    })?;
    stop_outside_a_write(&first, &scratch)?;
    for name in ["second", "go"] {
        std::fs::write(scratch.file(name), "")?;
    }
    let mut faults = Vec::new();
    let second = scratch.run(program, &WORKER)?;
    if second.status.code() != Some(0) {
        faults.push(format!(
            "the second worker ended with {}",
            describe_exit(&second)
        ));
    }
    first.signal(Signal::CONT);
    let first = first.output()?;
    if first.status.code() != Some(6) {
        faults.push(format!(
            "the stopped worker ended with {}",
            describe_exit(&first)
        ));
    }
    let reader = scratch.reader()?;
    let verdict = reader.query_row(include_str!("../queries/verdict.sql"), [], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Option<i64>>(1)?))
    })?;
    if verdict != (4, Some(0)) {
        faults.push(format!("the task's state and exit code are {verdict:?}"));
    }
    faults.extend(scratch.broken(program)?);
    Ok(faults)
}

/// Stops a worker while it does not hold the writer lock: a worker stopped inside a write would block
/// every other writer.
fn stop_outside_a_write(worker: &Running, scratch: &ScratchFolder) -> Result<()> {
    use std::os::unix::fs::MetadataExt;
    let lock = std::fs::metadata(scratch.file("queue.db.d/writer.lock"))?;
    let (pid, lock) = (worker.0.id(), format!(":{} ", lock.ino()));
    wait_until("the worker is stopped between two writes", || {
        worker.signal(Signal::STOP);
        let threads = std::fs::read_dir(format!("/proc/{pid}/task"))?.flatten();
        let mut stats = threads.map(|thread| std::fs::read_to_string(thread.path().join("stat")));
        let all_stopped = stats.all(|stat| stat.is_ok_and(|stat| stat.contains(") T ")));
        let holder = format!(" {pid} ");
        let holds =
            |line: &str| line.contains(&holder) && line.contains(&lock) && !line.contains("->");
        // While other locks come and go, one list may pass over a lock that is held.
        let locks = (0..8).map(|_| std::fs::read_to_string("/proc/locks"));
        let writes = locks
            .collect::<std::io::Result<String>>()?
            .lines()
            .any(holds);
        if all_stopped && writes {
            worker.signal(Signal::CONT);
        }
        Ok(all_stopped && !writes)
    })
}
