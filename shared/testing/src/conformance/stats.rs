//! Stats.

use super::tasks::{once, one_in_each};
use super::{Bench, Engine};
use queue_core::queue::Queue;

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
