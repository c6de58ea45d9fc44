//! Many threads with durable writes.

use std::sync::Barrier;
use std::time::Duration;

use queue_core::sqlite::Durability;

use super::chart::{self, Sampled};
use super::context::{Context, database};
use super::findings::Findings;
use crate::Result;
use crate::measure::{Spread, Stopwatch, Subject, count, interleaved};
use crate::report::document::Curves;
use crate::report::{Bar, Figure, short};
use crate::systems::raw::Raw;
use crate::systems::{Engine, EngineName, Fast, Library, Workflow};
use crate::workload::{System, tasks};

const THREADS: usize = 64;
const PLACES: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let window = Duration::from_millis(context.either(300, 2_000));
    let subjects: Vec<Subject<'_>> = vec![
        Box::new(|| connection_per_thread(context, THREADS, window)),
        Box::new(|| shared_engine::<E>(context, THREADS, window)),
    ];
    let samples = interleaved(context.either(3, 5), subjects)?;
    let (raw, engine) = (&samples[0], &samples[1]);
    let figure = Figure::ratio(
        "64 threads at full, one push a commit",
        Spread::of_ratios(engine, raw),
        "× raw",
        Bar::AtLeast(10.0),
    );
    Ok(vec![figure.beside(format!(
        "a connection per thread {}/s, one engine {}/s; {} s each",
        short(Spread::of(raw).median),
        short(Spread::of(engine).median),
        window.as_secs_f64()
    ))])
}

/// Pushes per second against the number of threads.
pub(super) fn chart(context: &Context, engines: &[EngineName]) -> Result<Findings> {
    let window = Duration::from_millis(context.either(100, 1_000));
    let mut sampled = vec![Sampled::new("raw, a connection per thread", |threads| {
        connection_per_thread(context, threads, window)
    })];
    for engine in engines {
        sampled.push(Sampled::new(engine.as_str(), move |threads| match engine {
            EngineName::Fast => shared_engine::<Fast>(context, threads, window),
            EngineName::Workflow => shared_engine::<Workflow>(context, threads, window),
        }));
    }
    let curves = Curves {
        title: "Threads of one process at full durability".to_owned(),
        x: chart::log("threads"),
        y: chart::log("pushes/s"),
        note: "every push is a commit that its thread waits for".to_owned(),
        lines: chart::lines(context.either(1, 3), &PLACES, &sampled)?,
    };
    Ok(curves.into())
}

/// Pushes per second of one bare connection per thread.
fn connection_per_thread(context: &Context, threads: usize, window: Duration) -> Result<f64> {
    let folder = context.scratch()?;
    let path = database(folder.path());
    Raw::open(&path, Durability::Full)?;
    per_second(threads, window, || {
        let raw = Raw::open(&path, Durability::Full)?;
        // A connection that is starved for that long has pushed nothing in the window.
        raw.wait_at_most(window)?;
        Ok(move || raw.enqueue(tasks(1)).is_ok())
    })
}

/// Pushes per second of threads that share one engine.
fn shared_engine<E: Engine>(context: &Context, threads: usize, window: Duration) -> Result<f64> {
    let folder = context.scratch()?;
    let engine = Library::<E>::open(&database(folder.path()), Durability::Full)?;
    per_second(threads, window, || Ok(|| engine.enqueue(tasks(1)).is_ok()))
}

/// Successful operations per second over one window, by all threads together. `prepare` runs in each
/// thread before the window opens.
fn per_second<F: FnMut() -> bool>(
    threads: usize,
    window: Duration,
    prepare: impl Fn() -> Result<F> + Sync,
) -> Result<f64> {
    let start = Barrier::new(threads);
    let work = || -> Result<usize> {
        let prepared = prepare();
        start.wait();
        let mut operation = prepared?;
        let watch = Stopwatch::start();
        let mut done = 0;
        while watch.elapsed() < window {
            done += usize::from(operation());
        }
        Ok(done)
    };
    let done: Result<Vec<usize>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread panicked")?)
            .collect()
    });
    Ok(count(done?.iter().sum()) / window.as_secs_f64())
}
