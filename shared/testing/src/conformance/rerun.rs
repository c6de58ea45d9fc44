//! Rerun.

use super::tasks::{once, one_in_each};
use super::{Bench, Engine};
use queue_core::options::TaskOptions;
use queue_core::outcome::Outcome;
use queue_core::queue::{Invariant, Queue, TaskCopy};
use queue_core::sidecar::Signal;
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};

pub fn a_rerun_copies_an_ended_task_without_its_key<E: Engine>() {
    let bench = Bench::<E>::default();
    let options = TaskOptions::new()
        .max_attempts(1)
        .timeout_ms(5_000)
        .env("A", "1");
    let task = NewTask::argv("build", ["make", "-j4"])
        .priority(3)
        .key("k")
        .options(options);
    let original = bench.ended(task, Outcome::Exited { code: 7 });
    let before = bench.task(original);
    let idle = bench.idle_worker();
    let copies = bench.queue.rerun(&[original, original], false).unwrap();
    let ids: Vec<TaskId> = copies.into_iter().filter_map(TaskCopy::id).collect();
    assert_eq!(ids, [2, 3].map(TaskId));
    assert_eq!(idle.received(), [Signal::Tasks]);
    assert_eq!(bench.task(original), before, "the original stays as it was");
    let copy = bench.task(ids[0]);
    assert_eq!((copy.key, copy.attempt, copy.reason), (None, 0, None));
    assert_eq!(copy.state, State::Queued);
    assert_eq!((&copy.work, &copy.options), (&before.work, &before.options));
    assert_eq!((copy.priority, copy.name), (3, "build".to_owned()));
    let claimed = bench.claim(1).remove(0);
    bench.settle(claimed.claim, Outcome::Succeeded);
    assert_eq!(bench.state(ids[0]), State::Succeeded);
    assert!(bench.queue.verify().unwrap().iter().all(Invariant::holds));
}

pub fn a_rerun_tells_what_it_found<E: Engine>() {
    let bench = Bench::<E>::default();
    let tasks = one_in_each(&bench);
    let last = tasks.iter().map(|(_, id)| id.0).max().unwrap();
    let mut made = 0;
    for (state, id) in tasks {
        let expected = if state.is_terminal() {
            made += 1;
            TaskCopy::Copied(TaskId(last + made))
        } else {
            TaskCopy::Refused(state)
        };
        let copies = bench.queue.rerun(&[id, TaskId(99)], false).unwrap();
        assert_eq!(copies, [expected, TaskCopy::NotFound]);
    }
    assert_eq!(made, 3);
}

pub fn a_copy_can_be_held<E: Engine>() {
    let bench = Bench::<E>::default();
    let original = bench.ended(once("once"), Outcome::Succeeded);
    let copies = bench.queue.rerun(&[original], true).unwrap();
    let copy = copies[0].id().unwrap();
    assert_eq!(bench.claim(5), []);
    assert!(bench.task(copy).held_at.is_some());
    assert!(bench.queue.verify().unwrap().iter().all(Invariant::holds));
    bench.queue.release(&[copy]).unwrap();
    assert_eq!(bench.claim_ids(5), [copy]);
}
