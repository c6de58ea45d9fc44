//! Handlers with typed arguments and results: both travel as JSON, and the result is the task's
//! output.
//!
//! ```text
//! cargo run -p fast-queue --example typed_handlers
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use fast_queue::{FastQueue, HandlerError, Handlers, NewTask, Queue, State, Worker, WorkerOptions};
use serde::{Deserialize, Serialize};

/// Arguments of the handler `resize`.
#[derive(Serialize, Deserialize)]
struct Resize {
    photo: String,
    width: u32,
}

/// Result of the handler `resize`.
#[derive(Serialize, Deserialize)]
struct Resized {
    file: String,
    bytes: u64,
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A program has a path of its own; this folder is deleted with the example.
    let folder = tempfile::tempdir()?;
    let queue = Arc::new(FastQueue::open(folder.path().join("photos.db"))?);

    let photo = Resize {
        photo: "beach.jpg".to_owned(),
        width: 640,
    };
    let added = queue.enqueue(vec![
        NewTask::handler_json("resize", &photo)?,
        // Another program, or an older version of this one, may enqueue something else.
        NewTask::handler("resize", b"{\"photo\": 7}"),
    ])?;

    let handlers = Handlers::new().register_json::<Resize, Resized>("resize", |task, resize| {
        // A long handler looks from time to time if it is to end. After `interrupted` a worker that
        // stops returns the task, and no attempt is spent.
        if task.stop_reason().is_some() {
            return Err(HandlerError::interrupted());
        }
        if resize.width == 0 {
            // Another attempt would not help.
            return Err(HandlerError::from("a photo needs a width").fatal());
        }
        Ok(Resized {
            file: format!("{}-{}", resize.width, resize.photo),
            bytes: u64::from(resize.width) * 480,
        })
    });
    let options = WorkerOptions::new(NonZeroU32::MIN)
        .handlers(handlers)
        .drain(true)
        .grace(Duration::from_secs(5));
    Worker::new(Arc::clone(&queue), options)?.run(&mut ())?;

    let output = queue.output(added[0].id)?.ok_or("a result is kept")?;
    let resized: Resized = output.json()?;
    println!("{} has {} bytes", resized.file, resized.bytes);
    assert_eq!(resized.file, "640-beach.jpg");

    // A payload that does not parse fails its task at once, with the reason.
    let refused = queue.get(added[1].id)?.ok_or("a task is kept")?;
    println!("{}", refused.message.unwrap_or_default());
    assert_eq!((refused.state, refused.attempt), (State::Failed, 1));
    Ok(())
}
