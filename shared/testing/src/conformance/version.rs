use std::sync::{Arc, Barrier};

use rusqlite::Connection;

use super::{Bench, Engine, OTHER, WORKER, settlement};
use queue_core::claim::ClaimRequest;
use queue_core::clock::SystemClock;
use queue_core::error::Result;
use queue_core::outcome::{Outcome, Settled};
use queue_core::queue::{Edit, ListQuery, PruneRequest, Queue};
use queue_core::random::SystemRandom;
use queue_core::runtime::handlers::{Done as Answer, Handlers};
use queue_core::runtime::{Observer, Stopper, Worker, WorkerEvent, WorkerOptions};
use queue_core::state::State;
use queue_core::task::{DEFAULT_QUEUE, NewTask, TaskId};

/// Raises the version of a schema line and changes the schema, as the migration of a newer program
/// does.
fn migrate(connection: &Connection, line: &str, by: i64) {
    connection.execute_batch("SAVEPOINT migration").unwrap();
    let raise = "UPDATE queue_schema SET version = version + ?2 WHERE line = ?1";
    assert_eq!(connection.execute(raise, (line, by)).unwrap(), 1);
    let change = "CREATE TABLE queue_newer (id INTEGER PRIMARY KEY) STRICT; DROP TABLE queue_newer";
    connection.execute_batch(change).unwrap();
    connection.execute_batch("RELEASE migration").unwrap();
}

fn lines(connection: &Connection) -> Vec<String> {
    let mut lines = connection.prepare("SELECT line FROM queue_schema").unwrap();
    let lines = lines.query_map([], |row| row.get(0)).unwrap();
    lines.map(Result::unwrap).collect()
}

/// Only the open of a file checked the schema's version: a worker went on in a file that a newer
/// program had migrated, and wrote rows of the old format. Now every write checks it.
pub fn writes_to_a_file_that_a_newer_program_migrated_are_refused<E: Engine>() {
    let bench = Bench::<E>::default();
    let queue = &bench.queue;
    bench.shell("queued");
    let running = bench.claim_only();
    bench.shell("waits");
    let ended = bench.add(NewTask::shell("ended", "true").queue("other"));
    queue.cancel(&[ended]).unwrap();
    let other = Connection::open(bench.path()).unwrap();
    let commits = || other.pragma_query_value(None, "data_version", |row| row.get::<_, i64>(0));
    for line in lines(&other) {
        migrate(&other, &line, 1);
        let before = commits().unwrap();
        let one = |limit| ClaimRequest::new(WORKER, limit).commands(true);
        let settle = |outcome| vec![settlement(running, outcome, None)];
        let exited = Outcome::Exited { code: 1 };
        let refused = |what: &str, result: Result<()>| {
            let error = result.expect_err(what).to_string();
            assert!(error.contains("newer version"), "{line}, {what}: {error}");
        };
        let prune = PruneRequest::new(bench.later(1));
        let task = |queue: &str| NewTask::shell("new", "true").queue(queue);
        let tasks = |queues: &[&str]| queues.iter().map(|queue| task(queue)).collect::<Vec<_>>();
        refused("enqueue", queue.enqueue(tasks(&[DEFAULT_QUEUE])).map(drop));
        refused("enqueue", queue.enqueue(tasks(&["new", "other"])).map(drop));
        refused("claim", queue.claim(&one(1)).map(drop));
        refused("claim", queue.claim(&one(20)).map(drop));
        refused("settle", queue.settle(settle(Outcome::Succeeded)).map(drop));
        refused("settle", queue.settle(settle(exited.clone())).map(drop));
        let both = queue.settle_and_claim(settle(Outcome::Succeeded), &one(1));
        refused("both", both.and_then(|(_, claims)| claims.map(drop)));
        if queue.lease().is_some() {
            refused("heartbeat", queue.heartbeat(&[running]).map(drop));
            refused("expire", queue.expire(&[running]).map(drop));
        }
        refused("deregister", queue.deregister(OTHER));
        refused("reap", queue.reap(WORKER).map(drop));
        refused("cancel", queue.cancel(&[running.task]).map(drop));
        refused("retry", queue.retry(&[ended]).map(drop));
        refused("hold", queue.hold(&[ended]).map(drop));
        refused("rerun", queue.rerun(&[ended], false).map(drop));
        refused("start", queue.start(&[ended]).map(drop));
        let edit = Edit::new().priority(1);
        refused("edit", queue.edit(&[ended], &edit).map(drop));
        refused("release", queue.release(&[ended]).map(drop));
        refused("reprioritize", queue.reprioritize(&[ended], 3).map(drop));
        refused("pause", queue.set_paused(DEFAULT_QUEUE, true).map(drop));
        refused("ageing", queue.set_ageing(DEFAULT_QUEUE, None).map(drop));
        refused("prune", queue.prune(&prune).map(drop));
        E::transaction(&bench.path(), true, |tx| {
            refused("enqueue_in", queue.enqueue_in(tx, &tasks(&["x"])).map(drop));
            let settled = queue.settle_in(tx, &settle(Outcome::Succeeded));
            refused("settle_in", settled.map(drop));
        });
        assert_eq!(commits().unwrap(), before, "{line}");
        assert_eq!(bench.state(running.task), State::Running);
        migrate(&other, &line, -1);
    }
    assert_eq!(
        bench.settle(running, Outcome::Succeeded),
        Settled::Recorded(State::Succeeded)
    );
}

