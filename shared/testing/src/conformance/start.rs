//! Start.

use super::tasks::{once, one_in_each};
use super::{Bench, Engine};
use queue_core::outcome::Outcome;
use queue_core::queue::{Change, Queue};
use queue_core::sidecar::Signal;
use queue_core::state::State;
use queue_core::task::TaskId;

pub fn a_start_lets_a_delayed_task_start_at_once<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.add(once("later").run_at(bench.later(100_000)));
    let idle = bench.idle_worker();
    assert_eq!(bench.claim(5), []);
    let started = Change::Done(State::Queued);
    assert_eq!(bench.queue.start(&[id]).unwrap(), [started]);
    assert_eq!(idle.received(), [Signal::Tasks]);
    assert_eq!(bench.task(id).run_at, None);
    assert_eq!(bench.claim_ids(5), [id]);
}

pub fn a_start_ends_a_backoff_and_keeps_the_attempt<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    bench.settle(claim, Outcome::Exited { code: 7 });
    assert_eq!(
        bench.queue.start(&[id]).unwrap(),
        [Change::Done(State::Queued)]
    );
    assert_eq!(bench.task(id).exit_code, Some(7));
    assert_eq!(bench.claim(5)[0].attempt, 2);
}

pub fn a_start_of_a_held_task_clears_its_time_alone<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.add(once("later").run_at(bench.later(100_000)).held(true));
    let started = Change::Done(State::Blocked);
    assert_eq!(bench.queue.start(&[id]).unwrap(), [started]);
    assert_eq!(bench.claim(5), []);
    bench.queue.release(&[id]).unwrap();
    assert_eq!(bench.claim_ids(5), [id]);
}

pub fn a_start_tells_what_it_found<E: Engine>() {
    let bench = Bench::<E>::default();
    for (state, id) in one_in_each(&bench) {
        let (first, again) = if state == State::Scheduled {
            (Change::Done(State::Queued), Change::Already(State::Queued))
        } else if state.is_waiting() {
            (Change::Already(state), Change::Already(state))
        } else {
            (Change::Refused(state), Change::Refused(state))
        };
        let changes = bench.queue.start(&[id, id, TaskId(99)]).unwrap();
        assert_eq!(changes, [first, again, Change::NotFound]);
    }
}
