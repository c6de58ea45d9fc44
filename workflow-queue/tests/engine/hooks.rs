//! Hooks: the verbs, positions, dead letters, and events that are kept for them.

use std::sync::Arc;

use queue_core::clock::Timestamp;
use queue_core::error::Error;
use queue_core::hook::HookTarget;
use queue_core::journal::{Cursor, EventKind};
use queue_core::queue::{Monitored as _, Queue as _};
use queue_core::settings::FileSetting;
use queue_core::task::NewTask;
use queue_core::watch::deliver::{Choice, HookChange, HookStore, Letter, StoredHook};
use queue_core::watch::{Metrics, MetricsFormat};
use queue_testing::exposition::Exposition;
use workflow_queue::{NewHook, WorkflowQueue};

use crate::Bench;
use crate::verify::broken;

const DAY_MS: u64 = 24 * 3_600_000;

fn command() -> HookTarget {
    HookTarget::Command {
        argv: vec!["true".to_owned()],
        cwd: None,
    }
}

fn new(name: &str, kinds: &[EventKind]) -> NewHook {
    NewHook::new(name, kinds.to_vec(), command())
}

fn stored(queue: &WorkflowQueue) -> StoredHook {
    HookStore::hooks(queue).unwrap().remove(0)
}

fn end(bench: &Bench) -> Cursor {
    bench.queue.events_end().unwrap()
}

/// The names of the kinds of the last events.
fn last(bench: &Bench, count: u32) -> Vec<&'static str> {
    let since = bench.queue.events_before_last(count).unwrap();
    let page = bench.queue.events_after(&since, 100).unwrap();
    let logged = page.events.iter().filter(|(_, event)| event.seq.is_some());
    logged.map(|(_, event)| event.kind.name()).collect()
}

fn letter(after: Cursor, kind: EventKind) -> Arc<Letter> {
    let event = queue_core::journal::Event::new(kind, Timestamp(0));
    Arc::new(Letter::new("urn:x", after, &event).unwrap())
}

#[test]
fn a_hook_begins_at_the_end_of_the_log_and_its_verbs_leave_events() {
    let bench = Bench::default();
    bench.add(NewTask::shell("a", "true"));
    let hooks = bench.queue.hooks();
    hooks.add(&new("own", &[EventKind::Failed])).unwrap();
    assert_eq!(stored(&bench.queue).progress.at, end(&bench));
    assert!(hooks.set_paused("own", true).unwrap() && !hooks.set_paused("own", true).unwrap());
    assert!(
        hooks
            .get("own")
            .unwrap()
            .unwrap()
            .standing
            .paused_at
            .is_some()
    );
    assert!(hooks.set_paused("own", false).unwrap() && !hooks.set_paused("own", false).unwrap());
    hooks.replay("own", Cursor::start(0)).unwrap();
    assert_eq!(stored(&bench.queue).progress.at, Cursor::start(0));
    hooks.remove("own").unwrap();
    let expected = [
        "hook.added",
        "hook.paused",
        "hook.resumed",
        "hook.replayed",
        "hook.removed",
    ];
    assert_eq!(last(&bench, 5), expected);
    assert!(hooks.list().unwrap().is_empty());
    assert_eq!(broken(&bench), Vec::<&str>::new());
}

