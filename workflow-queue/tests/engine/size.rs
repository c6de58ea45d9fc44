//! Large graphs: the cost of a verb grows with the tasks and edges it touches, and verbs over many
//! tasks let others write in between.

use queue_core::outcome::Settlement;
use queue_core::queue::{Change, ClaimOrder, Invariant, Queue, STEP};
use queue_core::state::State::{self, Blocked, Failed, Queued, Skipped};
use queue_core::task::TaskId;
use queue_core::workflow::{Condition, Edge};
use rustix::time::{ClockId, clock_gettime};

use crate::{Bench, FAILED, Workflows, once, task};

/// Processor time of this thread in nanoseconds, which other programs do not lengthen.
fn spent() -> i64 {
    let now = clock_gettime(ClockId::ThreadCPUTime);
    now.tv_sec * 1_000_000_000 + now.tv_nsec
}

/// Checks that four times the size takes clearly less than sixteen times the work. Measures again
/// on failure, since the processor may have been slow for a moment.
fn grows_with_size(work: impl Fn(usize) -> i64) -> Result<(), String> {
    let mut seen = Vec::new();
    for _ in 0..3 {
        let (small, large) = (work(400), work(1600));
        if large < small * 9 {
            return Ok(());
        }
        seen.push((small, large));
    }
    Err(format!("four times the size takes {seen:?} ns"))
}

/// Fails every task that is ready.
fn fail_all(bench: &Bench) {
    let failed = |task: &queue_core::claim::ClaimedTask| Settlement::new(task.claim, FAILED);
    let claimed = bench.claim(10_000);
    bench
        .queue
        .settle(claimed.iter().map(failed).collect())
        .unwrap();
}

/// Many failed tasks, and one skipped task that depends on all of them.
fn failed_fan_in(bench: &Bench, width: usize) -> Vec<TaskId> {
    let mut tasks: Vec<_> = (0..width).map(|_| once("dependency")).collect();
    let mut join = task("join");
    for place in 0..width {
        join = join.after(place, Condition::Success);
    }
    tasks.push(join);
    let ids = bench.flow(tasks);
    fail_all(bench);
    assert_eq!(bench.state(ids[0]), Failed);
    assert_eq!(bench.state(ids[width]), Skipped);
    ids
}

fn assert_sound(bench: &Bench) {
    let broken = bench.queue.verify().unwrap();
    assert!(broken.iter().all(Invariant::holds), "{broken:?}");
}

/// The join was visited again for each of its dependencies: 20,000 took 3 s, and up to 12 s under
/// load, in which nobody else could write and leases ran out. Now every task is visited once, after
/// its dependencies.
#[test]
fn the_time_of_a_retry_grows_with_its_edges() {
    grows_with_size(|width| {
        let bench = Bench::default();
        let ids = failed_fan_in(&bench, width);
        let before = spent();
        bench.queue.retry_downstream(&ids[..width]).unwrap();
        let took = spent() - before;
        assert_eq!(bench.state(ids[width]), Blocked);
        took
    })
    .unwrap();
}

#[test]
fn the_time_of_a_retry_in_steps_grows_with_its_edges_and_each_step_is_sound() {
    grows_with_size(|width| {
        let bench = Bench::default();
        let ids = failed_fan_in(&bench, width);
        let before = spent();
        let mut plan = bench.queue.plan_retry(&ids[..width], true).unwrap();
        let mut changes = Vec::new();
        while !plan.left().is_empty() {
            changes.extend(bench.queue.retry_step(&mut plan).unwrap());
        }
        let took = spent() - before;
        assert_eq!(changes.len(), width + 1);
        assert_eq!(changes[width], (ids[width], Change::Done(Blocked)));
        took
    })
    .unwrap();
}

