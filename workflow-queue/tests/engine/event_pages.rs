//! Reading the event log: its pages, its followers and positions in it.

use queue_core::clock::Timestamp;
use queue_core::journal::Cursor;
use queue_core::outcome::{Outcome, Settlement};
use queue_core::queue::Queue as _;
use queue_core::settings::FileSetting;
use queue_core::task::NewTask;

use crate::Bench;
use crate::events::kinds_after;

#[test]
fn pages_of_any_size_give_the_same_events() {
    let bench = Bench::default();
    for _ in 0..5 {
        bench.add(NewTask::shell("a", "true"));
        bench.settle(bench.claim_only(), Outcome::Succeeded);
    }
    let start = Cursor::start(0);
    let whole = bench.queue.events_after(&start, 1_000).unwrap();
    assert_eq!(whole.events.len(), 11);
    for size in 1..12 {
        let (mut at, mut events) = (start, Vec::new());
        loop {
            let page = bench.queue.events_after(&at, size).unwrap();
            assert!(page.events.len() <= size);
            events.extend(page.events);
            at = page.next.unwrap_or(at);
            if page.is_last {
                break;
            }
        }
        assert_eq!(events, whole.events, "{size}");
    }
}

#[test]
fn a_follower_tells_each_start_once_and_nothing_twice() {
    let bench = Bench::default();
    let mut follower = bench.queue.follow_events(Cursor::start(0)).unwrap();
    let mut next = || {
        let page = follower.next_page().unwrap();
        let kinds = page.events.into_iter().map(|(_, event)| event.kind.name());
        kinds.collect::<Vec<_>>()
    };
    assert_eq!(next(), ["log.began"]);
    bench.add(NewTask::shell("a", "true"));
    assert_eq!(next(), ["task.enqueued"]);
    let claim = bench.claim_only();
    assert_eq!(next(), ["task.started"]);
    assert_eq!(next(), [""; 0]);
    bench.settle(claim, Outcome::Succeeded);
    assert_eq!(next(), ["task.succeeded"]);
    bench.add(NewTask::shell("b", "true"));
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    assert_eq!(next(), ["task.enqueued", "task.started", "task.succeeded"]);
}

#[test]
fn a_cursor_of_another_epoch_or_file_is_refused() {
    let bench = Bench::default();
    let other = Cursor::start(1);
    let refused = bench.queue.events_after(&other, 1).unwrap_err().to_string();
    assert!(refused.contains("is in epoch 0"), "{refused}");
    let ahead: Cursor = "0.99.0".parse().unwrap();
    let refused = bench.queue.events_after(&ahead, 1).unwrap_err().to_string();
    assert!(refused.contains("ahead of this file"), "{refused}");
}

/// An end has the time at which the execution ended. Recorded late, it hid all events before it.
#[test]
fn events_from_a_time_are_found_before_an_end_that_was_recorded_late() {
    let bench = Bench::default();
    bench.add(NewTask::shell("a", "true"));
    let claim = bench.claim_only();
    let ended_at = Some(bench.queue.now().boot);
    bench.advance(10_000);
    let from = bench.queue.now().wall;
    bench.queue.set_paused("default", true).unwrap();
    bench.advance(10_000);
    let mut settlement = Settlement::new(claim, Outcome::Succeeded);
    settlement.ended_at = ended_at;
    bench.queue.settle(vec![settlement]).unwrap();
    let position = bench.queue.events_from(from).unwrap();
    assert_eq!(
        kinds_after(&bench, position).0,
        ["queue.paused", "task.succeeded"]
    );
    let later = Timestamp(bench.queue.now().wall.0 + 1);
    let end = bench.queue.events_from(later).unwrap();
    assert_eq!(end, bench.queue.events_end().unwrap());
}

/// The last events of a trimmed log were announced with a warning about deleted ones.
#[test]
fn more_events_than_are_retained_are_asked_for_without_a_warning() {
    let bench = Bench::default();
    let retain = FileSetting::Retain;
    bench.queue.change_setting(retain, Some(3_600_000)).unwrap();
    bench.add(NewTask::shell("a", "true"));
    bench.settle(bench.claim_only(), Outcome::Succeeded);
    bench.advance(3_601_000);
    bench.queue.set_paused("default", true).unwrap();
    assert_eq!(bench.queue.trim_log().unwrap(), 3);
    let before = bench.queue.events_before_last(3).unwrap();
    let page = bench.queue.events_after(&before, 100).unwrap();
    assert_eq!(page.missed, 0);
}
