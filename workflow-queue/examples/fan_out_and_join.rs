//! A task that learns the number of parts while it runs: it adds a task for each part, and a last
//! task waits for all of them.
//!
//! ```text
//! cargo run -p workflow-queue --example fan_out_and_join
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::num::NonZeroU32;
use std::sync::Arc;

use workflow_queue::{
    Condition, DependentTasks, Done, Handlers, NewTask, Queue, State, Worker, WorkerOptions,
    WorkflowQueue, WorkflowTask,
};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A real program has a path of its own; this folder is deleted with the example.
    let folder = tempfile::tempdir()?;
    let queue = Arc::new(WorkflowQueue::open(folder.path().join("book.db"))?);

    // Tasks of one call may name each other. All of them are enqueued, or none is.
    let join = WorkflowTask::from(NewTask::handler("join", b""));
    queue.enqueue_workflow(vec![
        NewTask::handler("split", b"one two three").into(),
        join.after("split", Condition::Success),
    ])?;

    let handlers = Handlers::of(&queue)
        .register("split", |task| {
            let chapters = std::str::from_utf8(task.payload())?.split(' ');
            let parts = chapters.map(|chapter| {
                // A repeated attempt adds its parts again; with a key, parts that exist are not
                // added twice.
                let part = NewTask::shell(chapter, format!("echo chapter {chapter}"))
                    .key(format!("{chapter} of {}", task.id()));
                // Every dependent of `split` now waits for this part, too.
                WorkflowTask::from(part).before(DependentTasks::OfSpawner, Condition::Success)
            });
            let added = task.spawn(parts.collect())?;
            println!("split into {}", added.len());
            Ok(Done::Succeeded)
        })
        .register("join", |task| {
            // The dependencies of this task, with their output.
            for input in task.inputs()? {
                let wrote = input.output.is_some();
                println!("joining {} (has output: {wrote})", input.task.name);
            }
            Ok(Done::Succeeded)
        });

    // The parts are commands; a worker of a program runs commands only on request.
    let two = NonZeroU32::new(2).ok_or("two is not zero")?;
    let options = WorkerOptions::new(two)
        .handlers(handlers)
        .commands(true)
        .drain(true);
    Worker::new(Arc::clone(&queue), options)?.run(&mut ())?;

    assert_eq!(queue.stats()?.count(State::Succeeded), 5);
    Ok(())
}
