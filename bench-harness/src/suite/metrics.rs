//! Scrapes: the time to fold what is new and to write the metrics, as the dashboard does for each.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use queue_core::outcome::{Outcome, Settlement};
use queue_core::queue::Monitored as _;
use queue_core::sqlite::Durability;
use queue_core::task::DEFAULT_QUEUE;
use queue_core::watch::{Metrics, MetricsFormat};
use queue_core::{ClaimRequest, NewTask, Queue, State, WorkerId};

use super::context::{Context, database};
use super::fill::{BYTES_A_TASK, insert};
use crate::Result;
use crate::measure::{Spread, Stopwatch, count, pause, percentile};
use crate::report::{Bar, Figure, short};
use crate::systems::Engine;
use crate::systems::raw::{connect, queue_id};

/// Tasks of a batch of the load, and the time from one to the next: 5,000 a second.
const BATCH: usize = 50;
const BATCH_EVERY: Duration = Duration::from_millis(10);

/// Steps of the fold of a scrape, as the dashboard makes them.
const STEPS: usize = 4;

/// Most steps of the fold that goes before the first scrape.
const ALL_STEPS: usize = 10_000;

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let stored: i64 = context.either(100_000, 1_000_000);
    context.need_bytes(BYTES_A_TASK * stored.unsigned_abs())?;
    let folder = context.scratch()?;
    let path = database(folder.path());
    let queue = E::open(&path, Durability::Fast)?;
    queue.enqueue(vec![NewTask::shell("first", "true")])?;
    let connection = connect(&path, Durability::Fast)?;
    let id = queue_id(&connection, DEFAULT_QUEUE, "")?;
    // Half of them wait below the tasks of the load.
    insert(&connection, stored / 2, id, State::Succeeded, 0)?;
    insert(&connection, stored / 2, id, State::Queued, -100)?;
    connection.pragma_update(None, "wal_checkpoint", "truncate")?;
    drop(connection);
    queue.fold(ALL_STEPS)?;
    let scrapes = context.either(30, 200);
    let tasks = context.either("100k", "1 M");
    let idle: Vec<f64> = (0..scrapes)
        .map(|_| scrape(&queue))
        .collect::<Result<_>>()?;
    let (busy, events) = under_load(&queue, scrapes)?;
    let figure = |name: String, mut millis: Vec<f64>, bar, beside: String| {
        millis.sort_by(f64::total_cmp);
        let median = short(Spread::of(&millis).median);
        let value = percentile(&millis, 0.99);
        let figure = Figure::value(name, value, "ms", Bar::AtMost(bar));
        figure.beside(format!("p50 {median} ms, {scrapes} scrapes{beside}"))
    };
    let load = format!(", {} attempts end a second", short(events));
    Ok(vec![
        figure(
            format!("scrape with {tasks} tasks, idle, p99"),
            idle,
            10.0,
            String::new(),
        ),
        figure(
            format!("scrape with {tasks} tasks, under load, p99"),
            busy,
            50.0,
            load,
        ),
    ])
}

/// Milliseconds of one scrape.
fn scrape(queue: &impl Queue) -> Result<f64> {
    let watch = Stopwatch::start();
    queue.fold(STEPS)?;
    let text = Metrics::read(queue, "bench")?.text(MetricsFormat::Prometheus);
    let millis = watch.seconds() * 1e3;
    if text.contains("queue_tasks{") {
        return Ok(millis);
    }
    Err("the metrics have no tasks".into())
}

/// Milliseconds of scrapes while tasks are enqueued, claimed and settled, and the number of these a
/// second.
fn under_load(queue: &impl Queue, scrapes: usize) -> Result<(Vec<f64>, f64)> {
    let (is_over, settled) = (AtomicBool::new(false), AtomicU64::new(0));
    let watch = Stopwatch::start();
    let millis = thread::scope(|scope| {
        let load = scope.spawn(|| -> Result<()> {
            while !is_over.load(Ordering::Relaxed) {
                let watch = Stopwatch::start();
                settled.fetch_add(cycle(queue)?, Ordering::Relaxed);
                pause(BATCH_EVERY.saturating_sub(Duration::from_secs_f64(watch.seconds())));
            }
            Ok(())
        });
        let millis: Result<Vec<f64>> = (0..scrapes)
            .map(|_| {
                pause(BATCH_EVERY * 5);
                scrape(queue)
            })
            .collect();
        is_over.store(true, Ordering::Relaxed);
        load.join().map_err(|_| "the load panicked")??;
        millis
    })?;
    let events = count(usize::try_from(settled.into_inner())?) / watch.seconds();
    Ok((millis, events))
}

/// Enqueues, claims and settles one batch. Returns its size.
fn cycle(queue: &impl Queue) -> Result<u64> {
    queue.enqueue(vec![NewTask::shell("a", "true"); BATCH])?;
    let request = ClaimRequest::new(WorkerId(1), BATCH).commands(true);
    let claims = queue.claim(&request)?.tasks.into_iter();
    let ends = claims.map(|task| Settlement::new(task.claim, Outcome::Succeeded));
    Ok(queue.settle(ends.collect())?.len() as u64)
}
