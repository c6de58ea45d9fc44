//! Get, and the content of the file once it is opened again.

use super::tasks::{once, one_in_each};
use super::{Bench, Engine, WORKER};
use queue_core::outcome::Outcome;
use queue_core::queue::{ListQuery, Queue};
use queue_core::task::TaskId;

fn all() -> ListQuery {
    ListQuery::new().limit(100)
}

pub fn an_unknown_task_is_none<E: Engine>() {
    let bench = Bench::<E>::default();
    for id in [0, 1, -1, i64::MAX, i64::MIN].map(TaskId) {
        assert_eq!(bench.queue.get(id).unwrap(), None);
        assert_eq!(bench.queue.output(id).unwrap(), None);
        assert_eq!(bench.queue.waits_in_file(id).unwrap(), []);
    }
}

pub fn tasks_come_with_their_outputs_as_they_were_asked_for<E: Engine>() {
    let bench = Bench::<E>::default();
    let [with, without] = ["with", "without"].map(|name| {
        let id = bench.shell(name);
        let output = (name == "with").then_some("o5\nlines");
        bench.settle_with(bench.claim_only(), Outcome::Succeeded, output);
        id
    });
    let asked = [without, TaskId(i64::MAX), with, without];
    let found = bench.queue.with_outputs(&asked).unwrap();
    let found: Vec<_> = found
        .into_iter()
        .map(|(task, output)| (task.id, output.map(|output| output.0)))
        .collect();
    let output = Some(b"o5\nlines".to_vec());
    assert_eq!(found, [(without, None), (with, output), (without, None)]);
}

pub fn everything_survives_reopening_the_file<E: Engine>() {
    let bench = Bench::<E>::default();
    let each = one_in_each(&bench);
    let before = bench.queue.list(&all()).unwrap();
    let claims = bench.queue.claims_of(WORKER).unwrap();
    let again = bench.another();
    assert_eq!(again.list(&all()).unwrap(), before);
    assert_eq!(again.claims_of(WORKER).unwrap(), claims);
    assert_eq!(before.len(), each.len());
}

pub fn the_change_counter_moves_when_another_handle_commits<E: Engine>() {
    let bench = Bench::<E>::default();
    let another = bench.another();
    let before = bench.queue.change_counter().unwrap();
    assert_eq!(bench.queue.change_counter().unwrap(), before);
    another.enqueue(vec![once("t")]).unwrap();
    assert_ne!(bench.queue.change_counter().unwrap(), before);
}
