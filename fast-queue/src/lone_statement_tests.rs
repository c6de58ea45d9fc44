//! Lone operations as single statements.

use std::sync::Arc;
use std::time::Duration;

use queue_core::InTurn;
use queue_core::claim::{ClaimRequest, WorkerId};
use queue_core::{Outcome, Settlement};

use crate::settle::Success;
use crate::{Ageing, FastQueue, NewTask, Queue, ServedQueue, ServedQueues, claim, enqueue, settle};

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
    let success = Success::of(&Settlement::new(claim, Outcome::Succeeded), now);
    let settled =
        database.write_statement(move |connection| settle::settle_one(connection, success));
    assert!(settled.unwrap());
}

/// Checks that a worker of a few queues claims one task without a transaction too, in turns.
#[test]
fn a_task_of_a_few_queues_is_claimed_in_one_statement() {
    let folder = tempfile::tempdir().unwrap();
    let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
    let names = ["a", "b", "c"];
    let tasks = names.map(|name| NewTask::shell("t", "true").queue(name));
    for _ in 0..2 {
        queue.enqueue(tasks.to_vec()).unwrap();
    }
    let request = |after: Option<Arc<str>>| {
        let request = ClaimRequest::new(WorkerId::from_bits(2), 1)
            .commands(true)
            .queues(ServedQueues::named(names.map(ServedQueue::new)));
        match after {
            Some(after) => request.after(after),
            None => request,
        }
    };
    let claim = |after| {
        let request = request(after);
        let queues = InTurn::of(&request, queue.database().queue_ids()).unwrap();
        let now = queue.database().now();
        let one =
            move |connection: &_| claim::claim_in_turn(connection, &queues, request.worker, now);
        queue.database().write_statement(one).unwrap()
    };
    let mut after = None;
    for expected in ["a", "b"] {
        let claims = claim(after).unwrap();
        assert_eq!(&*claims.tasks[0].queue, expected);
        after = claims.after;
    }
    queue.set_paused("c", true).unwrap();
    let claims = claim(after).unwrap();
    assert_eq!(&*claims.tasks[0].queue, "a", "a paused queue has no turn");
    let step = Ageing::every(Duration::from_secs(60)).unwrap();
    queue.set_ageing("b", Some(step)).unwrap();
    let none = claim(claims.after.clone());
    assert!(none.is_none(), "ageing needs a transaction: {none:?}");
    let claims = queue.claim(&request(claims.after)).unwrap();
    assert_eq!(&*claims.tasks[0].queue, "b");
}
