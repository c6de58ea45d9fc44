//! A running task that adds tasks to its own workflow.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};

use queue_core::error::Error;
use queue_core::outcome::Outcome;
use queue_core::queue::Queue;
use queue_core::state::State;
use queue_core::workflow::Condition;
use workflow_queue::{
    DependentTasks, Details, Done, Edge, Handlers, NewTask, Worker, WorkerOptions, WorkflowTask,
};

use crate::{Bench, FAILED, Workflows, once, task};

#[test]
fn a_running_task_adds_tasks_in_front_of_its_dependents() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        task("split"),
        task("merge").after("split", Condition::Success),
    ]);
    let claim = bench.claim_only();
    let next = queue_core::TaskId(3);
    let links = [0, 1].map(|offset| Edge {
        dependent: ids[1],
        on: queue_core::TaskId(next.0 + offset),
        condition: Condition::Success,
    });
    let spawned = bench
        .queue
        .spawn(claim, vec![task("part 1"), task("part 2")], links.to_vec())
        .unwrap();
    assert_eq!(spawned[0].id, next);
    bench.settle(claim, Outcome::Succeeded);
    assert_eq!(bench.state(ids[1]), State::Blocked);
    assert_eq!(bench.drain(), [spawned[0].id, spawned[1].id, ids[1]]);
}

#[test]
fn a_lost_claim_adds_nothing() {
    let bench = Bench::default();
    bench.flow(vec![
        task("split"),
        task("merge").after("split", Condition::Success),
    ]);
    let claim = bench.claim_only();
    bench.advance(30_000);
    bench.queue.expire(&[claim]).unwrap();
    let error = bench
        .queue
        .spawn(claim, vec![task("part")], Vec::new())
        .unwrap_err();
    assert!(error.is_claim_lost(), "{error}");
    assert_eq!(bench.queue.stats().unwrap().total(), 2);
}

#[test]
fn edges_to_another_workflow_are_refused() {
    let bench = Bench::default();
    bench.flow(vec![
        task("split"),
        task("merge").after("split", Condition::Success),
    ]);
    let foreign = bench.shell("foreign");
    let claim = bench.claim_as(queue_testing::conformance::WORKER, 1)[0];
    let links = vec![Edge {
        dependent: foreign,
        on: claim.task,
        condition: Condition::Success,
    }];
    let error = bench
        .queue
        .spawn(claim, vec![task("part")], links)
        .unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    assert!(error.to_string().contains("another workflow"), "{error}");
    assert_eq!(bench.queue.stats().unwrap().total(), 3);
}

/// A task put in front of all dependents of its spawner.
fn in_front(name: &str) -> WorkflowTask {
    task(name).before(DependentTasks::OfSpawner, Condition::Success)
}

#[test]
fn dependents_of_the_spawner_wait_for_its_new_tasks_on_request() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        task("split"),
        task("merge").after("split", Condition::Success),
        task("sorry").after("split", Condition::Failure),
    ]);
    let claim = bench.claim_only();
    bench.queue.cancel(&ids[2..]).unwrap();
    let after_it = in_front("late").after(claim.task, Condition::Success);
    let spawned = bench
        .queue
        .spawn(claim, vec![in_front("part"), after_it], Vec::new())
        .unwrap();
    bench.settle(claim, Outcome::Succeeded);
    assert_eq!(bench.states(&ids[1..]), [State::Blocked, State::Cancelled]);
    assert_eq!(bench.drain(), [spawned[0].id, spawned[1].id, ids[1]]);
}

#[test]
fn a_named_task_is_made_to_wait_with_its_condition() {
    let bench = Bench::default();
    let waiting = bench.shell("waiting");
    let first = bench.flow(vec![once("first").before(waiting, Condition::Failure)])[0];
    assert_eq!(bench.state(waiting), State::Blocked);
    bench.end(first, FAILED);
    assert_eq!(bench.drain(), [waiting]);
}

#[test]
fn a_started_task_and_one_that_would_wait_for_itself_are_not_made_to_wait() {
    let bench = Bench::default();
    let running = bench.shell("running");
    bench.claim_only();
    let waiting = bench.shell("waiting");
    for (before, after, sentence) in [
        (running, None, "only a waiting task"),
        (waiting, Some(waiting), "waits for task"),
        (queue_core::TaskId(99), None, "there is no task 99"),
    ] {
        let mut new = task("new").before(before, Condition::Success);
        if let Some(after) = after {
            new = new.after(after, Condition::Success);
        }
        let error = bench.queue.enqueue_workflow(vec![new]).unwrap_err();
        assert!(error.to_string().contains(sentence), "{error}");
    }
    let error = bench.queue.enqueue_workflow(vec![in_front("new")]);
    let sentence = error.unwrap_err().to_string();
    assert!(
        sentence.contains("only a running task can add tasks"),
        "{sentence}"
    );
    assert_eq!(bench.queue.stats().unwrap().total(), 2);
}

