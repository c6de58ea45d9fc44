//! Tasks that share a single resource: even if the worker has many slots, one of them runs at a
//! time, and other tasks are not held up.
//!
//! ```text
//! cargo run -p workflow-queue --example limits
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use workflow_queue::{
    Done, Handlers, Limit, NewTask, Queue, Settings, State, Worker, WorkerOptions, WorkflowQueue,
    WorkflowTask,
};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A real program has a path of its own; this folder is deleted with the example.
    let folder = tempfile::tempdir()?;
    let queue = Arc::new(WorkflowQueue::open(folder.path().join("printer.db"))?);

    // The limit is on a key, which tasks of any queue may have. It is stored in the file, so it
    // holds for every worker of every program.
    let printer = b"printer".to_vec();
    queue.set_limit(&Limit::key(printer.clone()).concurrency(1))?;

    let mut tasks = Vec::new();
    for page in ["one", "two", "three"] {
        let task = WorkflowTask::from(NewTask::handler("print", page));
        tasks.push(task.settings(Settings::new().limit_key(printer.clone())));
    }
    tasks.push(NewTask::handler("think", b"").into());
    queue.enqueue_workflow(tasks)?;

    let printing = Arc::new(AtomicUsize::new(0));
    let at_once = Arc::clone(&printing);
    let handlers = Handlers::of(&queue)
        .register("print", move |task| {
            let others = at_once.fetch_add(1, Ordering::SeqCst);
            println!("printing page {}", std::str::from_utf8(task.payload())?);
            at_once.fetch_sub(1, Ordering::SeqCst);
            if others > 0 {
                return Err("two pages are in the printer".into());
            }
            Ok(Done::Succeeded)
        })
        .register("think", |_| {
            println!("thinking needs no printer");
            Ok(Done::Succeeded)
        });
    let four = NonZeroU32::new(4).ok_or("four is not zero")?;
    let options = WorkerOptions::new(four).handlers(handlers).drain(true);
    let summary = Worker::new(Arc::clone(&queue), options)?.run(&mut ())?;

    // Two tasks at the printer at once would have failed an attempt.
    assert_eq!((summary.succeeded, summary.failed), (4, 0));
    assert_eq!(queue.stats()?.count(State::Succeeded), 4);
    Ok(())
}
