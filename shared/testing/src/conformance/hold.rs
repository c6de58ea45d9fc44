//! Hold and release.

use super::tasks::{once, one_in_each};
use super::{Bench, Engine};
use queue_core::outcome::Outcome;
use queue_core::queue::{Change, Invariant, ListQuery, Monitored as _, Queue, Waits};
use queue_core::sidecar::Signal;
use queue_core::state::State;
use queue_core::task::TaskId;

pub fn a_held_task_is_not_claimed_until_it_is_released<E: Engine>() {
    let bench = Bench::<E>::default();
    let [first, second] = ["first", "second"].map(|name| bench.shell(name));
    let since = bench.now();
    let held = Change::Done(State::Blocked);
    assert_eq!(bench.queue.hold(&[first]).unwrap(), [held]);
    let task = bench.task(first);
    assert_eq!((task.state, task.held_at), (State::Blocked, Some(since)));
    assert_eq!(bench.claim_ids(5), [second]);
    bench.advance(100_000);
    assert_eq!(bench.claim(5), []);
    let stats = bench.queue.stats().unwrap();
    assert_eq!((stats.count(State::Blocked), stats.held), (1, 1));
    let released = Change::Done(State::Queued);
    assert_eq!(bench.queue.release(&[first]).unwrap(), [released]);
    assert_eq!(bench.task(first).held_at, None);
    assert_eq!(bench.claim_ids(5), [first]);
}

pub fn a_hold_and_a_release_tell_what_they_found<E: Engine>() {
    let bench = Bench::<E>::default();
    let tasks = one_in_each(&bench);
    let unknown = TaskId(99);
    for (state, id) in tasks {
        let ids = [id, id, unknown];
        if !state.is_waiting() {
            let refused = [
                Change::Refused(state),
                Change::Refused(state),
                Change::NotFound,
            ];
            assert_eq!(bench.queue.hold(&ids).unwrap(), refused);
            assert_eq!(bench.queue.release(&ids).unwrap(), refused);
            continue;
        }
        let already = Change::Already(state);
        assert_eq!(bench.queue.release(&[id]).unwrap(), [already]);
        let (held, again) = (State::Blocked, Change::Already(State::Blocked));
        let answer = [Change::Done(held), again, Change::NotFound];
        assert_eq!(bench.queue.hold(&ids).unwrap(), answer);
        let answer = [Change::Done(state), already, Change::NotFound];
        assert_eq!(bench.queue.release(&ids).unwrap(), answer);
    }
}

pub fn a_released_task_waits_for_its_time<E: Engine>() {
    let bench = Bench::<E>::default();
    let run_at = bench.later(1_000);
    let [early, late] = ["early", "late"].map(|name| bench.add(once(name).run_at(run_at)));
    bench.queue.hold(&[early, late]).unwrap();
    assert_eq!(bench.task(early).run_at, Some(run_at));
    let released = Change::Done(State::Scheduled);
    assert_eq!(bench.queue.release(&[early]).unwrap(), [released]);
    assert_eq!(bench.claim(5), []);
    bench.advance(1_000);
    assert_eq!(bench.claim_ids(5), [early]);
    let released = Change::Done(State::Queued);
    assert_eq!(bench.queue.release(&[late]).unwrap(), [released]);
    assert_eq!(bench.claim_ids(5), [late]);
}

pub fn a_task_can_be_enqueued_held<E: Engine>() {
    let bench = Bench::<E>::default();
    let idle = bench.idle_worker();
    let id = bench.add(once("held").key("k").held(true));
    assert!(bench.task(id).held_at.is_some());
    assert_eq!(idle.received(), [], "there is nothing to claim");
    let again = bench.queue.enqueue(vec![once("again").key("k").held(true)]);
    assert!(again.unwrap()[0].existed);
    E::transaction(&bench.path(), true, |tx| {
        let (_, wake) = bench
            .queue
            .enqueue_in(tx, &[once("two").held(true)])
            .unwrap();
        drop(wake);
    });
    assert_eq!(bench.claim(5), []);
    assert_eq!(bench.queue.stats().unwrap().held, 2);
    bench.queue.release(&[id]).unwrap();
    assert_eq!(idle.received(), [Signal::Tasks]);
    assert_eq!(bench.claim_ids(5), [id]);
}