pub fn a_settle_that_waits_for_a_migration_is_refused_after_it<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.shell("running");
    let running = bench.claim_only();
    let other = Connection::open(bench.path()).unwrap();
    for outcome in [Outcome::Succeeded, Outcome::Exited { code: 1 }] {
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let begun = Barrier::new(2);
        std::thread::scope(|scope| {
            let settle = scope.spawn(|| {
                begun.wait();
                let settlements = vec![settlement(running, outcome, None)];
                bench.queue.settle(settlements).map(drop)
            });
            begun.wait();
            migrate(&other, "core", 1);
            other.execute_batch("COMMIT").unwrap();
            let refused = settle.join().unwrap().unwrap_err().to_string();
            assert!(refused.contains("newer version"), "{refused}");
        });
        migrate(&other, "core", -1);
    }
    assert_eq!(bench.state(running.task), State::Running);
}

/// Writes values into a task's row that a newer program may have written.
fn write_newer(bench: &Bench<impl Engine>, id: TaskId, set: &str) {
    let other = Connection::open(bench.path()).unwrap();
    let update = format!("UPDATE queue_tasks SET {set} WHERE id = ?1");
    assert_eq!(other.execute(&update, [id.0]).unwrap(), 1);
}

const NEWER_OPTIONS: &str = r#"options = '{"max_attempts":2,"cpus":4}'"#;

fn expect_sound(bench: &Bench<impl Engine>) {
    for invariant in bench.queue.verify().unwrap() {
        assert!(invariant.holds(), "{invariant:?}");
    }
}

/// One task with options of a newer version stopped every worker, since each met that task first at
/// its claim. Now a claim sets it aside, and other tasks are claimed.
pub fn a_task_that_a_newer_version_wrote_is_set_aside_and_the_others_go_on<E: Engine>() {
    let bench = Bench::<E>::default();
    let newer = [
        (NewTask::shell("options", "true"), NEWER_OPTIONS),
        (NewTask::shell("kind", "true"), "kind = 7"),
        (NewTask::shell("command", "true"), "payload = x'ff'"),
        (NewTask::handler("handler", "resize"), NEWER_OPTIONS),
    ];
    let newer = newer.map(|(task, set)| {
        let id = bench.add(task.priority(9));
        write_newer(&bench, id, set);
        id
    });
    let others = [bench.shell("one"), bench.shell("two"), bench.shell("three")];
    let both = ClaimRequest::new(WORKER, 1)
        .commands(true)
        .handlers(["resize"]);
    assert_eq!(bench.claim_ids(1), others[..1]);
    let across = bench.queue.claim(&both).unwrap().tasks;
    assert_eq!(across[0].claim.task, others[1]);
    assert_eq!(bench.claim_ids(9), others[2..]);
    assert!(bench.queue.claim(&both).unwrap().tasks.is_empty());
    for id in newer {
        let task = bench.task(id);
        assert_eq!((task.state, task.token), (State::Queued, 0));
        assert!(task.set_aside.is_some(), "{task:?}");
    }
    let why = bench.task(newer[0]).set_aside.unwrap();
    assert!(why.contains("newer") && why.contains("cpus"), "{why}");
    assert_eq!(bench.task(newer[0]).options.max_attempts, 2);
    let query = ListQuery::new().limit(10);
    assert_eq!(bench.queue.list(&query).unwrap().len(), 7);
    write_newer(&bench, newer[2], "payload = x'66'");
    expect_sound(&bench);
}

