//! A file that was promoted to workflow-queue refuses fast-queue's writes.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use fast_queue::{
    ClaimRequest, Error, FastQueue, NewTask, Outcome, Queue, Settled, Settlement, State, WorkerId,
};
use rusqlite::Connection;

const WORKER: WorkerId = WorkerId(7);

/// Marks the file as a promotion does, from another program.
fn mark(queue: &FastQueue, engine: i64) {
    let other = Connection::open(queue.path()).unwrap();
    other
        .execute(
            "INSERT INTO queue_file (id, file_id, engine, created_at) VALUES (1, 1, ?1, 0)
             ON CONFLICT (id) DO UPDATE SET engine = excluded.engine",
            [engine],
        )
        .unwrap();
    other
        .execute("UPDATE queue_queues SET fast = ?1", [engine == 0])
        .unwrap();
}

fn refused<T>(result: &fast_queue::Result<T>) -> bool {
    matches!(result, Err(Error::Promoted { .. }))
}

#[test]
fn a_promoting_file_takes_nothing_new_but_lets_workers_finish() {
    let folder = tempfile::tempdir().unwrap();
    let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
    let tasks = || vec![NewTask::shell("one", "true"), NewTask::shell("two", "true")];
    queue.enqueue(tasks()).unwrap();
    let request = ClaimRequest::commands(WORKER, 1);
    let claim = queue.claim(&request).unwrap().tasks[0].claim;

    mark(&queue, 1);

    assert!(refused(&queue.enqueue(tasks())));
    assert!(refused(&queue.enqueue(vec![NewTask::handler("new", "x")])));
    assert!(refused(&queue.claim(&request)));
    assert!(refused(&queue.claim(&ClaimRequest::commands(WORKER, 20))));
    assert!(refused(&queue.set_paused("default", true)));
    let settled = queue.settle(vec![Settlement {
        claim,
        outcome: Outcome::Succeeded,
        output: None,
    }]);
    assert_eq!(settled.unwrap(), [Settled::Recorded(State::Succeeded)]);
    assert_eq!(queue.stats().unwrap().total(), 2);
}

#[test]
fn a_promoted_file_refuses_even_the_settle() {
    let folder = tempfile::tempdir().unwrap();
    let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
    queue.enqueue(vec![NewTask::shell("one", "true")]).unwrap();
    let request = ClaimRequest::commands(WORKER, 1);
    let claim = queue.claim(&request).unwrap().tasks[0].claim;

    mark(&queue, 2);

    for outcome in [Outcome::Succeeded, Outcome::Returned] {
        assert!(refused(&queue.settle(vec![Settlement {
            claim,
            outcome,
            output: None,
        }])));
    }
    assert!(refused(&queue.reap(WORKER)));
    assert!(refused(&queue.cancel(&[claim.task])));
    assert_eq!(
        queue.get(claim.task).unwrap().unwrap().state,
        State::Running
    );
}
