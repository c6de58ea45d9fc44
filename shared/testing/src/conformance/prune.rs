use super::tasks::once;
use super::{Bench, Engine};
use queue_core::clock::Timestamp;
use queue_core::outcome::Outcome;
use queue_core::queue::{ListQuery, PruneRequest, Queue};
use queue_core::sidecar::Sidecar;
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};

fn everything() -> PruneRequest {
    PruneRequest::new(Timestamp::MAX)
}

fn left<E: Engine>(bench: &Bench<E>) -> Vec<i64> {
    let query = ListQuery::new().limit(10_000);
    let tasks = bench.queue.list(&query).unwrap();
    tasks.into_iter().rev().map(|task| task.id.0).collect()
}

/// Tasks 1 to 4, alternately succeeded and failed, a second apart.
fn four<E: Engine>(bench: &Bench<E>) {
    for outcome in [Outcome::Succeeded, Outcome::TimedOut]
        .into_iter()
        .cycle()
        .take(4)
    {
        bench.ended(once("once"), outcome);
        bench.advance(1_000);
    }
}

pub fn prune_deletes_ended_tasks_and_nothing_else<E: Engine>() {
    let bench = Bench::<E>::default();
    four(&bench);
    bench.shell("running");
    bench.claim_only();
    bench.shell("queued");
    bench.add(once("once").run_at(bench.later(10)));
    assert_eq!(bench.queue.prune(&everything()).unwrap(), 4);
    assert_eq!(left(&bench), [5, 6, 7]);
    assert_eq!(bench.queue.prune(&everything()).unwrap(), 0);
}

pub fn prune_of_an_empty_file_deletes_nothing<E: Engine>() {
    let bench = Bench::<E>::default();
    assert_eq!(bench.queue.prune(&everything()).unwrap(), 0);
}

pub fn prune_keeps_the_highest_id_so_that_none_is_given_twice<E: Engine>() {
    let bench = Bench::<E>::default();
    four(&bench);
    assert_eq!(bench.queue.prune(&everything()).unwrap(), 3);
    assert_eq!(left(&bench), [4]);
    assert_eq!(bench.shell("next"), TaskId(5));
}

pub fn prune_keeps_tasks_that_are_young_enough<E: Engine>() {
    let bench = Bench::<E>::default();
    let start = bench.now();
    four(&bench);
    bench.shell("newest");
    let request = |millis| PruneRequest::new(Timestamp(start.0 + millis));
    for (millis, count) in [(0, 0), (1_000, 1), (2_001, 2)] {
        let request = request(millis);
        let dry = request.clone().dry_run(true);
        assert_eq!(bench.queue.prune(&dry).unwrap(), count);
        assert_eq!(bench.queue.prune(&request).unwrap(), count);
    }
    assert_eq!(left(&bench), [4, 5]);
}

pub fn prune_deletes_the_chosen_states_only<E: Engine>() {
    let bench = Bench::<E>::default();
    four(&bench);
    bench.shell("newest");
    let request = everything().states([State::Failed, State::Queued]);
    assert_eq!(bench.queue.prune(&request).unwrap(), 2);
    assert_eq!(left(&bench), [1, 3, 5]);
}

pub fn prune_keeps_the_requested_number_of_newest_tasks<E: Engine>() {
    let bench = Bench::<E>::default();
    four(&bench);
    bench.shell("newest");
    let keep = |keep| everything().keep(keep);
    assert_eq!(bench.queue.prune(&keep(u64::MAX)).unwrap(), 0);
    assert_eq!(bench.queue.prune(&keep(4)).unwrap(), 0);
    assert_eq!(bench.queue.prune(&keep(3)).unwrap(), 1);
    assert_eq!(left(&bench), [2, 3, 4, 5]);
    let failed = keep(1).states([State::Failed]);
    assert_eq!(bench.queue.prune(&failed).unwrap(), 1);
    assert_eq!(
        left(&bench),
        [3, 4, 5],
        "the newest of the chosen states stays"
    );
    let bench = Bench::<E>::default();
    four(&bench);
    let succeeded = keep(1).states([State::Succeeded]);
    assert_eq!(bench.queue.prune(&succeeded).unwrap(), 1);
    assert_eq!(left(&bench), [2, 3, 4]);
}

pub fn a_dry_prune_counts_and_deletes_nothing<E: Engine>() {
    let bench = Bench::<E>::default();
    four(&bench);
    let dry = everything().dry_run(true);
    assert_eq!(bench.queue.prune(&dry).unwrap(), 3);
    assert_eq!(left(&bench), [1, 2, 3, 4]);
}

pub fn prune_deletes_outputs_and_frees_keys<E: Engine>() {
    let bench = Bench::<E>::default();
    let keyed = || NewTask::shell("task", "true").key("k");
    let id = bench.add(keyed());
    bench.settle_with(bench.claim_only(), Outcome::Succeeded, Some("o2\nhi"));
    bench.shell("newest");
    assert_eq!(bench.queue.prune(&everything()).unwrap(), 1);
    assert_eq!(bench.queue.output(id).unwrap(), None);
    let again = bench.queue.enqueue(vec![keyed()]).unwrap()[0];
    assert!(!again.existed);
    assert!(again.id > id);
}

pub fn prune_continues_after_its_first_step<E: Engine>() {
    let bench = Bench::<E>::default();
    let last = 20_002;
    let ids: Vec<_> = (1..=last).map(TaskId).collect();
    bench.queue.enqueue(vec![once("once"); ids.len()]).unwrap();
    bench.queue.cancel(&ids).unwrap();
    let dry = everything().dry_run(true);
    assert_eq!(bench.queue.prune(&dry).unwrap(), ids.len() as u64 - 1);
    assert_eq!(
        bench.queue.prune(&everything()).unwrap(),
        ids.len() as u64 - 1
    );
    assert_eq!(left(&bench), [last]);
}

pub fn prune_deletes_the_logs_of_deleted_tasks<E: Engine>() {
    let bench = Bench::<E>::default();
    let sidecar = Sidecar::at(bench.queue.coordination().folder());
    let old = bench.ended(once("once"), Outcome::Succeeded);
    let kept = bench.shell("kept");
    let logs = [
        sidecar.log(old, 1),
        sidecar.log(old, 12),
        sidecar.log(kept, 1),
        sidecar.log(TaskId(kept.0 + 1), 1),
        sidecar.logs().join("a file of somebody's"),
    ];
    for log in &logs {
        std::fs::write(log, "o2\nhi").unwrap();
    }
    assert_eq!(bench.queue.prune(&everything()).unwrap(), 1);
    assert_eq!(
        logs.map(|log| log.exists()),
        [false, false, true, true, true]
    );
}
