//! Many threads that each want their write on disk.

use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use queue_core::sqlite::Durability;

use super::{Context, database};
use crate::Result;
use crate::measure::{Spread, Stopwatch, Subject, count, interleaved};
use crate::report::{Bar, Figure, short};
use crate::systems::raw::Raw;
use crate::systems::{Engine, Library};
use crate::workload::{System, tasks};

const THREADS: usize = 64;

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let window = Duration::from_millis(if context.quick { 500 } else { 2_000 });
    let rounds = if context.quick { 3 } else { 5 };
    let subjects: Vec<Subject<'_>> = vec![
        Box::new(|| {
            let folder = context.scratch()?;
            connection_per_thread(&database(folder.path()), window)
        }),
        Box::new(|| {
            let folder = context.scratch()?;
            shared_engine::<E>(&database(folder.path()), window)
        }),
    ];
    let samples = interleaved(rounds, subjects)?;
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

/// Pushes per second of as many bare connections as threads.
fn connection_per_thread(path: &Path, window: Duration) -> Result<f64> {
    Raw::open(path, Durability::Full)?;
    per_second(window, || {
        let raw = Raw::open(path, Durability::Full)?;
        // Whoever is starved past the busy timeout has pushed nothing and tries again.
        Ok(move || raw.enqueue(tasks(1)).is_ok())
    })
}

/// Pushes per second of threads that share one engine.
fn shared_engine<E: Engine>(path: &Path, window: Duration) -> Result<f64> {
    let engine = Library::<E>::open(path, Durability::Full)?;
    per_second(window, || Ok(|| engine.enqueue(tasks(1)).is_ok()))
}

/// How often the threads' operations succeed per second, over one window for all of them.
/// `prepare` runs in each thread before the window opens.
fn per_second<F: FnMut() -> bool>(
    window: Duration,
    prepare: impl Fn() -> Result<F> + Sync,
) -> Result<f64> {
    let start = Barrier::new(THREADS);
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
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread panicked")?)
            .collect()
    });
    Ok(count(done?.iter().sum()) / window.as_secs_f64())
}
