use std::time::Duration;

use super::Engine;
use super::handlers::{HandlerBench, runtime};
use queue_core::claim::{Claim, ClaimRequest, WorkerId};
use queue_core::error::Error;
use queue_core::outcome::{Outcome, Settlement};
use queue_core::queue::Queue;
use queue_core::runtime::AsyncQueue;
use queue_core::state::State;
use queue_core::task::{NewTask, TaskId};

fn success(claim: Claim) -> Settlement {
    Settlement::new(claim, Outcome::Succeeded)
}

/// Enqueues and claims tasks.
fn claimed<E: Engine>(bench: &HandlerBench<E>, count: usize) -> Vec<Claim> {
    let tasks = vec![NewTask::shell("task", "true"); count];
    bench.queue.enqueue(tasks).unwrap();
    let worker = WorkerId::from_bits(bench.queue.random());
    let claims = bench
        .queue
        .claim(&ClaimRequest::new(worker, count).commands(true));
    claims
        .unwrap()
        .tasks
        .iter()
        .map(|task| task.claim)
        .collect()
}

pub fn wait_returns_tasks_in_order_once_they_have_ended<E: Engine>() {
    let bench = HandlerBench::<E>::new();
    let claims = claimed(&bench, 3);
    let ids: Vec<TaskId> = claims.iter().rev().map(|claim| claim.task).collect();
    let (queue, asked) = (bench.queue.clone(), ids.clone());
    let waiting = std::thread::spawn(move || queue.wait(&asked, None).unwrap());
    for claim in claims {
        bench.queue.settle(vec![success(claim)]).unwrap();
    }
    let ended = waiting.join().unwrap();
    assert!(ended.iter().all(|task| task.state == State::Succeeded));
    assert!(ended.iter().map(|task| task.id).eq(ids));
}

pub fn wait_returns_a_task_that_has_not_ended_in_time_as_it_is<E: Engine>() {
    let bench = HandlerBench::<E>::new();
    let claims = claimed(&bench, 2);
    bench.queue.settle(vec![success(claims[1])]).unwrap();
    let ids: Vec<TaskId> = claims.iter().map(|claim| claim.task).collect();
    for time in [0, 20] {
        let tasks = bench.queue.wait(&ids, Some(Duration::from_millis(time)));
        let states: Vec<_> = tasks.unwrap().iter().map(|task| task.state).collect();
        assert_eq!(states, [State::Running, State::Succeeded]);
    }
}

pub fn wait_for_a_missing_task_is_refused<E: Engine>() {
    let bench = HandlerBench::<E>::new();
    let error = bench.queue.wait(&[TaskId(7)], None).unwrap_err();
    assert!(matches!(error, Error::NotFound { .. }), "{error}");
    assert_eq!(bench.queue.wait(&[], None).unwrap(), []);
}

pub fn async_calls_do_what_the_blocking_ones_do<E: Engine>() {
    let bench = HandlerBench::<E>::new();
    let queue = AsyncQueue::new(bench.queue.clone());
    runtime().block_on(async {
        let task = NewTask::shell("task", "true");
        let id = queue.enqueue(vec![task]).await.unwrap()[0].id;
        let late = queue.wait(&[id], Some(Duration::from_millis(5))).await;
        assert_eq!(late.unwrap()[0].state, State::Queued);
        let worker = WorkerId::from_bits(queue.blocking().random());
        let request = ClaimRequest::new(worker, 1).commands(true);
        let claims = queue
            .call(move |queue| queue.claim(&request))
            .await
            .unwrap();
        let settlement = success(claims.tasks[0].claim);
        let settled = queue.settle(vec![settlement.clone()]).await.unwrap();
        assert_eq!(settled, bench.queue.settle(vec![settlement]).unwrap());
        let ended = queue.wait(&[id, id], None).await.unwrap();
        assert_eq!(ended.len(), 2);
        assert_eq!(ended[0].state, State::Succeeded);
        let missing = queue.wait(&[TaskId(77)], None).await.unwrap_err();
        assert!(matches!(missing, Error::NotFound { .. }), "{missing}");
    });
}

pub fn many_callers_wait_on_one_thread<E: Engine>() {
    const CALLERS: usize = 300;
    let bench = HandlerBench::<E>::new();
    let claims = claimed(&bench, CALLERS);
    let queue = AsyncQueue::new(bench.queue.clone());
    let runtime = runtime();
    let waits: Vec<_> = claims
        .iter()
        .map(|claim| {
            let (queue, id) = (queue.clone(), claim.task);
            runtime.spawn(async move { queue.wait(&[id], None).await.unwrap().remove(0) })
        })
        .collect();
    // One caller gives up.
    let (queue, id) = (queue.clone(), claims[0].task);
    drop(runtime.spawn(async move { queue.wait(&[id], None).await }));
    for some in claims.chunks(50) {
        let settlements = some.iter().map(|claim| success(*claim)).collect();
        bench.queue.settle(settlements).unwrap();
    }
    for (wait, claim) in waits.into_iter().zip(claims) {
        let task = runtime.block_on(wait).unwrap();
        assert_eq!((task.id, task.state), (claim.task, State::Succeeded));
    }
}
