//! Lone operations as single statements.

use queue_core::claim::{ClaimRequest, WorkerId};

use crate::{FastQueue, NewTask, Queue, claim, enqueue, settle};

/// Checks that no lone operation uses a transaction, which has the same result at a third of the
/// speed.
#[test]
fn a_lone_task_is_enqueued_claimed_and_settled_in_one_statement_each() {
    let folder = tempfile::tempdir().unwrap();
    let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
    let task = || NewTask::shell("t", "true");
    queue.enqueue(vec![task()]).unwrap();
    let request = ClaimRequest::new(WorkerId::from_bits(2), 1).commands(true);
    let first = queue.claim(&request).unwrap().tasks;
    assert_eq!(first.len(), 1);
    let (queue_id, _) = queue.database().queue_ids().only(&request).unwrap();
    let now = queue.database().now();
    let database = queue.database();
    let enqueued = database.write_statement(move |connection| {
        enqueue::enqueue_one(connection, queue_id, &task(), now.wall)
    });
    assert!(enqueued.unwrap().is_some());
    let claimed = database.write_statement(move |connection| {
        claim::claim_one(
            connection,
            (queue_id, (&"default".into(), "")),
            request.worker,
            now,
        )
    });
    let claim = claimed.unwrap().unwrap().claim;
    let settled =
        database.write_statement(move |connection| settle::settle_one(connection, claim, now.wall));
    assert!(settled.unwrap());
}
