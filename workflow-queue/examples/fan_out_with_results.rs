//! A map and a reduce: typed handlers work on the parts, and a last one reads all their results.
//!
//! ```text
//! cargo run -p workflow-queue --example fan_out_with_results
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::num::NonZeroU32;
use std::sync::Arc;

use workflow_queue::{
    Condition, Handlers, NewTask, Queue, Worker, WorkerOptions, WorkflowQueue, WorkflowTask,
};

const POEMS: [&str; 3] = ["the sea is grey", "the sky is", "a gull"];

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A real program has a path of its own; this folder is deleted with the example.
    let folder = tempfile::tempdir()?;
    let queue = Arc::new(WorkflowQueue::open(folder.path().join("poems.db"))?);

    // One call: every part, and the sum that depends on all of them. Tasks of one call refer to each
    // other by their positions.
    let mut sum = WorkflowTask::from(NewTask::handler_json("sum", &())?);
    let mut tasks = Vec::new();
    for (position, poem) in POEMS.iter().enumerate() {
        tasks.push(NewTask::handler_json("count", poem)?.into());
        sum = sum.after(position, Condition::Success);
    }
    tasks.push(sum);
    let added = queue.enqueue_workflow(tasks)?;

    let handlers = Handlers::of(&queue)
        .register_json::<String, usize>("count", |_, poem| Ok(poem.split(' ').count()))
        .register_json::<(), usize>("sum", |task, ()| {
            let mut words = 0;
            for input in task.inputs()? {
                words += input.json::<usize>()?;
            }
            Ok(words)
        });
    let two = NonZeroU32::new(2).ok_or("two is not zero")?;
    let options = WorkerOptions::new(two).handlers(handlers).drain(true);
    Worker::new(Arc::clone(&queue), options)?.run(&mut ())?;

    let sum = added.last().ok_or("four tasks were added")?.id;
    let words: usize = queue.output(sum)?.ok_or("a result is kept")?.json()?;
    println!("{words} words");
    assert_eq!(words, 9);
    Ok(())
}
