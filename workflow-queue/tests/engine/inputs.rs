//! Commands that depend on many tasks, run by an executor.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use queue_core::claim::{Claim, ClaimedTask};
use queue_core::clock::{Clock, SystemClock};
use queue_core::error::Result;
use queue_core::internals::executor::{End, Ended, Ending, Executor};
use queue_core::internals::inputs::{InputSource, Inputs};
use queue_core::outcome::Outcome;
use queue_core::queue::Queue;
use queue_core::runtime::StopReason;
use queue_core::runtime::handlers::Handlers;
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge};
use workflow_queue::WorkflowTask;

use crate::{Bench, Workflows, task};

/// Longest wait for a condition before a test fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A source that hands out outputs only when the test allows it.
struct Held {
    bench: Arc<Bench>,
    began: Sender<()>,
    go: Mutex<Receiver<()>>,
}

impl InputSource for Held {
    fn edges(&self, task: TaskId) -> Result<Vec<Edge>> {
        self.bench.queue.dependencies(task)
    }

    fn prepare(
        &self,
        claim: Claim,
        edges: &[Edge],
        go_on: &dyn Fn(u64) -> bool,
    ) -> Result<Option<Inputs>> {
        self.began.send(()).unwrap();
        self.go.lock().unwrap().recv_timeout(PATIENCE).unwrap();
        self.bench.queue.prepare(claim, edges, go_on)
    }

    fn sweep(&self) -> Result<()> {
        self.bench.queue.sweep()
    }
}

/// An executor and a join of a thousand tasks, all of which but the first wrote nothing.
struct Join {
    executor: Executor,
    bench: Arc<Bench>,
    task: ClaimedTask,
    began: Receiver<()>,
    go: Sender<()>,
}

impl Join {
    fn new() -> Self {
        let bench = Arc::new(Bench::default());
        let mut tasks: Vec<_> = (1..=1000).map(|one| task(&format!("part {one}"))).collect();
        let seen = "ls $QUEUE_INPUTS | wc -l; cat $QUEUE_INPUTS/*.out; echo $QUEUE_INPUT_1";
        let mut join = WorkflowTask::shell("join", seen);
        for part in &tasks {
            join = join.after(part.task.name.as_str(), Condition::Success);
        }
        tasks.push(join);
        bench.flow(tasks);
        for (place, part) in bench.claim(1000).into_iter().enumerate() {
            let output = (place == 0).then_some("o6\nfirst\n");
            bench.settle_with(part.claim, Outcome::Succeeded, output);
        }
        let task = bench.claim(1).pop().unwrap();
        assert!(task.depends);
        let (begins, began) = channel();
        let (go, goes) = channel();
        let held = Held {
            bench: Arc::clone(&bench),
            began: begins,
            go: Mutex::new(goes),
        };
        let sidecar = bench.queue.sidecar().clone();
        sidecar.create().unwrap();
        let handlers = Arc::new(Handlers::new());
        let executor = Executor::new(sidecar, bench.queue.path(), handlers).unwrap();
        Self {
            executor: executor.with_inputs(Arc::new(held)),
            bench,
            task,
            began,
            go,
        }
    }

    /// Runs the executor until an execution has ended or is ready.
    fn next(&mut self) -> (Vec<Ended>, Vec<ClaimedTask>) {
        let mut ended = Vec::new();
        let now = SystemClock.now();
        let until = now.boot.after(PATIENCE);
        self.executor
            .wait(now, Some(until), &mut ended, &mut Vec::new())
            .unwrap();
        (ended, self.executor.take_ready())
    }

    fn start(&mut self, task: &ClaimedTask) {
        // Its output has just been written, so it is handed over.
        let mut now = SystemClock.now();
        now.boot = now.boot.after(Duration::from_secs(3600));
        assert_eq!(self.executor.start(task, now), Ok(()));
    }
}

#[test]
fn other_commands_run_and_end_while_a_wide_join_is_prepared() {
    let mut join = Join::new();
    join.start(&join.task.clone());
    join.began.recv_timeout(PATIENCE).unwrap();
    let mut other = join.task.clone();
    other.claim.task = TaskId(5000);
    other.depends = false;
    other.work = queue_core::Work::Shell("true".to_owned());
    join.start(&other);
    let (ended, ready) = join.next();
    assert_eq!(ended[0].claim, other.claim);
    assert_eq!((ended.len(), ready.len()), (1, 0));
    assert_eq!(join.executor.running(), 1);

    join.go.send(()).unwrap();
    let (ended, ready) = join.next();
    assert_eq!((ended, ready.len()), (Vec::new(), 1));
    join.start(&ready[0]);
    let (ended, _) = join.next();
    assert_eq!(
        (ended[0].claim, &ended[0].end),
        (join.task.claim, &End::Exited(0))
    );
    let output = ended[0].output.as_ref().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.0),
        "o17\n2001\nfirst\nfirst\n"
    );
    assert_eq!(join.executor.running(), 0);
}

#[test]
fn a_wide_join_can_be_ended_before_it_starts_and_leaves_no_files() {
    for ready in [false, true] {
        let mut join = Join::new();
        join.start(&join.task.clone());
        join.began.recv_timeout(PATIENCE).unwrap();
        if ready {
            join.go.send(()).unwrap();
            assert_eq!(join.next().1.len(), 1);
        }
        join.executor
            .signal(join.task.claim, Ending::Terminate, StopReason::Shutdown);
        if !ready {
            join.go.send(()).unwrap();
        }
        let (ended, ready) = join.next();
        assert_eq!((ended.len(), ready.len()), (1, 0));
        assert_eq!(ended[0].end, End::Unstarted);
        assert_eq!(join.executor.running(), 0);
        drop(join.executor);
        let inputs = std::fs::read_dir(join.bench.queue.sidecar().inputs()).unwrap();
        assert_eq!(inputs.count(), 0);
    }
}

#[test]
fn a_task_that_cannot_be_prepared_is_not_started() {
    let mut join = Join::new();
    let sidecar = join.bench.queue.sidecar().clone();
    std::fs::write(sidecar.inputs(), "in the way").unwrap();
    join.start(&join.task.clone());
    join.go.send(()).unwrap();
    let (_, ready) = join.next();
    let problem = join.executor.start(&ready[0], SystemClock.now());
    let problem = problem.unwrap_err();
    assert!(
        problem
            .to_string()
            .contains("cannot be passed to it: cannot write to"),
        "{problem}"
    );
    assert_eq!(join.executor.running(), 0);
}
