//! `test`: enqueues a small workflow for a first try.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use queue_core::cli::note;
use queue_core::cli::{Access, Context, Failure, Invocation, add_task, find, tasks, worker};
use queue_core::error::Result;
use queue_core::queue::Queue;
use queue_core::runtime::{Observer, Worker, WorkerEvent, WorkerOptions};
use queue_core::state::State;
use queue_core::task::{DEFAULT_QUEUE, NewTask, TaskId};
use queue_core::workflow::Condition;
use workflow_queue::{KeyScope, Settings, WorkflowQueue, WorkflowTask};

use super::tree::Tree;

/// Enqueue a small workflow: a setup, three tasks after it, and a delayed cleanup
///
/// The cleanup has a key, so that there is one at a time however often this is called.
#[derive(clap::Args, Debug)]
pub(crate) struct Arguments {
    /// Also run it to its end, in a queue of its own, and show it as a tree; the exit code is 1
    /// unless all of it succeeded
    #[arg(long)]
    run: bool,
}

/// The queue of a test that this process runs itself.
const OWN_QUEUE: &str = "workflow-test";
/// Delay of the cleanup.
const DELAY: Duration = Duration::from_secs(1);
/// Number of tasks that run at once.
const SLOTS: NonZeroU32 = NonZeroU32::new(4).expect("4 is not zero");

pub(crate) fn run(context: &Context<WorkflowQueue>, arguments: &Arguments) -> Result<(), Failure> {
    if arguments.run {
        return run_it(context);
    }
    let queue = context.open(Access::Create)?;
    let enqueued = queue.enqueue_workflow(workflow(&queue, DEFAULT_QUEUE))?;
    add_task::report_enqueued(context, &queue, &enqueued, "Enqueued")?;
    add_task::advise(context, &queue, DEFAULT_QUEUE, "")
}

fn workflow(queue: &WorkflowQueue, name: &str) -> Vec<WorkflowTask> {
    let task = |label: &str, says: &str| {
        WorkflowTask::from(NewTask::shell(label, format!("echo '{says}'")).queue(name))
    };
    let mut tasks = vec![task("setup", "Setting up")];
    for number in 1..=3 {
        let process = task(
            &format!("process-{number}"),
            &format!("Processing {number}"),
        );
        tasks.push(process.after("setup", Condition::Success));
    }
    let mut cleanup = task("cleanup", "Cleaning up");
    cleanup.task.run_at = Some(queue.now().wall.after(DELAY));
    cleanup.task.key = Some(format!("test-cleanup {name}").into_bytes());
    tasks.push(cleanup.settings(Settings::new().key_scope(KeyScope::WhileUnfinished)));
    tasks
}

/// Enqueues the workflow, runs it to its end and prints it as a tree.
fn run_it(context: &Context<WorkflowQueue>) -> Result<(), Failure> {
    let queue = Arc::new(context.open(Access::Serve)?);
    let options = WorkerOptions::new(SLOTS)
        .commands(true)
        .queues(OWN_QUEUE)
        .drain(true)
        .owns_process(true);
    let enqueued = queue.enqueue_workflow(workflow(&queue, OWN_QUEUE))?;
    let worker = Worker::new(Arc::clone(&queue), options)?;
    let _signals = worker.stopper().on_signals()?;
    worker.run(&mut EndReporter(context.invocation()))?;
    let ids: Vec<TaskId> = enqueued.iter().map(|one| one.id).collect();
    let tree = Tree::grow(&queue, &ids, false, usize::MAX)?;
    tree.show(context, queue.now().wall)?;
    let mut unsuccessful = 0;
    for id in ids {
        unsuccessful += u64::from(find(&*queue, id)?.state != State::Succeeded);
    }
    match unsuccessful {
        0 => Ok(()),
        number => Err(Failure::Tasks(format!(
            "{} did not succeed",
            tasks::count(number)
        ))),
    }
}

/// Observer that prints the end of each execution on standard error.
struct EndReporter(Invocation);

impl Observer for EndReporter {
    fn on(&mut self, event: &WorkerEvent) {
        if let Some(line) = worker::line(event, &self.0) {
            note(&line);
        }
    }
}