#[test]
fn what_no_hook_can_be_is_refused() {
    let bench = Bench::default();
    let hooks = bench.queue.hooks();
    let refused = |new: &NewHook| hooks.add(new).unwrap_err().to_string();
    assert!(refused(&new("", &[EventKind::Failed])).contains("name"));
    assert!(refused(&new("a", &[])).contains("one type"));
    assert!(refused(&new("a", &[EventKind::Started])).contains("starts"));
    assert!(refused(&new("a", &[EventKind::HookGap])).contains("hook.gap"));
    let slow = new("a", &[EventKind::Failed]).limit(std::time::Duration::from_secs(3_601));
    assert!(refused(&slow).contains("100ms to 1h"));
    let nothing = HookTarget::Command {
        argv: Vec::new(),
        cwd: None,
    };
    let nothing = NewHook::new("a", vec![EventKind::Failed], nothing);
    assert!(refused(&nothing).contains("no program"));
    hooks.add(&new("a", &[EventKind::Failed])).unwrap();
    assert!(refused(&new("a", &[EventKind::Failed])).contains("already"));
    for missing in [
        hooks.set_paused("b", true).err(),
        hooks.remove("b").err(),
        hooks.retry("b", None).err(),
    ] {
        assert!(
            matches!(missing, Some(Error::NotFound { .. })),
            "{missing:?}"
        );
    }
    let ahead: Cursor = "0.999.0".parse().unwrap();
    assert!(
        hooks
            .replay("a", ahead)
            .unwrap_err()
            .to_string()
            .contains("ahead")
    );
    let other: Cursor = "7.0.0".parse().unwrap();
    assert!(
        hooks
            .replay("a", other)
            .unwrap_err()
            .to_string()
            .contains("epoch")
    );
}

#[test]
fn a_position_moves_only_from_where_it_is() {
    let bench = Bench::default();
    bench
        .queue
        .hooks()
        .add(&new("own", &[EventKind::Failed]))
        .unwrap();
    let hook = stored(&bench.queue).progress;
    let mut to = hook.at;
    to.seq += 1;
    let record = |from, change: &HookChange| bench.queue.record(hook.id, from, change).unwrap();
    assert!(!record(to, &HookChange::Delivered(to)));
    assert!(record(hook.at, &HookChange::Delivered(to)));
    assert!(!record(hook.at, &HookChange::Passed(to)));
    let own = bench.queue.hooks().get("own").unwrap().unwrap();
    assert_eq!((own.at, own.standing.delivered), (to, 1));
    assert!(
        !bench
            .queue
            .record(hook.id + 1, to, &HookChange::Passed(to))
            .unwrap()
    );
}

#[test]
fn an_event_that_is_given_up_is_kept_told_and_can_be_tried_again() {
    let bench = Bench::default();
    let hooks = bench.queue.hooks();
    hooks.add(&new("own", &[EventKind::Failed])).unwrap();
    let hook = stored(&bench.queue).progress;
    let mut after = hook.at;
    after.seq += 1;
    let bury = |from, kind| {
        let change = HookChange::Buried {
            letter: letter(after, kind),
            reason: "no".to_owned(),
        };
        bench.queue.record(hook.id, from, &change).unwrap()
    };
    assert!(bury(hook.at, EventKind::Failed));
    assert_eq!(last(&bench, 1), ["hook.dead"]);
    let dead = hooks.dead_letters(Some("own"), 9).unwrap().remove(0);
    assert_eq!(
        (dead.kind.as_str(), dead.error.as_str()),
        ("task.failed", "no")
    );
    assert_eq!(hooks.retry("own", Some(dead.id)).unwrap(), 1);
    assert_eq!(stored(&bench.queue).progress.wanted, Some(dead.id));
    let kept = bench.queue.dead_letter(hook.id, dead.id).unwrap().unwrap();
    assert_eq!(kept.body, dead.body);
    let change = HookChange::Kept {
        letter: dead.id,
        reason: "still no".to_owned(),
    };
    assert!(bench.queue.record(hook.id, after, &change).unwrap());
    assert_eq!(stored(&bench.queue).progress.wanted, None);
    assert_eq!(hooks.dead_letters(None, 9).unwrap()[0].error, "still no");
    let change = HookChange::Redelivered(dead.id);
    assert!(bench.queue.record(hook.id, after, &change).unwrap());
    assert!(hooks.dead_letters(None, 9).unwrap().is_empty());
    // Two hooks on hook.dead that both fail would give each other work for ever.
    let before = end(&bench);
    assert!(bury(after, EventKind::HookDead));
    assert_eq!(
        (end(&bench), hooks.dead_letters(None, 9).unwrap().len()),
        (before, 1)
    );
    let own = bench.queue.hook_standings().unwrap().remove(0);
    assert_eq!((own.buried, own.delivered, own.failed), (2, 1, 3));
    // Counted in the file: another process exports the same numbers.
    let metrics = Metrics::read(&bench.another(), "workflow-queue").unwrap();
    let metrics = Exposition::read(&metrics.text(MetricsFormat::OpenMetrics), true).unwrap();
    let tries = ["delivered", "failed", "dead"].map(|result| {
        let labels = [("hook", "own"), ("result", result)];
        metrics.value("queue_hook_deliveries_total", &labels)
    });
    assert_eq!(tries, [1.0, 1.0, 2.0].map(Some));
}

