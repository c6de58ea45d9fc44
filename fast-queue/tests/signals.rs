//! Signals that stop a worker, in a process that has other uses for them.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fast_queue::{Done, FastQueue, Handlers, Queue, Worker, WorkerOptions};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::raise;

/// Signals that this process catches, as the system shows them.
fn caught() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    u64::from_str_radix(mask.unwrap().trim(), 16).unwrap()
}

fn bit(signal: i32) -> u64 {
    1 << (signal - 1)
}

/// Flag that another library sets when the signal comes.
fn flag(signal: i32) -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(signal, Arc::clone(&flag)).unwrap();
    flag
}

/// One test, since dispositions belong to the process.
#[test]
fn a_guard_gives_signals_their_previous_dispositions_back() {
    let folder = tempfile::tempdir().unwrap();
    let queue = Arc::new(FastQueue::open(folder.path().join("q.db")).unwrap());
    assert_eq!(queue.stats().unwrap().total(), 0);
    let handlers = Handlers::new().register("nothing", |_| Ok(Done::Succeeded));
    let options = WorkerOptions::new(NonZeroU32::MIN).handlers(handlers);
    let worker = Worker::new(queue, options).unwrap();
    let stopper = worker.stopper();
    let requests = || stopper.requests(Duration::ZERO);

    let others = flag(SIGINT);
    let others = || others.swap(false, Ordering::SeqCst);
    let before = caught();
    assert_eq!(before & bit(SIGTERM), 0);
    for round in 1..=3 {
        let guard = stopper.on_signals().unwrap();
        let second = stopper.on_signals().unwrap();
        drop(guard);
        assert_ne!(caught() & bit(SIGTERM), 0);
        raise(SIGTERM).unwrap();
        raise(SIGINT).unwrap();
        assert_eq!(requests(), 2 * round);
        assert!(others());
        drop(second);
        assert_eq!(caught(), before);
        raise(SIGINT).unwrap();
        assert!(others());
        assert_eq!(requests(), 2 * round);
    }

    // A handler that came during a guard's life stays.
    let guard = stopper.on_signals().unwrap();
    let late = flag(SIGTERM);
    let late = || late.swap(false, Ordering::SeqCst);
    raise(SIGTERM).unwrap();
    assert_eq!((requests(), late()), (7, true));
    drop(guard);
    raise(SIGTERM).unwrap();
    assert_eq!((requests(), late()), (7, true));
    drop(worker);
}
