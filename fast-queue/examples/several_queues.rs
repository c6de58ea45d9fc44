//! A worker of several queues: two of its slots are kept for mail, and a long queue of newsletters
//! delays neither mail nor reports.
//!
//! ```text
//! cargo run -p fast-queue --example several_queues
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};

use fast_queue::{
    Done, FastQueue, Handlers, NewTask, Queue, ServedQueue, ServedQueues, Worker, WorkerOptions,
};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A program has a path of its own; this folder is deleted with the example.
    let folder = tempfile::tempdir()?;
    let queue = Arc::new(FastQueue::open(folder.path().join("queue.db"))?);

    // A thousand newsletters come first, with a high priority. It counts only within their queue.
    let newsletter = NewTask::handler("send", b"newsletter")
        .queue("newsletters")
        .priority(9);
    queue.enqueue(vec![newsletter; 1_000])?;
    queue.enqueue(vec![
        NewTask::handler("send", b"report").queue("reports"),
        NewTask::handler("send", b"mail").queue("mail"),
    ])?;

    let sent = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&sent);
    let handlers = Handlers::new().register("send", move |task| {
        let text = std::str::from_utf8(task.payload())?.to_owned();
        log.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(text);
        Ok(Done::Succeeded)
    });

    // `ServedQueues::all([])` serves every queue, also those of later tasks.
    let four = NonZeroU32::new(4).ok_or("four is not zero")?;
    let options = WorkerOptions::new(four)
        .handlers(handlers)
        .queues(ServedQueues::named([
            ServedQueue::new("mail").reserving(2),
            ServedQueue::new("newsletters"),
            ServedQueue::new("reports"),
        ]))
        .drain(true);
    let summary = Worker::new(Arc::clone(&queue), options)?.run(&mut ())?;
    assert_eq!(summary.succeeded, 1_002);

    // The first claim filled a slot of mail, and shared the others between the other two queues.
    let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
    for one in ["mail", "report"] {
        let place = sent.iter().position(|text| text == one).ok_or(one)?;
        println!("{one} was sent as number {}", place + 1);
        assert!(place < 4, "{one} waited for newsletters");
    }
    Ok(())
}
