//! Schedules: each slot fires once, in the transaction that enqueues its task.

use std::num::NonZeroU32;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use queue_core::claim::ClaimedTask;
use queue_core::clock::{Clock, Timestamp};
use queue_core::error::Error;
use queue_core::maintenance::restore;
use queue_core::outcome::Outcome;
use queue_core::queue::{PruneRequest, Queue};
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use queue_testing::conformance::{Engine as _, ManualClock};
use workflow_queue::schedule::firing::{FiringResult, SkipReason};
use workflow_queue::schedule::spec::{CatchUp, Overlap, Rules, Spec};
use workflow_queue::{Backfill, NewSchedule, SqliteOptions, WorkflowQueue, WorkflowTask};

use crate::Bench;

pub(crate) const MINUTE: u64 = 60_000;

/// A schedule of every minute, from the bench's time on.
fn every_minute(bench: &Bench, rules: Rules) -> NewSchedule {
    let spec = Spec::every(Duration::from_secs(60), bench.now(), "UTC").unwrap();
    NewSchedule::new(
        "tick",
        spec.with_rules(rules).unwrap(),
        WorkflowTask::shell("tick", "true"),
    )
}

pub(crate) fn overlap(overlap: Overlap) -> Rules {
    Rules::new().overlap(overlap)
}

pub(crate) fn catch_up(catch_up: CatchUp) -> Rules {
    overlap(Overlap::Allow).catch_up(catch_up)
}

pub(crate) fn added(bench: &Bench, rules: Rules) {
    bench
        .queue
        .schedules()
        .add(&every_minute(bench, rules))
        .unwrap();
}

/// Fires what is due, then claims, as a worker does.
pub(crate) fn claim(bench: &Bench, limit: usize) -> Vec<ClaimedTask> {
    bench.queue.fire().unwrap();
    bench.claim(limit)
}

fn ids(claimed: &[ClaimedTask]) -> Vec<TaskId> {
    claimed.iter().map(|task| task.claim.task).collect()
}

/// Slots that fired, the oldest first, in minutes after `start`; and ranges that did not.
pub(crate) fn firings(bench: &Bench, start: Timestamp) -> (Vec<i64>, Vec<(i64, i64, SkipReason)>) {
    let found = bench
        .queue
        .schedules()
        .firings("tick", Timestamp::MAX, 1_000)
        .unwrap();
    let minutes = |time: Timestamp| time.since(start) / 60_000;
    let (mut fired, mut skipped) = (Vec::new(), Vec::new());
    for firing in found.into_iter().rev() {
        match firing.result {
            FiringResult::Fired(_) => fired.push(minutes(firing.slot)),
            FiringResult::Skipped(reason) => {
                skipped.push((minutes(firing.slot), minutes(firing.until), reason));
            }
        }
    }
    (fired, skipped)
}

#[test]
fn a_claim_fires_what_is_due_and_knows_the_next_time() {
    let bench = Bench::default();
    let start = bench.now();
    added(&bench, Rules::default());
    assert_eq!(claim(&bench, 1), []);
    bench.advance(MINUTE - 1);
    assert_eq!(claim(&bench, 1), []);
    bench.advance(1);
    let claimed = claim(&bench, 1);
    assert_eq!(claimed[0].name, "tick");
    let env = &claimed[0].options.env;
    assert_eq!(env[0], ("QUEUE_SCHEDULE".to_owned(), "tick".to_owned()));
    assert_eq!(env[1].0, "QUEUE_SLOT");
    assert_eq!(claim(&bench, 1), []);
    bench.settle(claimed[0].claim, Outcome::Succeeded);
    assert_eq!(firings(&bench, start).0, [1]);
    let schedule = bench.queue.schedules().get("tick").unwrap().unwrap();
    assert_eq!(schedule.next_at, Some(Timestamp(start.0 + 120_000)));
    assert_eq!(schedule.fired, 1);
    let of_task = bench
        .queue
        .schedules()
        .of_task(claimed[0].claim.task)
        .unwrap();
    assert_eq!(
        of_task,
        Some(("tick".to_owned(), Some(Timestamp(start.0 + 60_000))))
    );
}

