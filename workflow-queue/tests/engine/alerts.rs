//! Alerts: their rules, their states over restarts, and the one process that makes each change.

use std::path::Path;
use std::sync::Arc;

use queue_core::clock::Timestamp;
use queue_core::hook::HookTarget;
use queue_core::maintenance::{Salvaged, salvage};
use queue_core::outcome::Outcome;
use queue_core::queue::{AlertKind, AlertPhase, AlertRule, Monitored as _, Queue as _};
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::task::NewTask;
use queue_core::watch::deliver::{HookChange, HookStore, Letter};
use queue_core::watch::judge_alerts;
use workflow_queue::{Cursor, Event, EventKind, NewHook, SqliteOptions, WorkflowQueue};

use crate::verify::broken;
use crate::{Bench, FAILED};

/// The names of the alerts that fire.
fn firing(queue: &WorkflowQueue) -> Vec<String> {
    let alerts = judge_alerts(queue).unwrap().into_iter();
    let firing = alerts.filter(workflow_queue::Alert::is_firing);
    firing.map(|alert| alert.rule.name).collect()
}

/// The events about alerts, with their data.
fn told(bench: &Bench) -> Vec<(&'static str, String)> {
    let page = bench.queue.events_after(&Cursor::start(0), 1_000).unwrap();
    let events = page.events.into_iter().map(|(_, event)| event);
    let of_alerts = events.filter(|event| event.kind.name().starts_with("alert."));
    let brief = |event: workflow_queue::Event| {
        let data: serde_json::Value = serde_json::from_str(&event.data.unwrap()).unwrap();
        (
            event.kind.name(),
            data["alert"].as_str().unwrap().to_owned(),
        )
    };
    of_alerts.map(brief).collect()
}

fn only(bench: &Bench, rule: &AlertRule) {
    for alert in bench.queue.alerts().unwrap() {
        assert!(bench.queue.remove_alert(&alert.rule.name).unwrap());
    }
    assert!(bench.queue.set_alert(rule).unwrap());
}

#[test]
fn five_alerts_are_there_from_the_start_and_are_quiet() {
    let bench = Bench::default();
    let alerts = bench.queue.alerts().unwrap();
    let names: Vec<&str> = alerts
        .iter()
        .map(|alert| alert.rule.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "backlog-age",
            "dead-letters",
            "disk-used",
            "failure-rate",
            "unserved"
        ]
    );
    assert!(alerts.iter().all(|alert| alert.rule.check().is_ok()));
    assert!(
        alerts
            .iter()
            .all(|alert| alert.state.phase == AlertPhase::Quiet)
    );
}

#[test]
fn a_queue_that_nobody_serves_fires_after_its_time_and_clears() {
    let bench = Bench::default();
    bench.queue.remove_alert("disk-used").unwrap();
    bench.shell("a");
    assert_eq!(firing(&bench.queue), [""; 0]);
    bench.advance(61_000);
    assert_eq!(firing(&bench.queue), [""; 0]);
    bench.advance(120_000);
    assert_eq!(firing(&bench.queue), ["unserved"]);
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    assert_eq!(firing(&bench.queue), ["unserved"]);
    bench.advance(60_000);
    assert_eq!(firing(&bench.queue), [""; 0]);
    let expected = [
        ("alert.removed", "disk-used"),
        ("alert.fired", "unserved"),
        ("alert.cleared", "unserved"),
    ];
    assert_eq!(
        told(&bench),
        expected.map(|(kind, name)| (kind, name.to_owned()))
    );
    assert_eq!(broken(&bench), Vec::<&str>::new());
}

#[test]
fn a_dead_letter_fires_at_once_and_clears_when_it_is_dealt_with() {
    let bench = Bench::default();
    let kinds = vec![EventKind::Failed];
    let target = HookTarget::Command {
        argv: vec!["true".to_owned()],
        cwd: None,
    };
    let hooks = bench.queue.hooks();
    hooks.add(&NewHook::new("own", kinds, target)).unwrap();
    assert_eq!(firing(&bench.queue), [""; 0]);
    let stored = HookStore::hooks(&bench.queue).unwrap().remove(0).progress;
    let mut after = stored.at;
    after.seq += 1;
    let event = Event::new(EventKind::Failed, Timestamp(0));
    let change = HookChange::Buried {
        letter: Arc::new(Letter::new("urn:x", after, &event).unwrap()),
        reason: "no".to_owned(),
    };
    assert!(bench.queue.record(stored.id, stored.at, &change).unwrap());
    assert_eq!(firing(&bench.queue), ["dead-letters"]);
    assert_eq!(hooks.forget("own", None).unwrap(), 1);
    assert_eq!(firing(&bench.queue), [""; 0]);
    let changes = ["alert.fired", "alert.cleared"].map(|kind| (kind, "dead-letters".to_owned()));
    assert_eq!(told(&bench), changes);
}

/// A process that begins to judge has no memory of its own, and told again of what fired already.
#[test]
fn an_alert_that_fires_does_not_fire_again_in_another_process() {
    let bench = Bench::default();
    only(
        &bench,
        &AlertRule::new("many", AlertKind::Queued, 0).times(60_000, 0),
    );
    bench.shell("a");
    assert_eq!(firing(&bench.queue), [""; 0]);
    bench.advance(60_000);
    // The time that it was pending counts as well.
    let next = bench.another();
    assert_eq!(firing(&next), ["many"]);
    assert_eq!(firing(&bench.another()), ["many"]);
    let fired = told(&bench)
        .into_iter()
        .filter(|(kind, _)| *kind == "alert.fired");
    assert_eq!(fired.count(), 1);
}

