//! What commands are given, where that fails.

use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};

use queue_core::Clock;
use queue_core::internals::executor::End;
use queue_core::internals::inputs::{InputSource, Inputs};
use queue_core::{Claim, Edge, Result, SystemClock, TaskId, Work};

use crate::{Bench, PATIENCE};

/// Panics on two threads at once.
struct Broken(Barrier);

impl InputSource for Broken {
    fn edges(&self, _: TaskId) -> Result<Vec<Edge>> {
        self.0.wait();
        panic!("planted");
    }

    fn prepare(&self, _: Claim, _: &[Edge], _: &dyn Fn(u64) -> bool) -> Result<Option<Inputs>> {
        Ok(None)
    }

    fn sweep(&self) -> Result<()> {
        Ok(())
    }
}

/// The thread that starts commands beside the worker's own used to end with it, and the worker
/// waited for ever for what it was to start.
#[test]
fn a_start_that_panics_is_refused_and_others_go_on() {
    let (send, started) = channel();
    std::thread::spawn(move || {
        let mut bench = Bench::new();
        let mut tasks = Vec::new();
        for _ in 0..2 {
            let mut task = bench.task(Work::Shell("true".to_owned()));
            task.depends = true;
            tasks.push(task);
        }
        let broken = Arc::new(Broken(Barrier::new(2)));
        bench.executor = bench.executor.with_inputs(broken);
        let refused = bench.executor.start_all(tasks, SystemClock.now());
        send.send((refused, bench.executor.running(), bench.run("true").end))
            .unwrap();
    });
    let (refused, running, end) = started.recv_timeout(PATIENCE).unwrap();
    assert_eq!(refused.len(), 2);
    for (_, problem) in refused {
        assert!(problem.to_string().contains("planted"), "{problem}");
    }
    assert_eq!((running, end), (0, End::Exited(0)));
}
