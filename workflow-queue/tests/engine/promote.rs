//! Files of fast-queue: reading, refusal of writes, promotion.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use queue_core::claim::{ClaimRequest, WorkerId};
use queue_core::clock::{Clock, Timestamp};
use queue_core::error::Error;
use queue_core::queue::{Change, Invariant, Queue, Waits};
use queue_core::sqlite::{CORE, Database, Durability, OpenOptions, handler_queue_or_create};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use queue_testing::conformance::ManualClock;
use workflow_queue::{Promotion, SqliteOptions, WorkflowQueue, promote_file};

fn options() -> OpenOptions {
    OpenOptions::new(Durability::Fast).unwrap()
}

fn open(path: &Path) -> WorkflowQueue {
    WorkflowQueue::open_with(path, SqliteOptions::new().unwrap()).unwrap()
}

/// A file of fast-queue, with the core tables only, one queued and one running task.
fn fast_file(path: &Path) -> Database {
    let database = Database::open(path, options(), &[CORE]).unwrap();
    database
        .write(|connection| {
            let handler_queue = handler_queue_or_create(connection, "default", "")?;
            for _ in 0..2 {
                connection.execute(
                    "INSERT INTO queue_tasks (queue, state, priority, kind, created_at, name, payload)
                     VALUES (?1, 2, 0, 0, 5, 't', CAST('true' AS BLOB))",
                    [handler_queue.id],
                )?;
            }
            connection.execute(
                "UPDATE queue_tasks
                 SET state = 3, worker = 7, token = 1, attempt = 1, crashes = 1, started_at = 6
                 WHERE id = 2",
                [],
            )?;
            Ok(())
        })
        .unwrap();
    database
}

#[test]
fn a_file_of_fast_queue_is_read_but_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let fast = fast_file(&path);
    let queue = open(&path);
    assert_eq!(queue.stats().unwrap().total(), 2);
    assert_eq!(queue.get(TaskId(1)).unwrap().unwrap().state, State::Queued);
    assert_eq!(queue.waits_in_file(TaskId(1)).unwrap(), []);
    assert_eq!(queue.attempts(TaskId(1)).unwrap(), []);
    assert_eq!(queue.dependencies(TaskId(1)).unwrap(), []);
    let error = queue
        .enqueue(vec![NewTask::shell("t", "true")])
        .unwrap_err();
    assert!(matches!(error, Error::Unusable { .. }), "{error}");
    assert!(
        error.to_string().contains("workflow-queue promote"),
        "{error}"
    );
    assert_eq!(fast.lines().unwrap().len(), 1, "opening changed nothing");
}

#[test]
fn held_tasks_stay_held_through_a_promotion() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let fast = fast_file(&path);
    let hold = "UPDATE queue_tasks SET state = 1 WHERE id = 1;
                INSERT INTO queue_holds VALUES (1, 5)";
    let done = fast.write(move |connection| Ok(connection.execute_batch(hold)?));
    done.unwrap();
    let unpromoted = open(&path);
    assert_eq!(unpromoted.stats().unwrap().count(State::Blocked), 1);
    let since = Timestamp(5);
    assert_eq!(
        unpromoted.waits_in_file(TaskId(1)).unwrap(),
        [Waits::Held { since }]
    );
    drop((fast, unpromoted));
    promote_file(&path, options()).unwrap();
    let queue = open(&path);
    assert_eq!(queue.stats().unwrap().count(State::Blocked), 1);
    assert_eq!(queue.get(TaskId(1)).unwrap().unwrap().held_at, Some(since));
    assert!(queue.verify().unwrap().iter().all(Invariant::holds));
    let request = ClaimRequest::new(WorkerId(9), 5).commands(true);
    assert_eq!(queue.claim(&request).unwrap().tasks, []);
    assert_eq!(
        queue.release(&[TaskId(1)]).unwrap(),
        [Change::Done(State::Queued)]
    );
    assert_eq!(queue.claim(&request).unwrap().tasks.len(), 1);
    assert!(queue.verify().unwrap().iter().all(Invariant::holds));
}

#[test]
fn a_promoted_file_continues_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    drop(fast_file(&path));
    for _ in 0..2 {
        assert_eq!(promote_file(&path, options()).unwrap(), Promotion::Done);
    }
    let queue = open(&path);
    let worker = WorkerId(9);
    let request = queue_core::ClaimRequest::new(worker, 5).commands(true);
    let claimed = queue.claim(&request).unwrap().tasks;
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].claim.task, TaskId(1));
    let reaped = queue.reap(WorkerId(7)).unwrap();
    assert_eq!(
        (reaped[0].claim.task, reaped[0].state),
        (TaskId(2), State::Queued)
    );
    assert_eq!(
        queue.enqueue(vec![NewTask::shell("t", "true")]).unwrap()[0].id,
        TaskId(3)
    );
}

#[test]
fn only_running_tasks_get_a_lease_at_a_promotion() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let clock = Arc::<ManualClock>::default();
    let options = || options().clock(Arc::clone(&clock) as Arc<dyn Clock>);
    drop(fast_file(&path));
    assert_eq!(promote_file(&path, options()).unwrap(), Promotion::Done);
    let queue =
        WorkflowQueue::open_with(&path, SqliteOptions::new().unwrap().open(options())).unwrap();
    let invariants = queue.verify().unwrap();
    let broken: Vec<_> = invariants.iter().filter(|one| !one.holds()).collect();
    assert!(broken.is_empty(), "{broken:?}");
    clock.advance(Duration::from_millis(29_999));
    assert_eq!(queue.expired().unwrap(), []);
    clock.advance(Duration::from_millis(1));
    let expired = queue.expired().unwrap();
    assert_eq!(expired.len(), 1);
    assert_eq!(expired[0].task, TaskId(2));
}

#[test]
fn fast_queue_cannot_open_files_of_this_engine() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let queue = open(&path);
    queue.enqueue(vec![NewTask::shell("t", "true")]).unwrap();
    let (engine, open): (i64, i64) = queue
        .database()
        .read(|connection| {
            let sql = "SELECT engine, (SELECT count(*) FROM queue_queues WHERE fast = 1)
                       FROM queue_file";
            Ok(connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?)
        })
        .unwrap();
    assert_eq!((engine, open), (2, 0));
}

#[test]
fn a_missing_file_is_not_promoted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let error = promote_file(&path, options()).unwrap_err();
    assert!(matches!(error, Error::Unusable { .. }), "{error}");
    assert!(!path.exists());
}
