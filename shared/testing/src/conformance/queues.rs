//! Queues.

use std::time::Duration;

use super::tasks::once;
use super::{Bench, Engine};
use queue_core::queue::{Monitored as _, Queue, QueueGauges};
use queue_core::state::State;
use queue_core::task::NewTask;

pub fn queues_count_waiting_tasks_by_handler<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.queue.enqueue(vec![once("t").queue("b"); 3]).unwrap();
    bench.add(once("later").queue("b").run_at(bench.later(1)));
    bench.add(NewTask::handler("print", "").queue("a"));
    bench.add(NewTask::handler("mail", "").queue("a"));
    bench.queue.set_paused("a", true).unwrap();
    let since = Some(bench.now());
    let mut queues = bench.queue.queues().unwrap();
    queues.retain(|queue| queue.queued > 0);
    let counts = queues.iter().map(|queue| {
        let (name, handler) = (queue.name.as_str(), queue.handler.as_str());
        (name, handler, queue.paused_at, queue.queued)
    });
    let expected = [
        ("a", "mail", since, 1),
        ("a", "print", since, 1),
        ("b", "", None, 3),
    ];
    assert_eq!(counts.collect::<Vec<_>>(), expected);
}

pub fn tasks_are_counted_by_handler_queue_and_state<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.add(once("runs"));
    bench.claim(1);
    bench.add(once("later").run_at(bench.later(1)));
    bench.add(once("later").queue("b").run_at(bench.later(1)));
    bench.add(NewTask::handler("mail", "").queue("b"));
    let since = Some(bench.now());
    bench.add(once("waits").queue("paused"));
    bench.queue.set_paused("paused", true).unwrap();
    bench.clock.advance(Duration::from_secs(60));
    bench.add(NewTask::handler("mail", "").queue("b").priority(9));
    let gauges = bench.queue.gauges().unwrap();
    let states = [State::Running, State::Scheduled, State::Queued];
    let shown = |one: &QueueGauges| {
        let counts = states.map(|state| one.count(state));
        (one.name.clone(), one.handler.clone(), counts, one.since)
    };
    let of = |name: &str, handler: &str, counts, since| {
        (name.to_owned(), handler.to_owned(), counts, since)
    };
    let mut found: Vec<_> = gauges.handler_queues.iter().map(shown).collect();
    found.sort_unstable();
    let expected = [
        of("b", "", [0, 1, 0], None),
        of("b", "mail", [0, 0, 2], since),
        of("default", "", [1, 1, 0], None),
        of("paused", "", [0, 0, 1], None),
    ];
    assert_eq!(found, expected);
    let queues = gauges.queues();
    let b = queues.iter().find(|one| one.name == "b").unwrap();
    assert_eq!(shown(b), of("b", "", [0, 1, 2], since));
}

pub fn the_backlog_has_the_oldest_task_of_each_queue_with_tasks<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.add(once("old").queue("b"));
    bench.clock.advance(Duration::from_secs(60));
    let now = bench.now();
    bench.add(once("urgent").queue("b").priority(9));
    bench.add(NewTask::handler("mail", "").queue("a"));
    bench.add(once("later").queue("c").run_at(bench.later(1)));
    bench.add(once("waits").queue("paused"));
    bench.queue.set_paused("paused", true).unwrap();
    let backlog = bench.queue.backlog().unwrap();
    let mut found: Vec<_> = backlog
        .iter()
        .map(|one| {
            (
                one.queue.as_str(),
                one.handler.as_str(),
                now.since(one.since),
            )
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, [("a", "mail", 0), ("b", "", 60_000)]);
}
