//! A worker that calls functions of this program for the tasks of a workflow, and the end of the
//! other tasks when one fails.
//!
//! ```text
//! cargo run -p workflow-queue --example worker_with_handlers
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::num::NonZeroU32;
use std::sync::Arc;

use workflow_queue::{
    Condition, Done, HandlerError, Handlers, NewTask, Queue, State, Worker, WorkerOptions,
    WorkflowQueue, WorkflowTask,
};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A real program has a path of its own; this folder is deleted with the example.
    let folder = tempfile::tempdir()?;
    let queue = Arc::new(WorkflowQueue::open(folder.path().join("release.db"))?);

    let task = |name: &str| WorkflowTask::from(NewTask::handler(name, b""));
    let added = queue.enqueue_workflow(vec![
        task("build"),
        task("test").after("build", Condition::Success),
        task("publish").after("test", Condition::Success),
        task("alarm").after("test", Condition::Failure),
    ])?;

    let handlers = Handlers::of(&queue)
        .register("build", |_| Ok(Done::Succeeded))
        .register("test", |_| {
            // An error is retried up to `max_attempts` times; a fatal one is not.
            Err(HandlerError::from("the tests found a bug").fatal())
        })
        .register("publish", |_| Ok(Done::Succeeded))
        .register("alarm", |task| {
            println!("task {} rings the bell", task.id());
            Ok(Done::Succeeded)
        });
    let options = WorkerOptions::new(NonZeroU32::MIN)
        .handlers(handlers)
        .drain(true);
    Worker::new(Arc::clone(&queue), options)?.run(&mut ())?;

    // A task that can no longer run is skipped, never left waiting.
    let ends = [
        State::Succeeded,
        State::Failed,
        State::Skipped,
        State::Succeeded,
    ];
    for (task, end) in added.iter().zip(ends) {
        let task = queue.get(task.id)?.ok_or("it is kept until it is pruned")?;
        println!("{}: {:?}", task.name, task.state);
        assert_eq!(task.state, end);
    }
    // Every attempt has a row of its own with its end.
    let attempts = queue.attempts(added[1].id)?;
    assert_eq!(attempts.len(), 1);
    Ok(())
}
