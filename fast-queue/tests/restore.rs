//! Effects of a restore on earlier claims and ids.

#![expect(
    clippy::unwrap_used,
    reason = "a helper that fails is a test that fails"
)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use fast_queue::{
    Ageing, Change, Claim, ClaimRequest, Durability, FastQueue, Held, NewTask, OpenOptions,
    Outcome, Queue, Serves, Settled, Settlement, State, TaskId, WorkerId,
};
use queue_core::maintenance::{Restored, restore, salvage};
use queue_core::sidecar::Registration;

struct Sandbox {
    folder: tempfile::TempDir,
}

impl Sandbox {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn open(&self) -> FastQueue {
        FastQueue::open(self.path("q.db")).unwrap()
    }

    fn backup(&self, queue: &FastQueue) {
        let copy = self.path("copy.db");
        queue.database().backup(&copy, false).unwrap();
    }

    fn restore(&self) -> fast_queue::Result<Restored> {
        let options = OpenOptions::new(Durability::Fast).unwrap();
        let open = |path: &Path, options| FastQueue::open_with(path, options);
        restore(&self.path("q.db"), &self.path("copy.db"), &options, open)
    }
}

/// One worker throughout, so that only the token tells its claims apart.
const WORKER: WorkerId = WorkerId(7);

fn claim(queue: &FastQueue) -> Claim {
    let request = ClaimRequest::new(WORKER, 1).commands(true);
    queue.claim(&request).unwrap().tasks.remove(0).claim
}

fn settle(queue: &FastQueue, claim: Claim) -> Settled {
    let settlement = Settlement::new(claim, Outcome::Succeeded);
    queue.settle(vec![settlement]).unwrap().remove(0)
}

fn add(queue: &FastQueue) -> TaskId {
    queue.enqueue(vec![NewTask::shell("t", "true")]).unwrap()[0].id
}

#[test]
fn no_claim_from_before_a_restore_is_valid_after_it() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    add(&queue);
    sandbox.backup(&queue);
    let before = claim(&queue);
    let later = add(&queue);
    let of_later = claim(&queue);
    drop(queue);
    sandbox.restore().unwrap();
    let queue = sandbox.open();
    let after = claim(&queue);
    assert_eq!((before.task, before.worker), (after.task, after.worker));
    assert!(after.token > before.token);
    assert_eq!(
        queue.held(&[before, after]).unwrap(),
        [Held::Lost, Held::Held]
    );
    assert_eq!(settle(&queue, before), Settled::ClaimLost);
    let held = queue.get(later).unwrap().unwrap();
    assert_eq!(held.state, State::Cancelled);
    assert_eq!((&*held.name, held.priority), ("restored", 0));
    assert_eq!(held.work, NewTask::shell("restored", "true").work);
    assert_eq!(
        queue.get(TaskId(later.0 - 1)).unwrap().unwrap().queue,
        held.queue
    );
    // No id is used for a second task, so a claim of the first cannot be taken for one of the
    // second.
    assert!(add(&queue) > later);
    assert_eq!(settle(&queue, of_later), Settled::ClaimLost);
    assert_eq!(settle(&queue, after), Settled::Recorded(State::Succeeded));
}

#[test]
fn every_restore_is_an_epoch_of_its_own() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    add(&queue);
    sandbox.backup(&queue);
    drop(queue);
    let mut claims = Vec::new();
    for _ in 0..3 {
        sandbox.restore().unwrap();
        claims.push(claim(&sandbox.open()));
    }
    assert!(claims.is_sorted_by_key(|claim| claim.token));
    claims.dedup();
    assert_eq!(claims.len(), 3);
}

#[test]
fn a_claim_in_the_backup_is_void_and_its_task_returned() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    add(&queue);
    let running = claim(&queue);
    sandbox.backup(&queue);
    drop(queue);
    let restored = sandbox.restore().unwrap();
    assert_eq!(restored.recovered.len(), 1);
    assert_eq!(restored.recovered[0].tasks[0].claim, running);
    let queue = sandbox.open();
    let task = queue.get(running.task).unwrap().unwrap();
    assert_eq!((task.state, task.crashes), (State::Queued, 1));
    assert_eq!(settle(&queue, running), Settled::ClaimLost);
}

#[test]
fn an_empty_queue_can_be_restored() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    sandbox.backup(&queue);
    drop(queue);
    sandbox.restore().unwrap();
    let queue = sandbox.open();
    assert_eq!(add(&queue), TaskId(1));
    drop(queue);
    sandbox.restore().unwrap();
    assert_eq!(add(&sandbox.open()), TaskId(2), "no id is given out twice");
}

