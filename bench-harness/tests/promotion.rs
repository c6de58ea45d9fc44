//! Promotion of a fast-queue file to workflow-queue. The engines do not depend on each other, so this
//! test lies in a package that knows both.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::path::Path;
use std::time::Duration;

use fast_queue::FastQueue;
use queue_core::Ageing;
use queue_core::claim::{Claim, ClaimRequest, WorkerId};
use queue_core::error::Error;
use queue_core::maintenance::restore;
use queue_core::outcome::{Outcome, Settled, Settlement};
use queue_core::queue::{Queue, Serves};
use queue_core::sidecar::Registration;
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use workflow_queue::{
    Condition, Promotion, SqliteOptions, WorkflowQueue, WorkflowTask, promote_file,
};

fn promote(path: &Path) -> Promotion {
    promote_file(path, OpenOptions::new(Durability::Fast).unwrap()).unwrap()
}

fn register(queue: &FastQueue) -> Registration {
    let serves = Serves::new("default").commands(true);
    Registration::new(queue, 1, serves).unwrap()
}

fn claim(queue: &impl Queue, worker: WorkerId) -> Claim {
    let request = ClaimRequest::new(worker, 1).commands(true);
    queue.claim(&request).unwrap().tasks[0].claim
}

fn succeeded(claim: Claim) -> Vec<Settlement> {
    vec![Settlement::new(claim, Outcome::Succeeded)]
}

#[test]
fn a_promotion_waits_for_living_workers_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let fast = FastQueue::open(&path).unwrap();
    fast.enqueue(vec![NewTask::shell("t", "true"); 3]).unwrap();
    let ageing = Some(Ageing::every(Duration::from_secs(60)).unwrap());
    fast.set_ageing("default", ageing).unwrap();
    let registration = register(&fast);
    let worker = registration.info().id;
    let running = claim(&fast, worker);

    assert_eq!(promote(&path), Promotion::Waiting(fast.workers().unwrap()));
    let refused = fast
        .claim(&ClaimRequest::new(worker, 1).commands(true))
        .unwrap_err();
    assert!(matches!(refused, Error::Promoted { .. }), "{refused}");
    let refused = fast.enqueue(vec![NewTask::shell("t", "true")]).unwrap_err();
    assert!(matches!(refused, Error::Promoted { .. }), "{refused}");
    let settled = fast.settle(succeeded(running)).unwrap();
    assert_eq!(
        settled,
        [Settled::Recorded(State::Succeeded)],
        "running tasks may end"
    );

    registration.close(&fast).unwrap();
    assert_eq!(promote(&path), Promotion::Done);
    let flow = WorkflowQueue::open_with(&path, SqliteOptions::new().unwrap()).unwrap();
    assert_eq!(flow.queues().unwrap()[0].ageing, ageing);
    let claimed = claim(&flow, WorkerId(9));
    assert_eq!(claimed.task, TaskId(2));
    flow.settle(succeeded(claimed)).unwrap();
    let stats = flow.stats().unwrap();
    assert_eq!(
        (stats.count(State::Succeeded), stats.count(State::Queued)),
        (2, 1)
    );
}

#[test]
fn a_crash_from_before_the_promotion_is_not_expected_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let fast = FastQueue::open(&path).unwrap();
    fast.enqueue(vec![NewTask::shell("t", "true"); 2]).unwrap();
    let dead = claim(&fast, WorkerId(7));
    fast.reap(WorkerId(7)).unwrap();
    drop(fast);

    assert_eq!(promote(&path), Promotion::Done);
    let flow = WorkflowQueue::open_with(&path, SqliteOptions::new().unwrap()).unwrap();
    let claimed = claim(&flow, WorkerId(9));
    assert_eq!(claimed.task, dead.task);
    flow.settle(succeeded(claimed)).unwrap();
    flow.reprioritize(&[TaskId(2)], 3).unwrap();
    for invariant in flow.verify().unwrap() {
        assert!(invariant.holds(), "{invariant:?}");
    }
}

