//! The sums of queues: each task and event is in them once, whatever is deleted, whoever folds, and they
//! begin anew with a restore.

use std::path::Path;
use std::sync::Arc;
use std::thread;

use queue_core::clock::{Clock, Timestamp};
use queue_core::journal::{AttemptEnd, Rollup, Span, Sums};
use queue_core::maintenance::restore;
use queue_core::outcome::Outcome;
use queue_core::queue::{Monitored as _, PruneRequest, Queue as _};
use queue_core::settings::FileSetting;
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::task::NewTask;
use rusqlite::Connection;
use workflow_queue::{SqliteOptions, WorkflowQueue};

use crate::verify::broken;
use crate::{Bench, FAILED, Workflows as _, once};

/// The sums of all queues, after a fold of everything.
fn folded(bench: &Bench) -> Vec<Rollup> {
    assert!(bench.queue.fold(1_000).unwrap());
    assert_eq!(broken(bench), Vec::<&str>::new());
    all(&bench.queue)
}

fn all(queue: &WorkflowQueue) -> Vec<Rollup> {
    queue.rollups(Span::All, Timestamp(0)).unwrap()
}

/// The sums of the only queue.
fn only(bench: &Bench) -> Sums {
    let mut all = folded(bench);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0).sums
}

fn succeed(bench: &Bench, count: usize) {
    for _ in 0..count {
        bench.ended(NewTask::shell("a", "true"), Outcome::Succeeded);
    }
}

fn prune_all(bench: &Bench) -> u64 {
    bench
        .queue
        .prune(&PruneRequest::new(Timestamp(i64::MAX)))
        .unwrap()
}

#[test]
fn every_attempt_is_in_the_sums_of_its_queue_by_its_end() {
    let bench = Bench::default();
    succeed(&bench, 2);
    bench.flow(vec![once("fails")]);
    bench.settle(bench.claim_only(), FAILED);
    bench.add(NewTask::shell("retried", "true"));
    bench.settle(bench.claim_only(), FAILED);
    let id = bench.add(NewTask::handler("h", b"").queue("mail"));
    bench.queue.cancel(&[id]).unwrap();
    let all = folded(&bench);
    let names: Vec<&str> = all.iter().map(|one| one.queue.as_str()).collect();
    assert_eq!(names, ["default", "mail"]);
    let sums = &all[0].sums;
    let ends = AttemptEnd::ALL.map(|end| sums.ended(end));
    assert_eq!((sums.enqueued, ends), (4, [2, 1, 1, 0, 0]));
    assert_eq!((sums.run.count(), sums.wait.count()), (4, 4));
    // It was cancelled before an attempt.
    assert_eq!((all[1].sums.enqueued, all[1].sums.all_ended()), (1, 0));
}

#[test]
fn waits_and_runs_are_measured() {
    let bench = Bench::default();
    bench.shell("a");
    bench.advance(3_000);
    let claim = bench.claim_only();
    bench.advance(70);
    bench.settle(claim, Outcome::Succeeded);
    let sums = only(&bench);
    assert_eq!((sums.wait.sum_us(), sums.run.sum_us()), (3_000_000, 70_000));
    let minutes = bench.queue.rollups(Span::Minute, Timestamp(0)).unwrap();
    let attempts: u64 = minutes.iter().map(|one| one.sums.all_ended()).sum();
    assert_eq!(attempts, 1);
}

#[test]
fn any_number_of_folders_count_once() {
    let bench = Bench::default();
    let others: Vec<_> = (0..3).map(|_| bench.another()).collect();
    let rounds = 20;
    thread::scope(|scope| {
        for queue in &others {
            scope.spawn(|| {
                for _ in 0..rounds * 2 {
                    queue.fold(2).unwrap();
                }
            });
        }
        for _ in 0..rounds {
            succeed(&bench, 3);
            bench.queue.fold(1).unwrap();
        }
    });
    let sums = only(&bench);
    assert_eq!((sums.enqueued, sums.ended(AttemptEnd::Succeeded)), (60, 60));
}

#[test]
fn sums_survive_the_end_of_the_process() {
    let bench = Bench::default();
    succeed(&bench, 2);
    let before = only(&bench);
    let again = bench.another();
    assert!(again.fold(1).unwrap());
    assert_eq!(all(&again)[0].sums, before);
}