#[test]
fn a_worker_of_the_backup_without_claims_is_forgotten() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    let serves = Serves::new("default").commands(true);
    let registration = Registration::new(&queue, 1, serves).unwrap();
    sandbox.backup(&queue);
    registration.close(&queue).unwrap();
    drop(queue);
    assert_eq!(sandbox.restore().unwrap().recovered, []);
    assert_eq!(sandbox.open().workers().unwrap(), []);
}

#[test]
fn only_a_succeeded_task_keeps_its_token() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    let ids = [add(&queue), add(&queue)];
    let done = claim(&queue);
    settle(&queue, done);
    let called_off = claim(&queue);
    queue.cancel(&ids[1..]).unwrap();
    queue
        .settle(vec![Settlement::new(called_off, Outcome::Returned)])
        .unwrap();
    sandbox.backup(&queue);
    drop(queue);
    sandbox.restore().unwrap();
    let queue = sandbox.open();
    let [done_now, called_off_now] = ids.map(|id| queue.get(id).unwrap().unwrap());
    assert_eq!(done_now.token, done.token);
    assert_eq!(called_off_now.state, State::Cancelled);
    assert!(called_off_now.token > called_off.token);
}

#[test]
fn the_ageing_of_a_queue_is_in_backups_and_salvaged_files() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    let ageing = Some(Ageing::every(Duration::from_secs(60)).unwrap());
    queue.set_ageing("b", ageing).unwrap();
    sandbox.backup(&queue);
    queue.set_ageing("b", None).unwrap();
    drop(queue);
    sandbox.restore().unwrap();
    let options = OpenOptions::new(Durability::Fast).unwrap();
    let open = |path: &Path, options| FastQueue::open_with(path, options);
    let new = sandbox.path("new.db");
    salvage(&sandbox.path("q.db"), &new, &options, open).unwrap();
    for queue in [sandbox.open(), FastQueue::open(new).unwrap()] {
        let of_queues: Vec<_> = queue
            .queues()
            .unwrap()
            .iter()
            .map(|queue| queue.ageing)
            .collect();
        assert_eq!(of_queues, [ageing, None]);
    }
}

#[test]
fn a_held_task_is_salvaged_and_still_held() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    let held = add(&queue);
    assert_eq!(queue.hold(&[held]).unwrap(), [Change::Done(State::Blocked)]);
    let since = queue.get(held).unwrap().unwrap().held_at;
    drop(queue);
    let options = OpenOptions::new(Durability::Fast).unwrap();
    let open = |path: &Path, options| FastQueue::open_with(path, options);
    let (from, to) = (sandbox.path("q.db"), sandbox.path("new.db"));
    salvage(&from, &to, &options, open).unwrap();
    let queue = FastQueue::open(to).unwrap();
    let saved = queue.get(held).unwrap().unwrap();
    assert_eq!((saved.state, saved.held_at), (State::Blocked, since));
    assert!(since.is_some());
    let request = ClaimRequest::new(WORKER, 1).commands(true);
    assert_eq!(queue.claim(&request).unwrap().tasks, []);
    assert_eq!(
        queue.release(&[held]).unwrap(),
        [Change::Done(State::Queued)]
    );
    assert_eq!(claim(&queue).task, held);
}

#[test]
fn tasks_of_a_lost_queue_are_salvaged_into_a_paused_one() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    let kept = add(&queue);
    let tasks = vec![
        NewTask::shell("t", "true").queue("b"),
        NewTask::shell("t", "true").queue("b"),
        NewTask::handler("resize", b"".to_vec()),
    ];
    queue.enqueue(tasks).unwrap();
    drop(queue);
    let connection = rusqlite::Connection::open(sandbox.path("q.db")).unwrap();
    connection
        .execute("DELETE FROM queue_queues WHERE id > 1", [])
        .unwrap();
    drop(connection);
    let options = OpenOptions::new(Durability::Fast).unwrap();
    let open = |path: &Path, options| FastQueue::open_with(path, options);
    salvage(
        &sandbox.path("q.db"),
        &sandbox.path("new.db"),
        &options,
        open,
    )
    .unwrap();
    let queue = FastQueue::open(sandbox.path("new.db")).unwrap();
    let queues = queue.queues().unwrap();
    let told: Vec<_> = queues
        .iter()
        .map(|queue| {
            (
                &*queue.name,
                &*queue.handler,
                queue.paused_at.is_some(),
                queue.queued,
            )
        })
        .collect();
    let expected = [
        ("default", "", false, 1),
        ("lost-2", "", true, 2),
        ("lost-3", "lost", true, 1),
    ];
    assert_eq!(told, expected);
    assert_eq!(claim(&queue).task, kept);
    let broken = queue.verify().unwrap();
    assert!(
        broken.iter().all(fast_queue::Invariant::holds),
        "{broken:?}"
    );
    let now = options.clock.now().wall;
    let since = queues[1].paused_at.unwrap();
    assert!((0..60_000).contains(&now.since(since)), "{since:?}");
    queue.set_paused("lost-2", false).unwrap();
}

