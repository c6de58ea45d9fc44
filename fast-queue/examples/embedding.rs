//! A queue inside a program, without a worker: enqueue, claim, settle. For a program with a loop of
//! its own whose work has to survive a crash.
//!
//! ```text
//! cargo run -p fast-queue --example embedding
//! ```

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use fast_queue::{
    ClaimRequest, FastQueue, NewTask, Outcome, Queue, Settlement, State, Work, WorkerId,
};

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    // A program has a path of its own; this folder is deleted with the example.
    let folder = tempfile::tempdir()?;
    let queue = FastQueue::open(folder.path().join("photos.db"))?;

    // One call is one transaction. Once it returns, the tasks survive `kill -9`.
    let added = queue.enqueue(vec![
        NewTask::handler("resize", b"cat.jpg"),
        NewTask::handler("resize", b"dog.jpg").priority(5),
        // A task whose key is taken is not added again; here the key is new.
        NewTask::handler("resize", b"owl.jpg").key("owl.jpg"),
    ])?;
    println!("added {} tasks", added.len());

    // Every claimant has an id. Two programs, or two threads, never get the same task.
    let me = WorkerId::from_bits(queue.random());
    let request = ClaimRequest::new(me, 2).handlers(["resize"]);
    loop {
        let claimed = queue.claim(&request)?.tasks;
        if claimed.is_empty() {
            break;
        }
        let settlements = claimed.into_iter().map(|task| {
            if let Work::Handler { payload, .. } = &task.work {
                println!("resizing {}", String::from_utf8_lossy(payload));
            }
            // The claim proves that the task is ours. If another worker took it over meanwhile, the
            // settle changes nothing and says so.
            Settlement::new(task.claim, Outcome::Succeeded)
        });
        queue.settle(settlements.collect())?;
    }

    assert_eq!(queue.stats()?.count(State::Succeeded), 3);
    Ok(())
}
