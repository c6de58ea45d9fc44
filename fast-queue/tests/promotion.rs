//! A file that was promoted to workflow-queue refuses fast-queue's writes.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use fast_queue::{
    Claim, ClaimRequest, Edit, Error, FastQueue, NewTask, Outcome, PruneRequest, Queue, Serves,
    Settled, Settlement, State, TaskId, Timestamp, WorkerId, WorkerInfo,
};
use rusqlite::Connection;

const WORKER: WorkerId = WorkerId(7);

/// Marks the file as a promotion by another program does.
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
    if engine == 2 {
        other
            .execute("INSERT INTO queue_schema VALUES ('workflow', 1, 0)", [])
            .unwrap();
    }
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
    let request = ClaimRequest::new(WORKER, 1).commands(true);
    let claim = queue.claim(&request).unwrap().tasks[0].claim;

    mark(&queue, 1);

    assert!(refused(&queue.enqueue(tasks())));
    assert!(refused(&queue.enqueue(vec![NewTask::handler("new", "x")])));
    assert!(refused(&queue.claim(&request)));
    assert!(refused(
        &queue.claim(&ClaimRequest::new(WORKER, 20).commands(true))
    ));
    assert!(refused(&queue.set_paused("default", true)));
    assert!(refused(&queue.set_ageing("default", None)));
    let settled = queue.settle(vec![Settlement::new(claim, Outcome::Succeeded)]);
    assert_eq!(settled.unwrap(), [Settled::Recorded(State::Succeeded)]);
    assert_eq!(queue.stats().unwrap().total(), 2);
}

#[test]
fn a_promoted_file_refuses_even_the_settle() {
    let folder = tempfile::tempdir().unwrap();
    let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
    queue.enqueue(vec![NewTask::shell("one", "true")]).unwrap();
    let request = ClaimRequest::new(WORKER, 1).commands(true);
    let claim = queue.claim(&request).unwrap().tasks[0].claim;

    mark(&queue, 2);

    for outcome in [Outcome::Succeeded, Outcome::Returned] {
        assert!(refused(
            &queue.settle(vec![Settlement::new(claim, outcome)])
        ));
    }
    assert!(refused(&queue.reap(WORKER)));
    assert!(refused(&queue.cancel(&[claim.task])));
    assert_eq!(
        queue.get(claim.task).unwrap().unwrap().state,
        State::Running
    );
}

fn success(claim: Claim) -> Settlement {
    Settlement::new(claim, Outcome::Succeeded)
}

fn everything_old() -> PruneRequest {
    PruneRequest::new(Timestamp(i64::MAX))
}

fn worker() -> WorkerInfo {
    WorkerInfo::new(WorkerId(8), 1, "boot")
        .started_at(Timestamp(0))
        .slots(1)
        .serves(Serves::new("default").commands(true))
}

/// Rows of all tables of the queue as text, without the mark itself.
fn rows(queue: &FastQueue) -> Vec<String> {
    let other = Connection::open(queue.path()).unwrap();
    let mut rows = Vec::new();
    for table in [
        "queue_queues",
        "queue_tasks",
        "queue_outputs",
        "queue_earlier_outputs",
        "queue_retried",
        "queue_holds",
        "queue_settings",
        "queue_workers",
    ] {
        let mut query = other.prepare(&format!("SELECT * FROM {table}")).unwrap();
        let columns = query.column_count();
        let mut found = query.query([]).unwrap();
        while let Some(row) = found.next().unwrap() {
            let values = (0..columns).map(|index| format!("{:?}", row.get_ref(index).unwrap()));
            rows.push(format!(
                "{table}: {}",
                values.collect::<Vec<_>>().join(", ")
            ));
        }
    }
    rows
}

#[test]
fn no_write_of_a_program_that_had_the_file_open_gets_past_the_mark() {
    for engine in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
        let one = || vec![NewTask::shell("one", "true")];
        let due = NewTask::shell("due", "true").run_at(Timestamp(queue.now().wall.0 + 1));
        queue.enqueue(one()).unwrap();
        queue.enqueue(one()).unwrap();
        let request = ClaimRequest::new(WORKER, 1).commands(true);
        let ended = queue.claim(&request).unwrap().tasks[0].claim;
        queue.settle(vec![success(ended)]).unwrap();
        let claim = queue.claim(&request).unwrap().tasks[0].claim;
        queue.enqueue(vec![due]).unwrap();
        let held = queue.enqueue(vec![NewTask::shell("held", "true").held(true)]);
        assert_eq!(held.unwrap()[0].id, TaskId(4));

        mark(&queue, engine);
        let before = rows(&queue);

        assert!(refused(&queue.enqueue(one())), "alone, engine {engine}");
        let keyed = NewTask::shell("keyed", "true").key("key");
        assert!(refused(&queue.enqueue(vec![keyed])));
        assert!(refused(&queue.enqueue([one(), one()].concat())));
        for limit in [0, 1, 10] {
            let request = ClaimRequest::new(WORKER, limit).commands(true);
            assert!(refused(&queue.claim(&request)), "limit {limit}");
        }
        let mut own = Connection::open(queue.path()).unwrap();
        own.pragma_update(None, "wal_autocheckpoint", 0).unwrap();
        let tx = own.transaction().unwrap();
        assert!(refused(&queue.enqueue_in(&tx, &one())));
        if engine == 2 {
            assert!(refused(&queue.settle_in(&tx, &[success(claim)])));
        }
        drop(tx);
        assert!(refused(&queue.retry(&[TaskId(1)])));
        for id in [TaskId(3), TaskId(4)] {
            assert!(refused(&queue.hold(&[id])));
            assert!(refused(&queue.release(&[id])));
            assert!(refused(&queue.start(&[id])));
            assert!(refused(&queue.edit(&[id], &Edit::new().priority(9))));
        }
        assert!(refused(&queue.rerun(&[TaskId(1)], false)));
        assert!(refused(&queue.reprioritize(&[TaskId(2)], 3)));
        assert!(refused(&queue.set_paused("default", false)));
        assert!(refused(&queue.prune(&everything_old())));
        assert!(refused(&queue.register(&worker())));
        if engine == 2 {
            assert!(refused(&queue.settle(vec![success(claim)])));
            assert!(refused(&queue.settle(vec![success(claim), success(claim)])));
            assert!(refused(&queue.cancel(&[claim.task])));
            assert!(refused(&queue.reap(WORKER)));
            assert!(refused(&queue.deregister(WORKER)));
        }
        assert_eq!(rows(&queue), before, "engine {engine}");
    }
}