#[test]
fn a_restore_is_refused_while_the_database_is_open() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    let id = add(&queue);
    sandbox.backup(&queue);
    assert!(sandbox.restore().unwrap_err().is_busy());
    assert!(queue.get(id).unwrap().is_some());
    drop(queue);
    // A reader that does not know the queue prevents it, too.
    let reader = rusqlite::Connection::open(sandbox.path("q.db")).unwrap();
    let tasks = "SELECT count(*) FROM queue_tasks";
    reader
        .query_row(tasks, [], |row| row.get::<_, i64>(0))
        .unwrap();
    assert!(sandbox.restore().unwrap_err().is_busy());
    drop(reader);
    sandbox.restore().unwrap();
}

#[test]
fn a_database_that_cannot_be_read_is_replaced_and_kept() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    let id = add(&queue);
    sandbox.backup(&queue);
    drop(queue);
    std::fs::write(sandbox.path("q.db"), vec![0xaa; 9000]).unwrap();
    std::fs::write(sandbox.path("q.db-wal"), vec![0xbb; 9000]).unwrap();
    let kept = sandbox.restore().unwrap().kept.unwrap();
    assert_eq!(std::fs::read(&kept).unwrap(), vec![0xaa; 9000]);
    let log = format!("{}-wal", kept.display());
    assert_eq!(std::fs::read(log).unwrap(), vec![0xbb; 9000]);
    let queue = sandbox.open();
    assert!(queue.get(id).unwrap().is_some());
    // The number of ids that were given out is unknown.
    assert!(add(&queue).0 > 1_000_000);
    assert!(
        queue
            .verify()
            .unwrap()
            .iter()
            .all(fast_queue::Invariant::holds)
    );
}

#[test]
fn a_database_that_is_gone_may_have_given_out_any_id() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    add(&queue);
    sandbox.backup(&queue);
    drop(queue);
    for name in ["q.db", "q.db-wal", "q.db-shm"] {
        let _ = std::fs::remove_file(sandbox.path(name));
    }
    assert_eq!(sandbox.restore().unwrap().kept, None);
    assert!(add(&sandbox.open()).0 > 1_000_000);
    // If there never was a database, only the backup's ids were given out.
    let options = OpenOptions::new(Durability::Fast).unwrap();
    let (new, copy) = (sandbox.path("new.db"), sandbox.path("copy.db"));
    let open = |path: &Path, options| FastQueue::open_with(path, options);
    restore(&new, &copy, &options, open).unwrap();
    assert_eq!(add(&FastQueue::open(&new).unwrap()), TaskId(2));
}

#[test]
fn a_file_that_is_no_backup_is_refused_and_changes_nothing() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    let id = add(&queue);
    drop(queue);
    assert!(matches!(
        sandbox.restore(),
        Err(fast_queue::Error::NotFound { .. })
    ));
    std::fs::write(
        sandbox.path("copy.db"),
        "not a database at all, but text".repeat(99),
    )
    .unwrap();
    assert!(sandbox.restore().is_err());
    std::fs::write(sandbox.path("copy.db"), "").unwrap();
    assert!(sandbox.restore().is_err());
    std::fs::remove_file(sandbox.path("copy.db")).unwrap();
    std::os::unix::fs::symlink(sandbox.path("q.db"), sandbox.path("copy.db")).unwrap();
    assert!(matches!(
        sandbox.restore(),
        Err(fast_queue::Error::Invalid { .. })
    ));
    assert!(sandbox.open().get(id).unwrap().is_some());
}

#[test]
fn a_backup_does_not_replace_files_that_it_must_keep() {
    let sandbox = Sandbox::new();
    let queue = sandbox.open();
    add(&queue);
    let backup = |name: &str, replace| queue.database().backup(&sandbox.path(name), replace);
    backup("copy.db", false).unwrap();
    assert!(backup("copy.db", false).is_err(), "it exists");
    backup("copy.db", true).unwrap();
    for name in [
        "q.db",
        "q.db-wal",
        "q.db-shm",
        "q.db-journal",
        "no/copy.db",
        ".",
    ] {
        assert!(backup(name, true).is_err(), "{name}");
    }
    std::os::unix::fs::symlink(sandbox.path("copy.db"), sandbox.path("link.db")).unwrap();
    assert!(backup("link.db", true).is_err(), "a link");
    std::fs::write(sandbox.path("copy.db-wal"), "a log").unwrap();
    assert!(
        backup("copy.db", true).is_err(),
        "the log would be played into it"
    );
}
