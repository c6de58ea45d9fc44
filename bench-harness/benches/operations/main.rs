//! Frequent operations of producers and workers, through the libraries of both engines at durability
//! `fast`. Each operation includes its commit, but not the upkeep of the file.

mod steady;

use std::path::Path;

use criterion::measurement::WallTime;
use criterion::{BatchSize, BenchmarkGroup, BenchmarkId, Criterion, Throughput};
use fast_queue::FastQueue;
use queue_core::sqlite::{Durability, OpenOptions};
use queue_core::{NewTask, Queue};
use workflow_queue::{Condition, SqliteOptions, WorkflowQueue, WorkflowTask};

use steady::{Steady, settlements, tasks};

/// Numbers of tasks in one operation.
const COUNTS: [usize; 2] = [1, 100];
/// Claims that a heartbeat extends.
const HELD: usize = 100;
/// Layers and width of the workflow; each task depends on two of the layer before.
const LAYERS: usize = 10;
const WIDTH: usize = 10;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("fast-queue");
    of_both(&mut group, fast_queue);
    group.finish();
    let mut group = criterion.benchmark_group("workflow-queue");
    of_both(&mut group, workflow_queue);
    heartbeat(&mut group);
    workflow(&mut group);
    group.finish();
    criterion.final_summary();
}

fn fast_queue(path: &Path) -> FastQueue {
    FastQueue::open_with(path, options()).expect("a file")
}

fn workflow_queue(path: &Path) -> WorkflowQueue {
    let options = SqliteOptions::new().expect("random bytes").open(options());
    WorkflowQueue::open_with(path, options).expect("a file")
}

fn options() -> OpenOptions {
    OpenOptions::new(Durability::Fast).expect("random bytes")
}

/// Operations of both engines.
fn of_both<Q: Queue>(group: &mut BenchmarkGroup<'_, WallTime>, open: fn(&Path) -> Q) {
    for count in COUNTS {
        batches(group, open, count);
    }
    group.throughput(Throughput::Elements(1));
    group.bench_function("cycle", |bencher| {
        let steady = Steady::new(open);
        let cycle = |tasks| {
            steady.queue.enqueue(tasks).expect("enqueued");
            let settlements = settlements(&steady.claim(1));
            steady.queue.settle(settlements).expect("settled")
        };
        bencher.iter_batched(|| steady.make_room(1), cycle, BatchSize::PerIteration);
    });
    group.bench_function("stats", |bencher| {
        let steady = Steady::new(open);
        bencher.iter(|| steady.queue.stats().expect("stats"));
    });
}

/// Enqueue, claim and settle of `count` tasks at once.
fn batches<Q: Queue>(group: &mut BenchmarkGroup<'_, WallTime>, open: fn(&Path) -> Q, count: usize) {
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function(BenchmarkId::new("enqueue", count), |bencher| {
        let steady = Steady::new(open);
        let enqueue = |tasks| steady.queue.enqueue(tasks).expect("enqueued");
        bencher.iter_batched(|| steady.make_room(count), enqueue, BatchSize::PerIteration);
    });
    group.bench_function(BenchmarkId::new("claim", count), |bencher| {
        let steady = Steady::new(open);
        let claim = |_| steady.claim(count);
        bencher.iter_batched(|| steady.make_room(count), claim, BatchSize::PerIteration);
    });
    group.bench_function(BenchmarkId::new("settle", count), |bencher| {
        let steady = Steady::new(open);
        let claimed = || {
            steady.make_room(count);
            settlements(&steady.claim(count))
        };
        let settle = |settlements| steady.queue.settle(settlements).expect("settled");
        bencher.iter_batched(claimed, settle, BatchSize::PerIteration);
    });
}

/// A heartbeat for every claim of a worker.
fn heartbeat(group: &mut BenchmarkGroup<'_, WallTime>) {
    group.throughput(Throughput::Elements(HELD as u64));
    group.bench_function(BenchmarkId::new("heartbeat", HELD), |bencher| {
        let steady = Steady::new(workflow_queue);
        let claims: Vec<_> = steady.claim(HELD).iter().map(|task| task.claim).collect();
        bencher.iter(|| steady.queue.heartbeat(&claims).expect("extended"));
    });
}

/// A small workflow from its enqueue until every task is settled, one layer at a time.
fn workflow(group: &mut BenchmarkGroup<'_, WallTime>) {
    let size = LAYERS * WIDTH;
    group.throughput(Throughput::Elements(size as u64));
    group.bench_function(BenchmarkId::new("workflow", size), |bencher| {
        let steady = Steady::new(workflow_queue);
        let prepare = || {
            steady.make_room(size);
            layers()
        };
        let drain = |workflow| {
            steady.queue.enqueue_workflow(workflow).expect("enqueued");
            for _ in 0..LAYERS {
                let settlements = settlements(&steady.claim(WIDTH));
                steady.queue.settle(settlements).expect("settled");
            }
        };
        bencher.iter_batched(prepare, drain, BatchSize::PerIteration);
    });
}

/// The workflow's tasks, with a priority above all waiting tasks.
fn layers() -> Vec<WorkflowTask> {
    let tasks = tasks(LAYERS * WIDTH).into_iter().enumerate();
    let layered = tasks.map(|(place, task): (usize, NewTask)| {
        let task = WorkflowTask::from(task.priority(1));
        let Some(before) = place.checked_sub(WIDTH) else {
            return task;
        };
        let beside = before / WIDTH * WIDTH + (before + 1) % WIDTH;
        task.after(before, Condition::Success)
            .after(beside, Condition::Success)
    });
    layered.collect()
}
