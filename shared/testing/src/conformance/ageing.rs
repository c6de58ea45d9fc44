//! Ageing of queues.

use std::time::Duration;

use super::tasks::once;
use super::{Bench, Engine, WORKER};
use queue_core::claim::ClaimRequest;
use queue_core::error::Error;
use queue_core::outcome::Outcome;
use queue_core::queue::{Queue, Waits};
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};
use queue_core::{Ageing, ServedQueues};

fn every(seconds: u64) -> Ageing {
    Ageing::every(Duration::from_secs(seconds)).unwrap()
}

impl<E: Engine> Bench<E> {
    fn age(&self, queue: &str, ageing: impl Into<Option<Ageing>>) {
        assert!(self.queue.set_ageing(queue, ageing.into()).unwrap());
    }

    fn claim_all(&self, request: &ClaimRequest) -> Vec<TaskId> {
        let claims = self.queue.claim(request).unwrap();
        claims.tasks.iter().map(|one| one.claim.task).collect()
    }
}

pub fn a_low_priority_comes_to_run_once_it_has_waited<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.age("default", every(10));
    let low = bench.add(once("low"));
    let lowest = bench.add(once("lowest").priority(-9));
    bench.advance(25_000);
    let high = bench.add(once("high").priority(2));
    let higher = bench.add(once("higher").priority(3));
    for expected in [higher, low, high, lowest] {
        assert_eq!(bench.claim_ids(1), [expected]);
    }
    assert_eq!(bench.claim_ids(1), []);
}

pub fn a_large_claim_is_in_the_order_of_priority_and_age<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.age("default", every(10));
    let mut expected = Vec::new();
    let low = bench.add(once("low"));
    for _ in 0..20 {
        expected.push(bench.add(once("high").priority(2)));
        bench.advance(1_000);
    }
    expected.insert(20, low);
    for _ in 0..20 {
        expected.push(bench.add(once("high").priority(2)));
    }
    // After 20 seconds the low task has the same rank as the newest high ones, and the lower id.
    assert_eq!(bench.claim_ids(100), expected);
}

pub fn without_ageing_priority_alone_decides_again<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.age("default", every(1));
    let low = bench.add(once("low"));
    bench.advance(60_000);
    let high = bench.add(once("high").priority(1));
    assert!(!bench.queue.set_ageing("default", Some(every(1))).unwrap());
    bench.age("default", None);
    assert!(!bench.queue.set_ageing("default", None).unwrap());
    assert_eq!(bench.claim_ids(1), [high]);
    assert_eq!(bench.claim_ids(1), [low]);
}

pub fn a_task_ages_from_the_time_it_comes_due<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.age("default", every(10));
    let delayed = bench.add(once("delayed").run_at(bench.later(60_000)));
    bench.advance(65_000);
    let high = bench.add(once("high").priority(1));
    assert_eq!(bench.claim_ids(1), [high]);
    bench.advance(5_000);
    let second = bench.add(once("second").priority(1));
    assert_eq!(bench.claim_ids(2), [delayed, second]);
}

pub fn of_very_many_priorities_the_lowest_comes_to_run<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.age("default", every(1));
    let task = |priority: i32| once("t").priority(priority);
    let lowest = bench.add(task(-50));
    bench.advance(200_000);
    let others = bench.queue.enqueue((0..100).map(task).collect()).unwrap();
    assert_eq!(bench.claim_ids(1), [lowest]);
    let all: Vec<TaskId> = others.iter().rev().map(|one| one.id).collect();
    assert_eq!(bench.claim_ids(31), all[..31]);
}

pub fn ageing_holds_for_every_handle_and_every_handler<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.add(NewTask::handler("old", ""));
    bench.age("default", every(60));
    bench.add(NewTask::handler("new", ""));
    let another = bench.another();
    let queues = another.queues().unwrap();
    assert_eq!(queues.len(), 3);
    assert!(queues.iter().all(|queue| queue.ageing == Some(every(60))));
    bench.advance(120_000);
    let young = bench.add(NewTask::handler("old", "").priority(1));
    let request = ClaimRequest::new(WORKER, 10)
        .commands(true)
        .handlers(["old", "new"]);
    let claims = another.claim(&request).unwrap().tasks;
    let last = claims.last().unwrap();
    assert_eq!((claims.len(), last.claim.task), (3, young));
}

pub fn ageing_can_be_set_before_the_first_task<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.age("later", every(60));
    assert!(!bench.queue.set_ageing("never named", None).unwrap());
    let queues = bench.queue.queues().unwrap();
    let later = queues.iter().find(|queue| queue.name == "later").unwrap();
    assert_eq!(later.ageing, Some(every(60)));
    let error = bench.queue.set_ageing("", Some(every(60))).unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
}

pub fn a_queue_with_ageing_takes_turns_like_others<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.age("b", every(1));
    let add = |queue, priority| bench.add(once("t").queue(queue).priority(priority));
    let low = add("b", 0);
    let also_low = add("a", 0);
    bench.advance(10_000);
    let (high, also_high) = (add("b", 1), add("a", 1));
    let request = ClaimRequest::new(WORKER, 9)
        .commands(true)
        .queues(ServedQueues::all([]));
    let expected = [also_high, low, also_low, high];
    assert_eq!(bench.claim_all(&request), expected);
}

pub fn a_paused_queue_with_ageing_gives_nothing<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.age("default", every(1));
    let task = bench.shell("task");
    bench.queue.set_paused("default", true).unwrap();
    assert_eq!(bench.claim_ids(1), []);
    bench.queue.set_paused("default", false).unwrap();
    assert_eq!(bench.claim_ids(1), [task]);
}

pub fn a_task_that_is_tried_again_ages_anew<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.age("default", every(1));
    let first = bench.shell("first");
    bench.advance(100_000);
    let claim = bench.claim_only();
    let until = bench.later(1_000);
    bench.settle(claim, Outcome::Snoozed { until });
    bench.advance(1_000);
    let second = bench.add(once("second").priority(1));
    assert_eq!(bench.claim_ids(2), [second, first]);
}

pub fn the_order_of_ageing_is_shown<E: Engine>() {
    let bench = Bench::<E>::default();
    bench.age("default", every(10));
    let low = bench.add(once("low"));
    bench.advance(15_000);
    let high = bench.add(once("high").priority(1));
    let higher = bench.add(once("higher").priority(3));
    let waits = |id| bench.queue.waits_in_file(id).unwrap();
    let behind = |tasks| Waits::Behind {
        tasks,
        ageing: Some(every(10)),
    };
    assert_eq!(waits(higher), []);
    assert_eq!(waits(low), [behind(1)]);
    assert_eq!(waits(high), [behind(2)]);
    bench.add(once("elsewhere").queue("other").priority(2));
    let next = bench.queue.next_waiting(State::Queued, 4).unwrap();
    let names: Vec<_> = next.iter().map(|task| task.name.as_str()).collect();
    assert_eq!(names, ["higher", "elsewhere", "low", "high"]);
}
