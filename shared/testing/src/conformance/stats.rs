//! Stats.

use super::{Bench, Engine};
use queue_core::options::TaskOptions;
use queue_core::outcome::Outcome;
use queue_core::queue::Queue;
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};

fn once(name: &str) -> NewTask {
    NewTask::shell(name, "true").options(TaskOptions {
        max_attempts: 1,
        ..TaskOptions::default()
    })
}

/// A task in each state that the core schema has, in the order of [`State::ALL`].
fn one_in_each<E: Engine>(bench: &Bench<E>) -> [(State, TaskId); 6] {
    let good = bench.ended(once("good"), Outcome::Succeeded);
    let bad = bench.ended(once("bad"), Outcome::TimedOut);
    let running = bench.shell("running");
    bench.claim_only();
    let cancelled = bench.shell("cancelled");
    bench.queue.cancel(&[cancelled]).unwrap();
    let queued = bench.shell("queued");
    let scheduled = bench.add(once("scheduled").run_at(bench.later(1_000)));
    [
        (State::Scheduled, scheduled),
        (State::Queued, queued),
        (State::Running, running),
        (State::Succeeded, good),
        (State::Failed, bad),
        (State::Cancelled, cancelled),
    ]
}

pub fn stats_count_every_state<E: Engine>() {
    let bench = Bench::<E>::default();
    assert_eq!(bench.queue.stats().unwrap().total(), 0);
    one_in_each(&bench);
    let cancelled = bench.shell("cancelled");
    bench.queue.cancel(&[cancelled]).unwrap();
    bench.add(once("later").run_at(bench.later(2_000)));
    let stats = bench.queue.stats().unwrap();
    assert_eq!(stats.by_state, [2, 0, 1, 1, 1, 1, 2, 0]);
    assert_eq!(stats.next_due, Some(bench.later(1_000)));
}
