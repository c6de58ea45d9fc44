//! A small file of fast-queue, and checks of it after a killed promotion.

use std::path::{Path, PathBuf};

use fast_queue::FastQueue;
use queue_core::error::{Error, Result};
use queue_core::queue::ListQuery;
use queue_core::{
    Claim, ClaimRequest, NewTask, Outcome, Queue, Settled, Settlement, State, Task, TaskId,
    Timestamp, WorkerId,
};
use workflow_queue::{Promotion, SqliteOptions, WorkflowQueue, promote_file};

/// Owner of the file after a killed promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileOwner {
    /// fast-queue, as before.
    Fast,
    /// No engine, until another promotion finishes.
    Promoting,
    /// workflow-queue.
    Promoted,
}

/// A file with a task in every state that fast-queue knows. One of them runs for a dead worker.
pub(crate) struct Template {
    folder: tempfile::TempDir,
    tasks: Vec<Task>,
}

const DEAD: WorkerId = WorkerId(5);
const WORKER: WorkerId = WorkerId(9);

impl Template {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let queue = FastQueue::open(folder.path().join("q.db")).unwrap();
        let task = |name: &str| NewTask::shell(name, "true");
        let late = task("late").run_at(Timestamp(queue.now().wall.0 + 86_400_000));
        let all = ["one", "two", "three", "four", "five", "six"].map(task);
        queue.enqueue([&all[..], &[late]].concat()).unwrap();
        queue.cancel(&[TaskId(3)]).unwrap();
        let ended = claim(&queue, WORKER, 1);
        settle(&queue, &ended);
        assert_eq!(claim(&queue, DEAD, 1)[0].task, TaskId(2));
        let all = ListQuery::new().limit(100);
        let tasks = queue.list(&all).unwrap();
        assert_eq!(tasks.len(), 7);
        Self { folder, tasks }
    }

    /// Copies the file into a new folder.
    pub(crate) fn copy(&self) -> Copied {
        let folder = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(self.folder.path()).unwrap().flatten() {
            if entry.file_type().unwrap().is_file() {
                std::fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
            }
        }
        Copied { folder }
    }

    /// Checks a file after a killed promotion: exactly its owner can use it, the next promotion
    /// finishes, every task is unchanged except those that a worker has finished since, and all tasks
    /// can be run. Returns the owner before the next promotion.
    pub(crate) fn check(&self, path: &Path, finished: &[Claim]) -> FileOwner {
        let owner = owner(path);
        let promotion = promote_file(path, SqliteOptions::new().unwrap().open).unwrap();
        assert_eq!(promotion, Promotion::Done, "{owner:?}");
        let flow = WorkflowQueue::open(path).unwrap();
        let is_finished = |id: TaskId| finished.iter().any(|claim| claim.task == id);
        for before in &self.tasks {
            let now = flow.get(before.id).unwrap().unwrap();
            if is_finished(before.id) {
                assert_eq!(now.state, State::Succeeded, "{owner:?}");
            } else {
                assert_eq!(now, *before, "{owner:?}");
            }
        }
        assert_eq!(flow.reap(DEAD).unwrap().len(), 1, "{owner:?}");
        let claims = claim(&flow, WORKER, 100);
        let mut tasks: Vec<TaskId> = claims.iter().map(|claim| claim.task).collect();
        tasks.sort_unstable();
        // `owner` adds a task if it can.
        let last = flow.last_id().unwrap().unwrap().0;
        let due = (2..=last).filter(|id| ![3, 7].contains(id)).map(TaskId);
        let due: Vec<TaskId> = due.filter(|id| !is_finished(*id)).collect();
        assert_eq!(tasks, due, "{owner:?}");
        settle(&flow, &claims);
        owner
    }
}

/// A copy of the template's file.
pub(crate) struct Copied {
    folder: tempfile::TempDir,
}

impl Copied {
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("q.db")
    }
}

/// The engine that accepts work, found by enqueueing a task.
fn owner(path: &Path) -> FileOwner {
    let new = || vec![NewTask::shell("new", "true")];
    let fast = FastQueue::open(path).unwrap();
    let to_fast = fast.enqueue(new());
    let flow = WorkflowQueue::open(path).unwrap();
    let to_flow = flow.enqueue(new());
    match (to_fast, to_flow) {
        (Ok(_), Err(Error::Unusable { .. })) => FileOwner::Fast,
        (Err(Error::Promoted { .. }), Err(Error::Unusable { .. })) => FileOwner::Promoting,
        (Err(Error::Promoted { .. }), Ok(_)) => FileOwner::Promoted,
        other => panic!("the file belongs to neither engine: {other:?}"),
    }
}

/// Claims up to `limit` tasks.
pub(crate) fn claim(queue: &impl Queue, worker: WorkerId, limit: usize) -> Vec<Claim> {
    try_claim(queue, worker, limit).unwrap()
}

/// As [`claim`], on a file that may have a new owner.
pub(crate) fn try_claim(queue: &impl Queue, worker: WorkerId, limit: usize) -> Result<Vec<Claim>> {
    let claims = queue.claim(&ClaimRequest::new(worker, limit).commands(true))?;
    Ok(claims.tasks.into_iter().map(|task| task.claim).collect())
}

/// Settles the claims as succeeded, which must be recorded.
pub(crate) fn settle(queue: &impl Queue, claims: &[Claim]) {
    let settlements = claims
        .iter()
        .map(|claim| Settlement::new(*claim, Outcome::Succeeded));
    for settled in queue.settle(settlements.collect()).unwrap() {
        assert_eq!(settled, Settled::Recorded(State::Succeeded));
    }
}
