//! Schedules: each slot fires once, in the transaction that enqueues its task.

use std::time::Duration;

use queue_core::claim::ClaimedTask;
use queue_core::clock::Timestamp;
use queue_core::error::Error;
use queue_core::outcome::Outcome;
use queue_core::queue::Queue;
use queue_core::task::TaskId;
use queue_testing::conformance::Engine as _;
use workflow_queue::schedule::firing::{FiringResult, SkipReason};
use workflow_queue::schedule::spec::{CatchUp, Overlap, Rules, Spec};
use workflow_queue::{NewSchedule, WorkflowTask};

use crate::Bench;

pub(crate) const MINUTE: u64 = 60_000;

/// A schedule of every minute, from the bench's time on.
pub(crate) fn every_minute(bench: &Bench, rules: Rules) -> NewSchedule {
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

pub(crate) fn ids(claimed: &[ClaimedTask]) -> Vec<TaskId> {
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
    assert!(schedules.set_paused("tick", true).unwrap());
    assert!(!schedules.set_paused("tick", true).unwrap());
    bench.advance(5 * MINUTE);
    assert_eq!(claim(&bench, 9), []);
    assert!(schedules.set_paused("tick", false).unwrap());
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