#[test]
fn a_clock_set_back_repeats_nothing_and_stops_nothing() {
    let bench = Bench::default();
    let start = bench.now();
    added(&bench, catch_up(CatchUp::Latest));
    let fire = |bench: &Bench| claim(bench, 9).len();
    for _ in 0..3 {
        bench.advance(MINUTE);
        assert_eq!(fire(&bench), 1);
    }
    bench.clock.jump(-120_000);
    assert_eq!(fire(&bench), 0);
    // The second and third minute come again, and have fired.
    for expected in [0, 0, 1, 1] {
        bench.advance(MINUTE);
        assert_eq!(fire(&bench), expected);
    }
    assert_eq!(firings(&bench, start).0, [1, 2, 3, 4, 5]);
    // A wrong date far ahead fires once, and the process that sees the right one again has another
    // memory.
    let years = 70 * 365 * 86_400_000_i64;
    bench.clock.jump(years);
    assert_eq!(fire(&bench), 1);
    bench.clock.jump(-years);
    let other = bench.another();
    let before = bench.queue.last_id().unwrap();
    assert_eq!(other.fire().unwrap(), Some(bench.later(MINUTE)));
    assert_eq!(bench.queue.last_id().unwrap(), before);
    bench.advance(MINUTE);
    other.fire().unwrap();
    assert_eq!(bench.claim(9).len(), 1);
    assert!(
        bench
            .queue
            .verify()
            .unwrap()
            .iter()
            .all(workflow_queue::Invariant::holds)
    );
}

/// An interval counted from an anchor in the future fired nothing until then: for ever, if the clock had
/// been wrong when the schedule was added.
#[test]
fn a_schedule_that_was_added_under_a_wrong_clock_fires_once_it_is_right() {
    let bench = Bench::default();
    let years = 70 * 365 * 86_400_000_i64;
    bench.clock.jump(years);
    added(&bench, Rules::default());
    bench.clock.jump(-years);
    bench.queue.fire().unwrap();
    bench.advance(MINUTE);
    assert_eq!(claim(&bench, 9).len(), 1);
}

/// A schedule that was edited after its clock had been ahead lost the slots that were due by then: it was
/// moved on to the present.
#[test]
fn a_clock_that_was_ahead_before_an_edit_loses_no_slot_after_it() {
    let bench = Bench::default();
    let start = bench.now();
    added(&bench, catch_up(CatchUp::Latest));
    bench.advance(10 * MINUTE);
    claim(&bench, 9);
    bench.clock.jump(-600_000);
    let edit = |new: &mut NewSchedule| {
        new.spec = new.spec.clone().with_rules(catch_up(CatchUp::All))?;
        Ok(())
    };
    bench.queue.schedules().edit("tick", edit).unwrap();
    bench.advance(5 * MINUTE);
    claim(&bench, 9);
    assert_eq!(firings(&bench, start).0, [1, 2, 3, 4, 5, 10]);
}

#[test]
fn a_thousand_due_schedules_fire_in_one_call() {
    let bench = Bench::default();
    let mut new = every_minute(&bench, Rules::default());
    for number in 0..1_000 {
        new.name = format!("tick {number}");
        bench.queue.schedules().add(&new).unwrap();
    }
    bench.advance(MINUTE);
    assert_eq!(bench.queue.fire().unwrap(), Some(bench.later(MINUTE)));
    assert_eq!(bench.queue.last_id().unwrap(), Some(TaskId(1_000)));
}

#[test]
fn a_paused_schedule_fires_nothing_and_catches_nothing_up() {
    let bench = Bench::default();
    let start = bench.now();
    added(&bench, catch_up(CatchUp::All));
    let schedules = bench.queue.schedules();
    assert!(schedules.pause("tick").unwrap());
    assert!(!schedules.pause("tick").unwrap());
    bench.advance(5 * MINUTE);
    assert_eq!(claim(&bench, 9), []);
    assert!(schedules.resume("tick").unwrap());
    assert_eq!(claim(&bench, 9), []);
    bench.advance(MINUTE);
    assert_eq!(claim(&bench, 9).len(), 1);
    assert_eq!(firings(&bench, start), (vec![6], Vec::new()));
}

