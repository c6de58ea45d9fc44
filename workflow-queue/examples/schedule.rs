//! A schedule that a program declares at each of its starts, and a worker that fires it and runs its
//! handler.
//!
//! ```text
//! cargo run -p workflow-queue --example schedule
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::num::NonZeroU32;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use workflow_queue::schedule::firing::FiringResult;
use workflow_queue::schedule::spec::{Overlap, Rules, Spec};
use workflow_queue::{
    Done, Handlers, NewSchedule, NewTask, Queue, Timestamp, Worker, WorkerOptions, WorkflowQueue,
};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A real program has a path of its own; this folder is deleted with the example.
    let folder = tempfile::tempdir()?;
    let queue = Arc::new(WorkflowQueue::open(folder.path().join("clock.db"))?);

    // A real schedule would be `Spec::cron("pulse", "30 2 * * *", "Europe/Berlin")`.
    let rules = Rules::new().overlap(Overlap::Queue);
    let spec = Spec::every(Duration::from_secs(1), queue.now().wall, "UTC")?;
    let pulse = NewSchedule::new(
        "pulse",
        spec.with_rules(rules)?,
        NewTask::handler("pulse", b""),
    );
    // The first call adds it. The second one, of the program's next start, changes nothing.
    let (_, added) = queue.schedules().ensure(&pulse)?;
    let (_, changed) = queue.schedules().ensure(&pulse)?;
    assert!(added && !changed);

    let (sender, receiver) = mpsc::channel();
    let handlers = Handlers::of(&queue).register("pulse", move |task| {
        println!("task {} runs", task.id());
        sender.send(task.id())?;
        Ok(Done::Succeeded)
    });
    let options = WorkerOptions::new(NonZeroU32::MIN).handlers(handlers);
    let worker = Worker::new(Arc::clone(&queue), options)?;
    let stopper = worker.stopper();
    let working = std::thread::spawn(move || worker.run(&mut ()));
    let first = receiver.recv()?;
    let second = receiver.recv()?;
    stopper.stop();
    working.join().map_err(|_| "the worker panicked")??;

    // Each slot fired once, and the task knows its slot.
    assert_ne!(first, second);
    let firings = queue.schedules().firings("pulse", Timestamp::MAX, 100)?;
    for task in [first, second] {
        let result = FiringResult::Fired(task);
        let firing = firings.iter().find(|firing| firing.result == result);
        let slot = firing.ok_or("the firing is recorded")?.slot;
        let expected = Some(("pulse".to_owned(), Some(slot)));
        assert_eq!(queue.schedules().of_task(task)?, expected);
    }
    Ok(())
}
