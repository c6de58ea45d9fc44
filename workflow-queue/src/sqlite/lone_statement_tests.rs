//! Enqueue and claim of a single task take one statement each.

use queue_core::claim::{ClaimRequest, WorkerId};
use queue_core::queue::Queue as _;
use queue_core::task::NewTask;

use super::{claim, enqueue};
use crate::WorkflowQueue;

/// The fallback to a transaction would give the same result at a third of the speed.
#[test]
fn a_single_task_is_enqueued_and_claimed_in_one_statement_each() {
    let folder = tempfile::tempdir().unwrap();
    let queue = WorkflowQueue::open(folder.path().join("q.db")).unwrap();
    let task = || NewTask::shell("t", "true");
    queue.enqueue(vec![task()]).unwrap();
    let request = ClaimRequest::new(WorkerId::from_bits(2), 1).commands(true);
    assert_eq!(queue.claim(&request).unwrap().tasks.len(), 1);
    let database = queue.database();
    let (queue_id, _) = database.queue_ids().only(&request).unwrap();
    let now = database.now();
    let enqueued = database.write_statement(move |connection| {
        enqueue::insert_one(connection, queue_id, &task(), now.wall)
    });
    assert!(enqueued.unwrap().is_some());
    let (worker, lease) = (request.worker, queue.lease_duration());
    let claimed = database.write_statement(move |connection| {
        let names = (&"default".into(), "");
        claim::take_one(connection, (queue_id, names), worker, now, lease)
    });
    assert!(claimed.unwrap().is_some());
}