#[test]
fn tasks_that_are_pruned_before_a_fold_are_in_the_sums() {
    let bench = Bench::default();
    succeed(&bench, 4);
    assert_eq!(prune_all(&bench), 3);
    assert_eq!(only(&bench).enqueued, 4);
    succeed(&bench, 2);
    assert_eq!(prune_all(&bench), 2);
    let sums = only(&bench);
    assert_eq!((sums.enqueued, sums.ended(AttemptEnd::Succeeded)), (6, 6));
}

/// Somebody reads the tasks to add them; before the addition they are pruned, which adds them as well.
#[test]
fn a_prune_between_the_reading_and_the_adding_of_a_fold_counts_once() {
    let bench = Bench::default();
    let pruner = bench.another();
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..60 {
                bench.queue.fold(1).unwrap();
            }
        });
        for _ in 0..20 {
            succeed(&bench, 2);
            let request = PruneRequest::new(Timestamp(i64::MAX)).keep(1);
            pruner.prune(&request).unwrap();
        }
    });
    assert_eq!(only(&bench).enqueued, 40);
}

#[test]
fn events_that_are_trimmed_before_a_fold_are_in_the_sums() {
    let bench = Bench::default();
    let retain = Some(3_600_000);
    bench
        .queue
        .change_setting(FileSetting::Retain, retain)
        .unwrap();
    succeed(&bench, 3);
    bench.advance(3_601_000);
    assert!(bench.queue.trim_log().unwrap() > 2);
    let sums = only(&bench);
    assert_eq!((sums.enqueued, sums.ended(AttemptEnd::Succeeded)), (3, 3));
}

#[test]
fn old_minutes_and_hours_are_deleted_and_the_whole_stays() {
    let bench = Bench::default();
    let day = 86_400_000;
    let spans = |span| bench.queue.rollups(span, Timestamp(0)).unwrap().len();
    for (days, minutes, hours) in [(0, 1, 1), (3, 1, 2), (91, 1, 1)] {
        bench.advance(days * day);
        succeed(&bench, 1);
        folded(&bench);
        assert_eq!(
            (spans(Span::Minute), spans(Span::Hour)),
            (minutes, hours),
            "{days}"
        );
    }
    assert_eq!(only(&bench).enqueued, 3);
}

/// A scraper takes a counter that went back to a smaller number for one that began anew, and adds all
/// of it to the rate: after a restore, all tasks of the file seemed to have come in one interval.
#[test]
fn a_restore_begins_the_sums_of_all_time_anew() {
    let bench = Bench::default();
    succeed(&bench, 3);
    folded(&bench);
    succeed(&bench, 1);
    let copy = bench.path().with_extension("copy");
    bench.queue.database().backup(&copy, false).unwrap();
    let restored = bench.path().with_file_name("restored.db");
    let clock = || Arc::clone(&bench.clock) as Arc<dyn Clock>;
    let options = || OpenOptions::new(Durability::Fast).unwrap().clock(clock());
    let open = |path: &Path, options| {
        WorkflowQueue::open_with(path, SqliteOptions::new().unwrap().open(options))
    };
    restore(&restored, &copy, &options(), open).unwrap();
    let queue = open(&restored, options()).unwrap();
    assert!(queue.fold(10).unwrap());
    assert_eq!(all(&queue), []);
    // What was not folded before is in the minutes all the same.
    let minutes = queue.rollups(Span::Minute, Timestamp(0)).unwrap();
    let enqueued: u64 = minutes.iter().map(|one| one.sums.enqueued).sum();
    assert!(enqueued >= 4, "{minutes:?}");
    queue.enqueue(vec![NewTask::shell("b", "true")]).unwrap();
    assert!(queue.fold(10).unwrap());
    assert_eq!(all(&queue)[0].sums.enqueued, 1);
    assert!(
        queue
            .verify()
            .unwrap()
            .iter()
            .all(workflow_queue::Invariant::holds)
    );
}

#[test]
fn sums_that_differ_from_the_log_are_found_and_begun_anew() {
    for sql in [
        "DELETE FROM queue_rollups WHERE span = 0",
        "UPDATE queue_folded SET seq = seq - 1",
        "UPDATE queue_folded SET task = task - 1",
        "UPDATE queue_rollups SET sums = x'00'",
    ] {
        let bench = Bench::default();
        succeed(&bench, 3);
        folded(&bench);
        Connection::open(bench.path())
            .unwrap()
            .execute(sql, [])
            .unwrap();
        let name = "the sums of all time are those of the log";
        assert_eq!(broken(&bench), [name], "{sql}");
        bench.queue.repair().unwrap();
        assert_eq!(broken(&bench), Vec::<&str>::new(), "{sql}");
        succeed(&bench, 1);
        folded(&bench);
    }
}