#[test]
fn one_of_several_judges_makes_a_change() {
    let bench = Bench::default();
    only(&bench, &AlertRule::new("many", AlertKind::Queued, 0));
    bench.shell("a");
    let others: Vec<_> = (0..3).map(|_| bench.another()).collect();
    std::thread::scope(|scope| {
        for queue in &others {
            scope.spawn(|| judge_alerts(queue).unwrap());
        }
    });
    let fired = told(&bench)
        .into_iter()
        .filter(|(kind, _)| *kind == "alert.fired");
    assert_eq!(fired.count(), 1);
    let alert = bench.queue.alerts().unwrap().remove(0);
    let (old, next) = (alert.clone(), alert.state);
    assert!(bench.queue.record_alert(&alert, next, None).unwrap());
    assert!(!bench.queue.record_alert(&old, next, None).unwrap());
}

#[test]
fn failures_are_a_percentage_of_the_last_minutes() {
    let bench = Bench::default();
    only(
        &bench,
        &AlertRule::new("failures", AlertKind::FailureRate, 49).clear(20),
    );
    for _ in 0..9 {
        bench.shell("a");
        bench.settle(bench.claim_only(), FAILED);
        bench
            .queue
            .cancel(&[bench.queue.last_id().unwrap().unwrap()])
            .unwrap();
    }
    bench.queue.fold(10).unwrap();
    assert_eq!(firing(&bench.queue), [""; 0], "too few attempts");
    bench.ended(NewTask::shell("a", "true"), Outcome::Succeeded);
    bench.queue.fold(10).unwrap();
    assert_eq!(firing(&bench.queue), ["failures"]);
    assert_eq!(bench.queue.alerts().unwrap()[0].state.value, Some(90));
    bench.advance(11 * 60_000);
    assert_eq!(firing(&bench.queue), [""; 0]);
}

#[test]
fn an_alert_is_about_its_queue_alone_and_begins_quiet_when_it_changes() {
    let bench = Bench::default();
    let rule = AlertRule::new("late", AlertKind::BacklogAge, 1_000).queue(Some("mail".to_owned()));
    only(&bench, &rule);
    bench.shell("a");
    bench.advance(5_000);
    assert_eq!(firing(&bench.queue), [""; 0]);
    bench.add(NewTask::shell("m", "true").queue("mail"));
    bench.advance(1_001);
    assert_eq!(firing(&bench.queue), ["late"]);
    assert!(!bench.queue.set_alert(&rule).unwrap(), "nothing changed");
    assert!(bench.queue.alerts().unwrap()[0].is_firing());
    assert!(bench.queue.set_alert(&rule.clone().clear(500)).unwrap());
    assert!(!bench.queue.alerts().unwrap()[0].is_firing());
    for wrong in [
        rule.clone().clear(1_001),
        rule.clone().times(-1, 0),
        AlertRule::new("", AlertKind::Queued, 1),
        AlertRule::new("full", AlertKind::DiskUsed, 101),
        AlertRule::new("full", AlertKind::DiskUsed, 90).queue(Some("mail".to_owned())),
    ] {
        assert!(bench.queue.set_alert(&wrong).is_err(), "{wrong:?}");
    }
}

/// Bug: alerts were copied by their ids, so that one of a file took the place of a default alert that the
/// file did not have.
#[test]
fn a_salvaged_file_has_its_own_alerts_and_the_default_ones_that_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let (path, new) = (folder.path().join("q.db"), folder.path().join("new.db"));
    drop(WorkflowQueue::open(&path).unwrap());
    let rows = "
        DELETE FROM queue_alerts WHERE name <> 'unserved';
        UPDATE queue_alerts SET id = 9, over = 7, clear = 7 WHERE name = 'unserved';
        INSERT INTO queue_alerts (id, name, kind, over, clear, for_ms, keep_ms)
        VALUES (1, 'mine', 2, 5000, 4000, 0, 0), (4, 'other', 2, 6000, 4000, 0, 0);";
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch(rows).unwrap();
    drop(connection);
    let options = OpenOptions::new(Durability::Full).unwrap();
    let open =
        |path: &Path, options| WorkflowQueue::open_with(path, SqliteOptions::new()?.open(options));
    let saved = salvage(&path, &new, &options, open).unwrap().unwrap();
    assert!(saved.tables.iter().all(Salvaged::is_whole), "{saved:?}");
    let alerts = WorkflowQueue::open(&new).unwrap().alerts().unwrap();
    let found: Vec<(&str, i64)> = alerts
        .iter()
        .map(|alert| (alert.rule.name.as_str(), alert.rule.over))
        .collect();
    let expected = [
        ("backlog-age", 600_000),
        ("dead-letters", 0),
        ("disk-used", 95),
        ("failure-rate", 50),
        ("mine", 5_000),
        ("other", 6_000),
        ("unserved", 7),
    ];
    assert_eq!(found, expected);
}
