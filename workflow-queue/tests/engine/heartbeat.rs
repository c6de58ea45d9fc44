//! The claims of a worker that is busy.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use queue_core::claim::{Claim, ClaimRequest};
use queue_core::outcome::Reason;
use queue_core::queue::Queue;
use queue_core::runtime::handlers::{Done, Handlers};
use queue_core::runtime::{Observer, Worker, WorkerEvent, WorkerOptions};
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::state::State;
use queue_core::task::NewTask;
use queue_testing::patience::until;
use rusqlite::Connection;
use workflow_queue::{SqliteOptions, WorkflowQueue};

fn open(path: &Path) -> Arc<WorkflowQueue> {
    let options = SqliteOptions::new()
        .unwrap()
        .open(OpenOptions::new(Durability::Fast).unwrap())
        .lease(Duration::from_secs(3));
    Arc::new(WorkflowQueue::open_with(path, options).unwrap())
}

/// An observer that returns from the first start only long after the first lease would have ended,
/// and then lets the command end.
struct Dawdler {
    file: Connection,
    task: i64,
    done: PathBuf,
}

/// End of the lease of a running task.
fn lease_until(file: &Connection, task: i64) -> i64 {
    let sql = "SELECT lease_until FROM queue_tasks WHERE id = ?1 AND state = 3";
    file.query_row(sql, [task], |row| row.get(0)).unwrap()
}

impl Observer for Dawdler {
    fn on(&mut self, event: &WorkerEvent) {
        if matches!(event, WorkerEvent::Started { .. }) {
            let first = lease_until(&self.file, self.task);
            until("the lease is extended", || {
                lease_until(&self.file, self.task) >= first + 4_000
            });
            std::fs::write(&self.done, "").unwrap();
        }
    }
}

#[test]
fn an_observer_slower_than_a_lease_costs_no_claim() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let queue = open(&path);
    let done = folder.path().join("done");
    let waits = format!("while ! test -e '{}'; do sleep 0.02; done", done.display());
    let task = queue.enqueue(vec![NewTask::shell("task", waits)]).unwrap()[0].id;
    let mut dawdler = Dawdler {
        file: Connection::open(&path).unwrap(),
        task: task.0,
        done,
    };
    let options = WorkerOptions::new(NonZeroU32::MIN)
        .commands(true)
        .drain(true);
    let worker = Worker::new(Arc::clone(&queue), options).unwrap();
    let summary = worker.run(&mut dawdler).unwrap();
    assert_eq!((summary.succeeded, summary.lost), (1, 0));
    let attempts = queue.attempts(task).unwrap();
    let states: Vec<_> = attempts.iter().map(|one| one.state).collect();
    assert_eq!(states, [State::Succeeded]);
}

/// A claim that its worker does not know of, as after a commit of unknown result, stayed for as
/// long as the worker extended any other claim: the task waited for ever.
#[test]
fn a_forgotten_claim_returns_while_its_worker_extends_others() {
    let folder = tempfile::tempdir().unwrap();
    let queue = open(&folder.path().join("w.db"));
    let done = folder.path().join("done").display().to_string();
    let left_behind = NewTask::shell("left behind", format!("touch '{done}'"));
    let waits = format!("while ! test -e '{done}'; do sleep 0.02; done");
    let added = queue
        .enqueue(vec![
            left_behind.priority(1),
            NewTask::shell("waits", waits),
        ])
        .unwrap();
    let options = WorkerOptions::new(NonZeroU32::new(2).unwrap())
        .commands(true)
        .drain(true);
    let worker = Worker::new(Arc::clone(&queue), options).unwrap();
    let claims = queue
        .claim(&ClaimRequest::new(worker.id(), 1).commands(true))
        .unwrap();
    assert_eq!(claims.tasks[0].claim.task, added[0].id);
    let mut expired = Vec::new();
    let summary = worker.run(&mut Recoveries(&mut expired)).unwrap();
    assert_eq!(
        (summary.succeeded, summary.lost, summary.recovered),
        (2, 0, 0)
    );
    assert_eq!(expired, [claims.tasks[0].claim]);
    let attempts = queue.attempts(added[0].id).unwrap();
    let ends: Vec<_> = attempts.iter().map(|one| (one.reason, one.state)).collect();
    let crash = (Some(Reason::Crash), State::Queued);
    assert_eq!(ends, [crash, (None, State::Succeeded)]);
}

#[test]
fn the_lease_of_a_handler_that_its_worker_left_is_extended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.db");
    let queue = open(&path);
    let task = queue.enqueue(vec![NewTask::handler("stuck", b"")]).unwrap()[0].id;
    let (begins, began) = mpsc::channel();
    let (end, ends) = mpsc::channel::<()>();
    let ends = Mutex::new(ends);
    let handlers = Handlers::new().register("stuck", move |_| {
        begins.send(())?;
        ends.lock().unwrap().recv()?;
        Ok(Done::Succeeded)
    });
    let mut options = WorkerOptions::new(NonZeroU32::MIN).handlers(handlers);
    options.grace = Duration::from_millis(100);
    let worker = Worker::new(Arc::clone(&queue), options).unwrap();
    let stopper = worker.stopper();
    let running = std::thread::spawn(move || worker.run(&mut ()).unwrap());
    began.recv().unwrap();
    stopper.stop();
    assert_eq!(running.join().unwrap().left_running, 1);
    let file = Connection::open(&path).unwrap();
    let first = lease_until(&file, task.0);
    until("the lease is extended twice over", || {
        lease_until(&file, task.0) >= first + 4_000
    });
    end.send(()).unwrap();
    until("the worker is deregistered", || {
        queue.workers().unwrap().is_empty()
    });
    let states: Vec<_> = queue.attempts(task).unwrap();
    let states: Vec<_> = states.iter().map(|one| one.state).collect();
    assert_eq!(states, [State::Succeeded]);
}

/// Records the claims that were returned because their leases ran out.
struct Recoveries<'a>(&'a mut Vec<Claim>);

impl Observer for Recoveries<'_> {
    fn on(&mut self, event: &WorkerEvent) {
        if let WorkerEvent::Recovered(recovered) = event {
            assert!(recovered.expired, "{recovered:?}");
            self.0.extend(recovered.tasks.iter().map(|one| one.claim));
        }
    }
}