#[test]
fn others_write_between_two_steps_of_a_retry() {
    let bench = Bench::default();
    let width = 5000;
    let ids = failed_fan_in(&bench, width);
    let mut plan = bench.queue.plan_retry(&ids[..width], true).unwrap();
    let mut steps = 0;
    while !plan.left().is_empty() {
        let changes = bench.queue.retry_step(&mut plan).unwrap();
        let waits = changes
            .iter()
            .all(|(_, change)| matches!(change, Change::Done(_)));
        assert!(waits && !changes.is_empty(), "{changes:?}");
        steps += 1;
        if steps == 1 {
            // A re-opened task fails again before the others are re-opened.
            let first = bench.claim(1).remove(0);
            assert_eq!(first.claim.task, ids[0]);
            bench.settle(first.claim, FAILED);
            assert_eq!(bench.state(ids[width]), Skipped);
            assert_sound(&bench);
            break;
        }
    }
    // Interrupted here, the same retry continues.
    let mut plan = bench.queue.plan_retry(&ids[..width], true).unwrap();
    while !plan.left().is_empty() {
        bench.queue.retry_step(&mut plan).unwrap();
        steps += 1;
    }
    assert!(steps > 2, "{steps} steps");
    assert_eq!(bench.state(ids[0]), Queued);
    assert_eq!(bench.state(ids[width]), Blocked);
    assert_sound(&bench);
}

/// All tasks above a new task were searched once for each task put behind it.
#[test]
fn edges_in_front_of_many_tasks_take_one_search() {
    grows_with_size(|size| {
        let bench = Bench::default();
        let mut tasks = vec![task("first")];
        for place in 1..size {
            tasks.push(task("link").after(place - 1, Condition::Success));
        }
        let chain = bench.flow(tasks);
        let waiting = bench.flow((0..size).map(|_| task("waiting")).collect());
        let last = chain[size - 1];
        let links = waiting.iter().map(|dependent| Edge {
            dependent: *dependent,
            on: last,
            condition: Condition::Success,
        });
        let links: Vec<Edge> = links.collect();
        let before = spent();
        bench.queue.add_dependencies(links).unwrap();
        let took = spent() - before;
        assert_eq!(bench.state(waiting[size - 1]), Blocked);
        took
    })
    .unwrap();
}

#[test]
fn a_cycle_closed_only_by_several_new_edges_is_refused() {
    let bench = Bench::default();
    let ids = bench.flow(["a", "b", "c"].map(task).to_vec());
    let edge = |dependent: usize, on: usize| Edge {
        dependent: ids[dependent],
        on: ids[on],
        condition: Condition::Any,
    };
    let links = vec![edge(0, 1), edge(1, 2), edge(2, 0)];
    let error = bench.queue.add_dependencies(links).unwrap_err().to_string();
    assert!(error.contains("cannot wait for task"), "{error}");
    assert_eq!(bench.states(&ids), [Queued; 3]);
    // Without the last edge it is a chain.
    bench
        .queue
        .add_dependencies(vec![edge(0, 1), edge(1, 2)])
        .unwrap();
    assert_eq!(bench.drain(), [ids[2], ids[1], ids[0]]);
}

/// The tasks ahead were counted again for every task: 16,000 took 4.4 s.
#[test]
fn the_time_of_why_grows_with_the_tasks() {
    grows_with_size(|size| {
        let bench = Bench::default();
        let ids = bench.flow((0..size).map(|_| task("waiting")).collect());
        let before = spent();
        let mut order = ClaimOrder::default();
        let mut last = Vec::new();
        for id in &ids {
            last = bench.queue.waits_in_order(*id, &mut order).unwrap();
        }
        let took = spent() - before;
        assert_eq!(last, bench.queue.waits_in_file(ids[size - 1]).unwrap());
        took
    })
    .unwrap();
}

#[test]
fn a_repair_of_many_counts_runs_in_steps() {
    let bench = Bench::default();
    let many = 2 * STEP + 1;
    let mut tasks = vec![task("first")];
    tasks.extend((0..many).map(|_| task("waits").after("first", Condition::Success)));
    let ids = bench.flow(tasks);
    let other = rusqlite::Connection::open(bench.path()).unwrap();
    other
        .execute_batch("UPDATE queue_waiting SET pending = 7")
        .unwrap();
    let repaired = bench.queue.repair().unwrap();
    assert_eq!(repaired.len(), 1);
    assert_eq!(repaired[0].rows, many as u64);
    assert_sound(&bench);
    assert_eq!(bench.drain().len(), ids.len());
    assert_eq!(bench.state(ids[many]), State::Succeeded);
}
