//! Async handlers that sleep, all at once, on a runtime in a process of its own.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use queue_core::runtime::handlers::{Done, Handlers};
use queue_core::runtime::{Worker, WorkerOptions};
use queue_core::sqlite::Durability;
use queue_core::{NewTask, Queue};
use serde::{Deserialize, Serialize};
use tokio::runtime::{Builder, Runtime};

use super::context::{Context, database};
use super::handlers::Silent;
use crate::measure::{Spread, Stopwatch, count};
use crate::report::{Bar, Figure, short};
use crate::systems::{Engine, EngineName, Fast, Workflow};
use crate::{Result, Verdict, print, probe};

const HANDLERS: usize = 10_000;
const SLEEP: Duration = Duration::from_secs(1);
/// Threads of the runtime.
const THREADS: usize = 2;

/// Arguments of the process.
#[derive(Debug, clap::Args)]
pub(crate) struct SleepersArgs {
    #[arg(long)]
    engine: EngineName,
    /// File with the tasks
    #[arg(long)]
    db: PathBuf,
}

/// Result of the process.
#[derive(Serialize, Deserialize)]
struct Slept {
    seconds: f64,
    /// Largest number of handlers that slept at a time.
    at_once: usize,
    peak_mb: f64,
}

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let rounds = context.either(1, 3);
    let slept: Vec<Slept> = (0..rounds)
        .map(|_| in_a_process::<E>(context))
        .collect::<Result<_>>()?;
    let at_once = slept.iter().map(|one| one.at_once).min().unwrap_or(0);
    let of = |value: fn(&Slept) -> f64| Spread::of(&slept.iter().map(value).collect::<Vec<_>>());
    let time = Figure::ratio(
        "10,000 async handlers that sleep a second",
        of(|one| one.seconds),
        "s",
        Bar::AtMost(3.0),
    );
    let memory = Figure::ratio(
        "memory with 10,000 sleeping handlers",
        of(|one| one.peak_mb),
        "MB",
        Bar::AtMost(100.0),
    );
    Ok(vec![
        time.probe("a bare runtime", bare()?).beside(format!(
            "from the start of a worker of {} until it has settled all of them and ended; {} slept \
             at a time",
            E::NAME,
            short(count(at_once))
        )),
        memory.beside(format!(
            "peak resident set of the worker's process, with a runtime of {THREADS} threads"
        )),
    ])
}

fn in_a_process<E: Engine>(context: &Context) -> Result<Slept> {
    let folder = context.scratch()?;
    let path = database(folder.path());
    let queue = E::open(&path, Durability::Fast)?;
    queue.enqueue(vec![NewTask::handler("sleep", []); HANDLERS])?;
    drop(queue);
    let output = Command::new(std::env::current_exe()?)
        .args(["child", "sleepers", "--engine", E::NAME.as_str(), "--db"])
        .arg(&path)
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("the handlers did not sleep: {said}").into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Seconds in which a runtime without a queue sleeps as often.
fn bare() -> Result<f64> {
    let runtime = runtime()?;
    let watch = Stopwatch::start();
    runtime.block_on(async {
        let asleep: Vec<_> = (0..HANDLERS)
            .map(|_| tokio::spawn(tokio::time::sleep(SLEEP)))
            .collect();
        for one in asleep {
            one.await?;
        }
        Ok(watch.seconds())
    })
}

/// Main function of the process: runs a worker until all handlers have slept.
pub(crate) fn run_sleepers(args: &SleepersArgs) -> Result<Verdict> {
    let slept = match args.engine {
        EngineName::Fast => sleep::<Fast>(args)?,
        EngineName::Workflow => sleep::<Workflow>(args)?,
    };
    print(&serde_json::to_string(&slept)?)?;
    Ok(Verdict::Passed)
}

fn sleep<E: Engine>(args: &SleepersArgs) -> Result<Slept> {
    let runtime = runtime()?;
    let asleep = Arc::new(AtomicUsize::new(0));
    let most = Arc::new(AtomicUsize::new(0));
    let handlers = {
        let most = Arc::clone(&most);
        Handlers::new().register_async("sleep", runtime.handle(), move |_| {
            let (asleep, most) = (Arc::clone(&asleep), Arc::clone(&most));
            async move {
                most.fetch_max(
                    asleep.fetch_add(1, Ordering::Relaxed) + 1,
                    Ordering::Relaxed,
                );
                tokio::time::sleep(SLEEP).await;
                asleep.fetch_sub(1, Ordering::Relaxed);
                Ok(Done::Succeeded)
            }
        })
    };
    let queue = E::open(&args.db, Durability::Fast)?;
    let slots = u32::try_from(HANDLERS)?.try_into()?;
    let options = WorkerOptions::new(slots).handlers(handlers).drain(true);
    let worker = Worker::new(Arc::new(queue), options)?;
    let watch = Stopwatch::start();
    let summary = worker.run(&mut Silent)?;
    let seconds = watch.seconds();
    if summary.succeeded != u64::try_from(HANDLERS)? {
        return Err(format!("{} of {HANDLERS} handlers slept", summary.succeeded).into());
    }
    Ok(Slept {
        seconds,
        at_once: most.load(Ordering::Relaxed),
        peak_mb: probe::own_peak_megabytes(),
    })
}

fn runtime() -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    Ok(builder.worker_threads(THREADS).enable_time().build()?)
}
