//! The records of slots that fired or did not, and backfills of those that did not.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use queue_core::clock::{Clock, Timestamp};
use queue_core::maintenance::restore;
use queue_core::outcome::Outcome;
use queue_core::queue::{PruneRequest, Queue};
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use queue_testing::conformance::{Engine as _, ManualClock};
use workflow_queue::schedule::firing::{FiringResult, SkipReason};
use workflow_queue::schedule::spec::{CatchUp, Rules, Spec};
use workflow_queue::{Backfill, NewSchedule, SqliteOptions, WorkflowQueue, WorkflowTask};

use crate::Bench;
use crate::schedules::{MINUTE, added, catch_up, claim, every_minute, firings, ids};

#[test]
fn a_backfill_fires_what_was_skipped_one_after_the_other() {
    let bench = Bench::default();
    let start = bench.now();
    added(&bench, catch_up(CatchUp::Latest));
    bench.advance(10 * MINUTE);
    let newest = claim(&bench, 9).remove(0).claim;
    bench.settle(newest, Outcome::Succeeded);
    let at = |minute: i64| Timestamp(start.0 + minute * 60_000);
    let backfill = Backfill::new(at(4), at(10))
        .concurrency(NonZeroU32::MIN)
        .again(false);
    let schedules = bench.queue.schedules();
    assert_eq!(schedules.plan_backfill("tick", &backfill).unwrap().len(), 6);
    let enqueued = schedules.backfill("tick", &backfill).unwrap();
    assert_eq!(claim(&bench, 9).len(), 1, "one runs at a time");
    let missed = SkipReason::Missed;
    let (fired, skipped) = firings(&bench, start);
    assert_eq!(fired, [4, 5, 6, 7, 8, 9, 10]);
    assert_eq!(skipped, [(1, 3, missed)]);
    assert_eq!(schedules.plan_backfill("tick", &backfill).unwrap(), []);
    let again = backfill.again(true);
    let recorded = || schedules.firings("tick", Timestamp::MAX, 9).unwrap();
    let first_tasks = recorded();
    assert_eq!(schedules.backfill("tick", &again).unwrap().len(), 7);
    assert_eq!(recorded(), first_tasks, "a record keeps its first task");
    assert_eq!(enqueued.len(), 6);
    assert!(
        bench
            .queue
            .verify()
            .unwrap()
            .iter()
            .all(workflow_queue::Invariant::holds)
    );
}

/// The range of missed slots began at one that a backfill had fired meanwhile, and was not recorded.
#[test]
fn slots_around_those_of_a_backfill_are_recorded() {
    let bench = Bench::default();
    let start = bench.now();
    added(&bench, catch_up(CatchUp::Latest));
    bench.advance(4 * MINUTE);
    let at = |minute: i64| Timestamp(start.0 + minute * 60_000);
    for (from, until) in [(1, 1), (3, 3)] {
        let backfill = Backfill::new(at(from), at(until))
            .concurrency(NonZeroU32::MIN)
            .again(false);
        bench.queue.schedules().backfill("tick", &backfill).unwrap();
    }
    bench.advance(2 * MINUTE);
    claim(&bench, 9);
    let missed = SkipReason::Missed;
    let skipped = vec![(2, 2, missed), (4, 5, missed)];
    assert_eq!(firings(&bench, start), (vec![1, 3, 6], skipped));
}

#[test]
fn a_pruned_task_leaves_its_firing_and_a_removed_schedule_its_tasks() {
    let bench = Bench::default();
    let start = bench.now();
    added(&bench, Rules::default());
    let mut last = None;
    for _ in 0..2 {
        bench.advance(MINUTE);
        let claim = claim(&bench, 1).remove(0).claim;
        bench.settle(claim, Outcome::Succeeded);
        last = Some(claim.task);
    }
    let request = PruneRequest::new(bench.later(1)).keep(0).dry_run(false);
    assert_eq!(bench.queue.prune(&request).unwrap(), 1);
    assert_eq!(firings(&bench, start).0, [1, 2]);
    let schedules = bench.queue.schedules();
    schedules.remove("tick").unwrap();
    assert!(schedules.get("tick").unwrap().is_none());
    assert_eq!(bench.state(last.unwrap()), State::Succeeded);
    // A schedule of the same name is another one.
    added(&bench, Rules::default());
    assert_eq!(schedules.tasks("tick", TaskId(i64::MAX), 9).unwrap(), []);
    assert!(
        bench
            .queue
            .verify()
            .unwrap()
            .iter()
            .all(workflow_queue::Invariant::holds)
    );
}

