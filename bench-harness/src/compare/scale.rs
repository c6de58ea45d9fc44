//! Scalability of the engines: a claim from many pending tasks, and durable writes by many threads.

use std::path::Path;
use std::sync::Barrier;
use std::time::Duration;

use queue_core::sqlite::Durability;

use crate::Result;
use crate::measure::{Spread, Stopwatch, Subject, count, interleaved};
use crate::systems::{Engine, EngineName, Fast, Library, Workflow};
use crate::workload::{System, tasks};

/// Numbers of pending tasks to claim from.
pub(super) const DEPTHS: [usize; 2] = [1_000, 100_000];
/// Numbers of threads that share an engine.
pub(super) const THREADS: [usize; 2] = [1, 16];

const ROUNDS: usize = 5;
/// Claims of one sample: fewer than the pending tasks of the smaller file.
const CLAIMS: usize = 100;
const WINDOW: Duration = Duration::from_millis(100);

/// Measurements of one engine.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    pub(super) engine: EngineName,
    /// Microseconds of a claim, at each of [`DEPTHS`].
    pub(super) claim_us: [Spread; 2],
    /// Ratio of the second depth to the first.
    pub(super) deeper: f64,
    /// Pushes per second at `full`, by each of [`THREADS`].
    pub(super) pushes: [Spread; 2],
    /// Ratio of the second number of threads to the first.
    pub(super) wider: f64,
}

/// Measures both engines.
pub(super) fn measure(folder: &Path) -> Result<[Scale; 2]> {
    Ok([
        measure_engine::<Fast>(folder)?,
        measure_engine::<Workflow>(folder)?,
    ])
}

fn measure_engine<E: Engine>(folder: &Path) -> Result<Scale> {
    let claims = in_turns(DEPTHS, |depth| {
        let file = tempfile::tempdir_in(folder)?;
        let engine = Library::<E>::open(&file.path().join("tasks.db"), Durability::Fast)?;
        engine.enqueue(tasks(depth))?;
        // The file must outlive the closures that use it.
        Ok(move || claim_us(&engine, &file))
    })?;
    let pushes = in_turns(THREADS, |threads| {
        let folder = folder.to_owned();
        Ok(move || {
            let file = tempfile::tempdir_in(&folder)?;
            let engine = Library::<E>::open(&file.path().join("tasks.db"), Durability::Full)?;
            pushes_per_second(&engine, threads)
        })
    })?;
    Ok(Scale {
        engine: E::NAME,
        claim_us: [Spread::of(&claims[0]), Spread::of(&claims[1])],
        deeper: Spread::of_ratios(&claims[1], &claims[0]).median,
        pushes: [Spread::of(&pushes[0]), Spread::of(&pushes[1])],
        wider: Spread::of_ratios(&pushes[1], &pushes[0]).median,
    })
}

/// Samples of two sizes, measured in turns.
fn in_turns<F: FnMut() -> Result<f64>>(
    sizes: [usize; 2],
    prepare: impl Fn(usize) -> Result<F>,
) -> Result<Vec<Vec<f64>>> {
    let mut prepared: Vec<F> = sizes.into_iter().map(prepare).collect::<Result<_>>()?;
    let subjects = prepared
        .iter_mut()
        .map(|measure| -> Subject<'_> { Box::new(measure) });
    let mut samples = interleaved(ROUNDS + 1, subjects.collect())?;
    for samples in &mut samples {
        // The first round warms the page caches.
        samples.remove(0);
    }
    Ok(samples)
}

fn claim_us<E: Engine>(engine: &Library<E>, _file: &tempfile::TempDir) -> Result<f64> {
    let watch = Stopwatch::start();
    for _ in 0..CLAIMS {
        if engine.claim(1)?.is_empty() {
            return Err("no task was left to claim".into());
        }
    }
    Ok(watch.seconds() * 1e6 / count(CLAIMS))
}

fn pushes_per_second<E: Engine>(engine: &Library<E>, threads: usize) -> Result<f64> {
    let start = Barrier::new(threads);
    let work = || -> Result<usize> {
        start.wait();
        let watch = Stopwatch::start();
        let mut done = 0;
        while watch.elapsed() < WINDOW {
            engine.enqueue(tasks(1))?;
            done += 1;
        }
        Ok(done)
    };
    let done: Result<Vec<usize>> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        all.into_iter()
            .map(|thread| thread.join().map_err(|_| "a thread panicked")?)
            .collect()
    });
    Ok(count(done?.into_iter().sum()) / WINDOW.as_secs_f64())
}