/// The lag counted the events of the log alone: a hook on enqueues that nobody delivered was not behind.
#[test]
fn enqueued_tasks_that_a_hook_has_not_seen_are_events_behind() {
    let bench = Bench::default();
    let hooks = bench.queue.hooks();
    hooks.add(&new("own", &[EventKind::Enqueued])).unwrap();
    let standing = || bench.queue.hook_standings().unwrap().remove(0);
    let lag = || {
        let metrics = Metrics::read(&bench.queue, "workflow-queue").unwrap();
        let metrics = Exposition::read(&metrics.text(MetricsFormat::Prometheus), false).unwrap();
        metrics.value("queue_hook_lag", &[("hook", "own")])
    };
    // The event of the hook itself.
    assert!(
        bench
            .queue
            .record(
                stored(&bench.queue).progress.id,
                stored(&bench.queue).progress.at,
                &HookChange::Passed(end(&bench))
            )
            .unwrap()
    );
    assert_eq!((standing().lag, standing().behind_since), (0, None));
    assert_eq!(lag(), Some(0.0));
    let since = HookStore::now(&bench.queue).wall;
    bench.add(NewTask::shell("a", "true"));
    bench.advance(1_000);
    bench.add(NewTask::shell("b", "true"));
    assert_eq!((standing().lag, standing().behind_since), (2, Some(since)));
    bench.queue.set_paused("q", true).unwrap();
    assert_eq!((standing().lag, standing().behind_since), (3, Some(since)));
    assert_eq!(lag(), Some(3.0));
}

/// Adds a hook and lets some events happen after it.
fn with_a_hook(bench: &Bench) -> Cursor {
    bench
        .queue
        .change_setting(FileSetting::Retain, Some(DAY_MS))
        .unwrap();
    bench
        .queue
        .hooks()
        .add(&new("own", &[EventKind::QueuePaused]))
        .unwrap();
    let at = stored(&bench.queue).progress.at;
    for name in ["a", "b", "c"] {
        bench.queue.set_paused(name, true).unwrap();
    }
    at
}

#[test]
fn events_that_a_hook_has_not_seen_are_kept_for_a_week() {
    let bench = Bench::default();
    let at = with_a_hook(&bench);
    bench.advance(2 * DAY_MS);
    bench.queue.set_paused("d", true).unwrap();
    bench.queue.trim_log().unwrap();
    let page = bench.queue.events_after(&at, 100).unwrap();
    assert_eq!((page.missed, page.events.len()), (0, 4));
    bench.advance(6 * DAY_MS);
    bench.queue.set_paused("e", true).unwrap();
    bench.queue.trim_log().unwrap();
    // The hook is told of the gap, and goes on behind it.
    let page = bench.queue.events_after(&at, 100).unwrap();
    assert!(page.missed > 0, "{page:?}");
    let choice = Choice::new("own", vec![EventKind::QueuePaused]);
    let (letters, _) = choice.letters("urn:x", (at, Timestamp(0)), &page).unwrap();
    assert_eq!(letters[0].kind, EventKind::HookGap);
    assert!(
        letters[1..]
            .iter()
            .all(|letter| letter.kind == EventKind::QueuePaused)
    );
    assert!(letters.len() > 1);
}

#[test]
fn events_that_every_hook_has_seen_are_deleted_as_ever() {
    let bench = Bench::default();
    let at = with_a_hook(&bench);
    let id = stored(&bench.queue).progress.id;
    assert!(
        bench
            .queue
            .record(id, at, &HookChange::Passed(end(&bench)))
            .unwrap()
    );
    bench.advance(2 * DAY_MS);
    assert!(bench.queue.trim_log().unwrap() > 0);
    assert_eq!(broken(&bench), Vec::<&str>::new());
}
