//! Reprioritize.

use super::tasks::once;
use super::{Bench, Engine};
use queue_core::queue::{Change, Queue};
use queue_core::state::State;
use queue_core::task::TaskId;

pub fn reprioritize_moves_waiting_tasks<E: Engine>() {
    let bench = Bench::<E>::default();
    let first = bench.shell("first");
    let second = bench.shell("second");
    let scheduled = bench.add(once("once").run_at(bench.later(10)));
    let ended = bench.add(once("once").priority(99));
    let claim = bench.claim(1)[0].claim;
    assert_eq!(claim.task, ended);
    let ids = [second, scheduled, ended, TaskId(99)];
    let changes = bench.queue.reprioritize(&ids, i32::MAX).unwrap();
    let expected = [
        Change::Done(State::Queued),
        Change::Done(State::Scheduled),
        Change::Refused(State::Running),
        Change::NotFound,
    ];
    assert_eq!(changes, expected);
    assert_eq!(bench.task(ended).priority, 99);
    bench.advance(10);
    assert_eq!(bench.claim_ids(5), [second, scheduled, first]);
}