#[test]
fn firings_are_kept_for_ninety_days_and_none_of_them_is_repeated() {
    let bench = Bench::default();
    let day = Duration::from_secs(86_400);
    let mut new = every_minute(&bench, catch_up(CatchUp::All));
    new.spec = Spec::every(day, bench.now(), "UTC").unwrap();
    bench.queue.schedules().add(&new).unwrap();
    for _ in 0..200 {
        bench.advance(86_400_000);
        let claimed = claim(&bench, 1).remove(0).claim;
        bench.settle(claimed, Outcome::Succeeded);
    }
    let schedules = bench.queue.schedules();
    let kept = schedules.firings("tick", Timestamp::MAX, 1_000).unwrap();
    assert_eq!(kept.len(), 91);
    let floor = schedules.get("tick").unwrap().unwrap().floor;
    assert_eq!(floor.0, kept[90].slot.0 - 86_400_000);
    // Not even after a clock set back by two months.
    bench.clock.jump(-60 * 86_400_000);
    bench.queue.fire().unwrap();
    bench.advance(60 * 86_400_000);
    assert_eq!(claim(&bench, 100), []);
    assert!(
        bench
            .queue
            .verify()
            .unwrap()
            .iter()
            .all(workflow_queue::Invariant::holds)
    );
}

#[test]
fn a_slot_that_is_in_no_record_is_found() {
    let bench = Bench::default();
    added(&bench, catch_up(CatchUp::All));
    bench.advance(5 * MINUTE);
    claim(&bench, 9);
    crate::Workflow::transaction(&bench.path(), true, |tx| {
        let slot =
            "DELETE FROM queue_firings WHERE slot = (SELECT min(slot) + 60000 FROM queue_firings)";
        assert_eq!(tx.execute(slot, []).unwrap(), 1);
    });
    let broken = bench.queue.verify().unwrap();
    let broken = broken.iter().filter(|one| !one.holds());
    let names: Vec<_> = broken.map(|one| one.name).collect();
    assert_eq!(
        names,
        [
            "tasks of slots are recorded",
            "no slot of a schedule is lost"
        ]
    );
}

#[test]
fn a_taken_key_is_the_reason_of_a_skipped_slot() {
    let bench = Bench::default();
    let start = bench.now();
    let holder = bench.add(NewTask::shell("holder", "true").key("k"));
    let mut new = every_minute(&bench, Rules::default());
    new.task.task.key = Some(b"k".to_vec());
    bench.queue.schedules().add(&new).unwrap();
    bench.advance(MINUTE);
    assert_eq!(ids(&claim(&bench, 9)), [holder]);
    assert_eq!(
        firings(&bench, start).1,
        [(1, 1, SkipReason::KeyTaken(holder))]
    );
}

#[test]
fn a_restored_file_fires_nothing_that_its_backup_does_not_know_of() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("q.db"), folder.path().join("copy.db"));
    let clock = Arc::<ManualClock>::default();
    let start = clock.now().wall;
    let options = || {
        OpenOptions::new(Durability::Fast)
            .unwrap()
            .clock(Arc::clone(&clock) as Arc<dyn Clock>)
    };
    let open = |path: &Path, options| {
        let all = SqliteOptions::new().unwrap();
        WorkflowQueue::open_with(path, all.open(options))
    };
    let queue = open(&path, options()).unwrap();
    let spec = Spec::every(Duration::from_secs(60), start, "UTC").unwrap();
    let task = WorkflowTask::shell("tick", "true");
    let new = NewSchedule::new(
        "tick",
        spec.with_rules(catch_up(CatchUp::All)).unwrap(),
        task,
    );
    queue.schedules().add(&new).unwrap();
    queue.database().backup(&copy, false).unwrap();
    clock.advance(Duration::from_secs(190));
    queue.fire().unwrap();
    assert_eq!(queue.last_id().unwrap(), Some(TaskId(3)));
    drop(queue);
    restore(&path, &copy, &options(), open).unwrap();
    let queue = open(&path, options()).unwrap();
    let before = queue.last_id().unwrap();
    queue.fire().unwrap();
    assert_eq!(queue.last_id().unwrap(), before);
    let firings = queue
        .schedules()
        .firings("tick", Timestamp::MAX, 9)
        .unwrap();
    let restored = FiringResult::Skipped(SkipReason::Restored);
    assert_eq!(
        firings.iter().map(|one| one.result).collect::<Vec<_>>(),
        [restored]
    );
    clock.advance(Duration::from_secs(60));
    queue.fire().unwrap();
    assert!(queue.last_id().unwrap() > before);
    assert!(
        queue
            .verify()
            .unwrap()
            .iter()
            .all(workflow_queue::Invariant::holds)
    );
}