#[test]
fn a_repeated_attempt_adds_no_task_with_a_key_twice() {
    let bench = Bench::default();
    let ids = bench.flow(vec![
        task("split"),
        task("merge").after("split", Condition::Success),
    ]);
    let parts = || {
        let part = |name: &str| in_front(name).task(NewTask::shell(name, "true").key(name));
        vec![part("one"), part("two")]
    };
    let claim = bench.claim_only();
    bench.queue.spawn(claim, parts(), Vec::new()).unwrap();
    bench.settle(claim, Outcome::Returned);
    let claim = bench.claim(1)[0].claim;
    assert_eq!(claim.task, ids[0]);
    let again = bench.queue.spawn(claim, parts(), Vec::new()).unwrap();
    assert!(again.iter().all(|one| one.existed));
    bench.settle(claim, Outcome::Succeeded);
    assert_eq!(bench.drain(), [again[0].id, again[1].id, ids[1]]);
}

#[test]
fn tasks_enqueued_one_by_one_are_a_workflow_through_their_edges() {
    let bench = Bench::default();
    let split = bench.shell("split");
    let merge = bench.flow(vec![task("merge").after(split, Condition::Success)])[0];
    let other = bench.shell("other");
    let claim = bench.claim(1)[0].claim;
    let part = task("part").before(merge, Condition::Success);
    let part = bench.queue.spawn(claim, vec![part], Vec::new()).unwrap()[0].id;
    let foreign = task("part").before(other, Condition::Success);
    let error = bench.queue.spawn(claim, vec![foreign], Vec::new());
    let sentence = error.unwrap_err().to_string();
    assert!(sentence.contains("another workflow"), "{sentence}");
    let details = |id| bench.queue.details(id).unwrap().unwrap();
    assert_eq!(details(merge).workflow, Some(split));
    let of_part = details(part);
    assert_eq!(
        (of_part.workflow, of_part.spawner),
        (Some(split), Some(split))
    );
    assert_eq!(bench.queue.spawned(split).unwrap(), [part]);
    assert_eq!(bench.queue.spawned(merge).unwrap(), []);
    assert_eq!(details(other), Details::default());
}

#[test]
fn spawned_tasks_are_listed_in_the_order_of_ids() {
    let bench = Bench::default();
    bench.flow(vec![task("a"), task("b")]);
    let ids = bench.flow(vec![task("first"), task("second")]);
    let claims: Vec<_> = bench.claim(4).iter().map(|task| task.claim).collect();
    let spawn = |claim| {
        let parts = vec![task("part"), task("part")];
        let spawned = bench.queue.spawn(claim, parts, Vec::new()).unwrap();
        spawned.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    for (place, id) in ids.into_iter().enumerate() {
        let parts = spawn(claims[2 + place]);
        assert_eq!(bench.queue.spawned(id).unwrap(), parts);
    }
}

#[test]
fn a_handler_adds_tasks_to_its_workflow_and_reads_their_output() {
    let bench = Bench::default();
    let queue = Arc::new(bench.queue);
    let handled = |name: &str| WorkflowTask::from(NewTask::handler(name, b""));
    let merge = handled("merge").after("split", Condition::Success);
    queue
        .enqueue_workflow(vec![handled("split"), merge])
        .unwrap();
    let read = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&read);
    let handlers = Handlers::of(&queue)
        .register("split", |task| {
            let part = |name: &str| {
                WorkflowTask::shell(name, format!("echo {name}"))
                    .before(DependentTasks::OfSpawner, Condition::Success)
            };
            assert_eq!(task.spawn(vec![part("a"), part("b")])?.len(), 2);
            Ok(Done::Succeeded)
        })
        .register("merge", move |task| {
            for input in task.inputs()? {
                let written = input.output.map(|output| output.chunks().count());
                kept.lock().unwrap().push((input.task.name, written));
            }
            assert_eq!(task.queue().dependencies(task.id())?.len(), 3);
            Ok(Done::Succeeded)
        });
    let options = WorkerOptions::new(NonZeroU32::MIN)
        .handlers(handlers)
        .commands(true)
        .drain(true);
    let summary = Worker::new(queue, options).unwrap().run(&mut ()).unwrap();
    assert_eq!((summary.succeeded, summary.failed), (4, 0));
    let expected = [("split", None), ("a", Some(1)), ("b", Some(1))];
    assert_eq!(
        *read.lock().unwrap(),
        expected.map(|(name, written)| (name.to_owned(), written))
    );
}
