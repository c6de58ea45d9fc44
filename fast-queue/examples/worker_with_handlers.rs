//! A worker that calls functions of this program. It claims, runs and settles in a loop, and
//! retries failed attempts.
//!
//! ```text
//! cargo run -p fast-queue --example worker_with_handlers
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::num::NonZeroU32;
use std::sync::Arc;

use fast_queue::{
    Done, FastQueue, Handlers, NewTask, Observer, Queue, State, TaskOptions, Worker, WorkerEvent,
    WorkerOptions,
};

/// Prints how every attempt ended. A worker without an observer takes `()`.
struct Log;

impl Observer for Log {
    fn on(&mut self, event: &WorkerEvent) {
        if let WorkerEvent::Ended { name, state, .. } = event {
            println!("{name}: {state:?}");
        }
    }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A program has a path of its own; this folder is deleted with the example.
    let folder = tempfile::tempdir()?;
    let queue = Arc::new(FastQueue::open(folder.path().join("mail.db"))?);

    // The second attempt begins a hundredth of a second after the first one has failed.
    let soon = TaskOptions::new().backoff_ms(10);
    let added = queue.enqueue(vec![
        NewTask::handler("greet", b"Ada"),
        NewTask::handler("mail", b"ada@example.org").options(soon),
    ])?;

    // A handler receives the task. `?` works on any error and fails the attempt, as does a panic.
    // Handlers of several tasks run at the same time, each on its own thread.
    let handlers = Handlers::new()
        .register("greet", |task| {
            println!("hello, {}", std::str::from_utf8(task.payload())?);
            Ok(Done::Succeeded)
        })
        .register("mail", |task| {
            if task.attempt() == 1 {
                return Err("the mail server does not answer".into());
            }
            println!("mailed {}", std::str::from_utf8(task.payload())?);
            Ok(Done::Succeeded)
        });

    // Two tasks at a time. With `drain` the worker ends once nothing is left. Without it, the
    // worker waits for more until its `stopper` tells it to end.
    let two = NonZeroU32::new(2).ok_or("two is not zero")?;
    let options = WorkerOptions::new(two).handlers(handlers).drain(true);
    let summary = Worker::new(Arc::clone(&queue), options)?.run(&mut Log)?;

    println!("{} tasks succeeded", summary.succeeded);
    for task in added {
        let state = queue.get(task.id)?.map(|task| task.state);
        assert_eq!(state, Some(State::Succeeded));
    }
    Ok(())
}