pub fn a_task_set_aside_is_taken_back_by_a_worker_that_can_read_it<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("newer");
    write_newer(&bench, id, NEWER_OPTIONS);
    assert_eq!(bench.claim_ids(1), []);
    bench.idle_worker().close(&bench.queue).unwrap();
    assert_eq!(bench.claim_ids(1), [], "it still cannot be read");
    // A newer program reads it.
    write_newer(&bench, id, "options = NULL");
    let why = bench.task(id).set_aside.unwrap();
    assert!(why.contains("takes it back"), "{why}");
    bench.idle_worker().close(&bench.queue).unwrap();
    assert_eq!(bench.task(id).set_aside, None);
    assert_eq!(bench.claim_ids(1), [id]);
    expect_sound(&bench);
}

/// A task set aside by an older worker waited until a newer worker started, even if one was
/// running.
pub fn a_task_set_aside_is_taken_back_by_a_worker_that_runs_already<E: Engine>() {
    let bench = Bench::<E>::default();
    let handlers = Handlers::new().register("resize", |_| Ok(Answer::Succeeded));
    let options = WorkerOptions::new(std::num::NonZeroU32::MIN).handlers(handlers);
    // The worker sleeps, so its clock must run.
    let random = Arc::new(SystemRandom::seeded(1));
    let queue = E::open(&bench.path(), Arc::new(SystemClock), random).unwrap();
    let worker = Worker::new(Arc::new(queue), options).unwrap();
    let id = bench.add(NewTask::handler("resize", []));
    write_newer(&bench, id, NEWER_OPTIONS);
    let request = ClaimRequest::new(OTHER, 1)
        .commands(true)
        .handlers(["resize"]);
    assert!(bench.queue.claim(&request).unwrap().tasks.is_empty());
    assert!(bench.task(id).set_aside.is_some());
    // The running worker can read this; the older one could not.
    write_newer(&bench, id, "options = NULL");
    let stopper = worker.stopper();
    std::thread::scope(|scope| {
        let run = scope.spawn(|| worker.run(&mut StopsAtEnd(stopper)));
        assert_eq!(run.join().unwrap().unwrap().succeeded, 1);
    });
    expect_sound(&bench);
}

/// Stops a worker at the end of a task.
struct StopsAtEnd(Stopper);

impl Observer for StopsAtEnd {
    fn on(&mut self, event: &WorkerEvent) {
        if matches!(event, WorkerEvent::Ended { .. }) {
            self.0.stop();
        }
    }
}

pub fn many_tasks_of_a_newer_version_do_not_hold_up_the_others<E: Engine>() {
    let bench = Bench::<E>::default();
    let many = (0..2_500).map(|_| NewTask::shell("newer", "true"));
    bench.queue.enqueue(many.collect()).unwrap();
    let other = Connection::open(bench.path()).unwrap();
    other
        .execute(&format!("UPDATE queue_tasks SET {NEWER_OPTIONS}"), [])
        .unwrap();
    let last = bench.shell("last");
    let request = ClaimRequest::new(WORKER, 5).commands(true);
    let mut claims = 0;
    loop {
        claims += 1;
        let claimed = bench.queue.claim(&request).unwrap();
        if let [task] = claimed.tasks.as_slice() {
            assert_eq!(task.claim.task, last);
            break;
        }
        assert_eq!(
            claimed.next_due,
            Some(bench.now()),
            "the rest comes at once"
        );
    }
    assert_eq!(claims, 3);
}

pub fn a_running_task_of_a_newer_version_is_settled_by_the_fields_this_one_knows<E: Engine>() {
    let bench = Bench::<E>::default();
    let (settled, reaped) = (bench.shell("settled"), bench.shell("reaped"));
    let claims = bench.claim(2);
    for id in [settled, reaped] {
        write_newer(&bench, id, NEWER_OPTIONS);
    }
    let exited = Outcome::Exited { code: 1 };
    let state = bench.settle(claims[0].claim, exited);
    assert_eq!(state, Settled::Recorded(State::Scheduled));
    let returned = bench.queue.reap(WORKER).unwrap();
    assert_eq!(returned[0].claim.task, reaped);
    assert_eq!(bench.state(reaped), State::Queued);
    write_newer(&bench, settled, "reason = 200");
    assert_eq!(bench.task(settled).reason, None);
}