pub fn a_hold_ends_when_its_task_is_cancelled<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    bench.queue.hold(&[id]).unwrap();
    bench.queue.cancel(&[id]).unwrap();
    let task = bench.task(id);
    assert_eq!((task.state, task.held_at), (State::Cancelled, None));
    assert_eq!(bench.queue.stats().unwrap().held, 0);
    bench.queue.retry(&[id]).unwrap();
    assert_eq!(bench.claim_ids(5), [id]);
}

pub fn a_retry_that_waits_can_be_held_and_keeps_its_end<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let claim = bench.claim_only();
    bench.settle(claim, Outcome::Exited { code: 7 });
    bench.queue.hold(&[id]).unwrap();
    bench.advance(1_000_000);
    assert_eq!(bench.claim(5), []);
    assert_eq!(bench.task(id).exit_code, Some(7));
    bench.queue.release(&[id]).unwrap();
    assert_eq!(bench.claim(5)[0].attempt, 2);
}

pub fn held_tasks_can_be_reprioritized_and_listed<E: Engine>() {
    let bench = Bench::<E>::default();
    let ids = ["a", "b", "c", "d"].map(|name| bench.shell(name));
    bench.queue.hold(&[ids[0], ids[2], ids[3]]).unwrap();
    bench.queue.reprioritize(&[ids[2]], 5).unwrap();
    let list = |query: ListQuery| {
        let query = query.held(true);
        let found = bench.queue.list(&query).unwrap();
        found.iter().map(|task| task.id).collect::<Vec<_>>()
    };
    let all = ListQuery::new().limit(2);
    assert_eq!(list(all.clone()), [ids[3], ids[2]]);
    assert_eq!(list(all.clone().before(ids[2])), [ids[0]]);
    assert_eq!(list(all.clone().name("c")), [ids[2]]);
    assert_eq!(list(all.states([State::Queued])), []);
    bench.queue.release(&ids).unwrap();
    assert_eq!(bench.claim_ids(5), [ids[2], ids[0], ids[1], ids[3]]);
}

pub fn gauges_count_held_tasks_among_the_blocked_ones<E: Engine>() {
    let bench = Bench::<E>::default();
    let ids = ["a", "b"].map(|queue| bench.add(once("t").queue(queue)));
    let counts = || {
        let queues = bench.queue.gauges().unwrap().queues().into_iter();
        let counted = queues.filter(|one| one.name != "default");
        let counts = counted.map(|one| (one.name.clone(), one.held, one.count(State::Blocked)));
        counts.collect::<Vec<_>>()
    };
    bench.queue.hold(&ids[1..]).unwrap();
    assert_eq!(counts(), [("a".to_owned(), 0, 0), ("b".to_owned(), 1, 1)]);
    bench.queue.release(&ids).unwrap();
    assert_eq!(counts(), [("a".to_owned(), 0, 0), ("b".to_owned(), 0, 0)]);
}

pub fn why_names_a_hold_beside_the_other_reasons<E: Engine>() {
    let bench = Bench::<E>::default();
    let id = bench.shell("task");
    let since = bench.now();
    bench.queue.hold(&[id]).unwrap();
    bench.advance(10);
    bench.queue.set_paused("default", true).unwrap();
    let paused = Waits::Paused { since: bench.now() };
    let waits = || bench.queue.waits_in_file(id).unwrap();
    assert_eq!(waits(), [Waits::Held { since }, paused.clone()]);
    bench.queue.release(&[id]).unwrap();
    assert_eq!(waits(), [paused]);
}

pub fn a_file_with_held_tasks_keeps_every_invariant<E: Engine>() {
    let bench = Bench::<E>::default();
    let ids = ["a", "b", "c"].map(|name| bench.shell(name));
    let whole = || bench.queue.verify().unwrap().iter().all(Invariant::holds);
    bench.queue.hold(&ids).unwrap();
    bench.queue.cancel(&ids[..1]).unwrap();
    assert!(whole());
    assert_eq!(bench.queue.repair().unwrap(), []);
    bench.queue.release(&ids).unwrap();
    assert!(whole());
}
