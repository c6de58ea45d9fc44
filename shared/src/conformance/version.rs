use std::sync::Barrier;

use rusqlite::Connection;

use super::{Bench, Engine, OTHER, WORKER, settlement};
use crate::claim::ClaimRequest;
use crate::error::Result;
use crate::outcome::{Outcome, Settled};
use crate::queue::{PruneRequest, Queue};
use crate::state::State;
use crate::task::{DEFAULT_QUEUE, NewTask};

/// Raises the version of a line, as the migration of a newer program does.
fn migrate(connection: &Connection, line: &str, by: i64) {
    let raise = "UPDATE queue_schema SET version = version + ?2 WHERE line = ?1";
    assert_eq!(connection.execute(raise, (line, by)).unwrap(), 1);
}

fn lines(connection: &Connection) -> Vec<String> {
    let mut lines = connection.prepare("SELECT line FROM queue_schema").unwrap();
    let lines = lines.query_map([], |row| row.get(0)).unwrap();
    lines.map(Result::unwrap).collect()
}

/// The schema's version was looked at only when the file was opened: a worker went on in a file that a
/// newer program had migrated, and what it wrote there was of the old kind. Now every write looks.
pub fn a_file_that_a_newer_program_migrated_takes_no_write<E: Engine>() {
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
        let one = |limit| ClaimRequest::commands(WORKER, limit);
        let settle = |outcome| vec![settlement(running, outcome, None)];
        let exited = Outcome::Exited { code: 1 };
        let refused = |what: &str, result: Result<()>| {
            let error = result.expect_err(what).to_string();
            assert!(error.contains("newer version"), "{line}, {what}: {error}");
        };
        let prune = PruneRequest {
            finished_before: bench.later(1),
            states: Vec::new(),
            keep: 0,
            dry_run: false,
        };
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
        refused("reprioritize", queue.reprioritize(&[ended], 3).map(drop));
        refused("pause", queue.set_paused(DEFAULT_QUEUE, true).map(drop));
        refused("prune", queue.prune(&prune).map(drop));
        refused("repair", queue.repair().map(drop));
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