#[test]
fn an_unchanged_schedule_keeps_its_next_time_when_it_is_ensured() {
    let bench = Bench::default();
    let schedules = bench.queue.schedules();
    let (first, is_new) = schedules
        .ensure(&every_minute(&bench, Rules::default()))
        .unwrap();
    assert!(is_new);
    bench.advance(30_000);
    // A deploy counts its interval from its own start.
    let (second, changed) = schedules
        .ensure(&every_minute(&bench, Rules::default()))
        .unwrap();
    assert!(!changed);
    assert_eq!(second, first);
    let (third, changed) = schedules
        .ensure(&every_minute(&bench, overlap(Overlap::Allow)))
        .unwrap();
    assert!(changed);
    assert_eq!((third.next_slot, third.revision), (first.next_slot, 2));
    let error = schedules
        .add(&every_minute(&bench, Rules::default()))
        .unwrap_err();
    assert!(error.to_string().contains("already"), "{error}");
}

#[test]
fn an_edit_counts_from_now_and_a_schedule_that_never_fires_is_refused() {
    let bench = Bench::default();
    added(&bench, Rules::default());
    let schedules = bench.queue.schedules();
    let edited = schedules.edit("tick", |new| {
        new.spec = Spec::cron("tick", "0 0 1 1 *", "UTC")?;
        Ok(())
    });
    assert!(edited.unwrap().next_slot.unwrap() > bench.later(10 * MINUTE));
    let end = bench.now();
    let never = schedules.edit("tick", move |new| {
        let mut rules = Rules::default();
        rules.end = Some(end);
        new.spec = new.spec.clone().with_rules(rules)?;
        Ok(())
    });
    assert!(never.unwrap_err().to_string().contains("never fires"));
    let missing = schedules.edit("other", |_| Ok(())).unwrap_err();
    assert!(matches!(missing, Error::NotFound { .. }));
}

#[test]
fn a_schedule_that_this_version_cannot_read_is_set_aside_and_others_fire() {
    let bench = Bench::default();
    added(&bench, Rules::default());
    let mut other = every_minute(&bench, Rules::default());
    other.name = "other".to_owned();
    bench.queue.schedules().add(&other).unwrap();
    crate::Workflow::transaction(&bench.path(), true, |tx| {
        let zone = "UPDATE queue_schedules SET spec = replace(spec, 'UTC', 'Mars/X')
                    WHERE name = 'tick'";
        tx.execute(zone, []).unwrap();
    });
    bench.advance(MINUTE);
    assert_eq!(claim(&bench, 9).len(), 1);
    let tick = bench.queue.schedules().get("tick").unwrap().unwrap();
    assert!(tick.trouble.unwrap().contains("Mars/X"));
    bench.advance(MINUTE);
    assert_eq!(claim(&bench, 9), []);
}

/// Only a replacement of the whole schedule could give it another zone.
#[test]
fn an_edit_gives_a_schedule_whose_zone_has_vanished_another() {
    let bench = Bench::default();
    let start = bench.now();
    added(&bench, catch_up(CatchUp::Latest));
    crate::Workflow::transaction(&bench.path(), true, |tx| {
        let zone = "UPDATE queue_schedules SET spec = replace(spec, 'UTC', 'Mars/X')";
        tx.execute(zone, []).unwrap();
    });
    bench.advance(MINUTE);
    assert_eq!(claim(&bench, 9), []);
    let schedules = bench.queue.schedules();
    let refused = schedules.edit("tick", |_| Ok(())).unwrap_err();
    assert!(refused.to_string().contains("Mars/X"), "{refused}");
    let edited = schedules.edit("tick", |new| {
        assert_eq!(new.spec.zone_name(), "Mars/X");
        let (rules, anchor) = (new.spec.rules().clone(), new.spec.anchor().unwrap());
        new.spec = Spec::every(Duration::from_secs(60), anchor, "UTC")?.with_rules(rules)?;
        Ok(())
    });
    assert_eq!(edited.unwrap().trouble, None);
    bench.advance(MINUTE);
    assert_eq!(claim(&bench, 9).len(), 1);
    assert_eq!(firings(&bench, start).0, [2]);
}

#[test]
fn a_run_by_hand_is_no_slot_but_counts_as_unfinished() {
    let bench = Bench::default();
    let start = bench.now();
    added(&bench, Rules::default());
    let run = bench.queue.schedules().run("tick").unwrap().id;
    bench.advance(MINUTE);
    assert_eq!(ids(&claim(&bench, 9)), [run]);
    let because = SkipReason::Overlap(run);
    assert_eq!(firings(&bench, start), (Vec::new(), vec![(1, 1, because)]));
    assert_eq!(
        bench
            .queue
            .schedules()
            .tasks("tick", TaskId(i64::MAX), 9)
            .unwrap(),
        [run]
    );
}

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