#[test]
fn a_program_with_the_file_open_can_no_longer_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let fast = FastQueue::open(&path).unwrap();
    fast.enqueue(vec![NewTask::shell("t", "true")]).unwrap();
    let stale = claim(&fast, WorkerId(5));
    assert_eq!(promote(&path), Promotion::Done, "no worker is registered");
    let refused = [
        fast.settle(succeeded(stale)).map(drop),
        fast.reap(WorkerId(5)).map(drop),
        fast.retry(&[TaskId(1)]).map(drop),
        fast.cancel(&[TaskId(1)]).map(drop),
        fast.enqueue(vec![NewTask::shell("t", "true")]).map(drop),
        fast.set_paused("default", true).map(drop),
        fast.set_ageing("default", None).map(drop),
    ];
    for result in refused {
        assert!(matches!(result, Err(Error::Promoted { .. })), "{result:?}");
    }
    let reopened = FastQueue::open(&path).unwrap();
    reopened
        .enqueue(vec![NewTask::shell("t", "true")])
        .unwrap_err();
}

#[test]
fn fast_queue_counts_blocked_tasks_in_a_file_of_workflow_queue() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let workflow = WorkflowQueue::open_with(&path, SqliteOptions::new().unwrap()).unwrap();
    let first = workflow.enqueue(vec![NewTask::shell("a", "true")]).unwrap()[0].id;
    let after = || WorkflowTask::shell("b", "true").after(first, Condition::Success);
    workflow.enqueue_workflow(vec![after(), after()]).unwrap();
    let mut options = OpenOptions::new(Durability::Fast).unwrap();
    options.read_only = true;
    let fast = FastQueue::open_with(&path, options).unwrap();
    assert_eq!(fast.stats().unwrap(), workflow.stats().unwrap());
    assert_eq!(fast.stats().unwrap().count(State::Blocked), 2);
}

#[test]
fn restoring_a_backup_of_the_other_program_reports_the_change_of_engine() {
    let folder = tempfile::tempdir().unwrap();
    let [fast, flow] = ["fast.db", "flow.db"].map(|name| folder.path().join(name));
    drop(FastQueue::open(&fast).unwrap());
    let workflow = WorkflowQueue::open_with(&flow, SqliteOptions::new().unwrap()).unwrap();
    drop(workflow);
    let options = || OpenOptions::new(Durability::Fast).unwrap();
    let open_fast = |path: &Path, options| FastQueue::open_with(path, options);
    for (backup, foreign) in [(&flow, true), (&fast, false)] {
        let to = folder.path().join("restored.db");
        let restored = restore(&to, backup, &options(), open_fast).unwrap();
        assert_eq!(restored.foreign, foreign);
        let queue = FastQueue::open_with(&to, options()).unwrap();
        assert_eq!(queue.refuses().unwrap().is_some(), foreign);
        let enqueued = queue.enqueue(vec![NewTask::shell("t", "true")]);
        assert_eq!(enqueued.is_err(), foreign);
    }
    let open = |path: &Path, open| WorkflowQueue::open_with(path, SqliteOptions::new()?.open(open));
    let to = folder.path().join("second.db");
    assert!(restore(&to, &fast, &options(), open).unwrap().foreign);
    assert!(!restore(&to, &flow, &options(), open).unwrap().foreign);
}

#[test]
fn a_promotion_never_lowers_the_engine_mark_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("q.db");
    let fast = FastQueue::open(&path).unwrap();
    let registration = register(&fast);
    let other = rusqlite::Connection::open(&path).unwrap();
    other
        .execute("UPDATE queue_file SET engine = 2", [])
        .unwrap();
    assert!(matches!(promote(&path), Promotion::Waiting(_)));
    let engine = "SELECT engine FROM queue_file";
    let engine: i64 = other.query_row(engine, [], |row| row.get(0)).unwrap();
    assert_eq!(engine, 2);
    drop(registration);
}
