//! Waking an idle worker of another process, and what it costs that worker to be idle.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use queue_core::runtime::handlers::{Done, Handlers};
use queue_core::runtime::{Observer, Worker as LibraryWorker, WorkerEvent, WorkerOptions};
use queue_core::sqlite::Durability;
use queue_core::{NewTask, Queue};
use rustix::time::{ClockId, clock_gettime};

use super::process::Worker;
use super::{Context, database};
use crate::measure::{Spread, Stopwatch, count, pause, percentile};
use crate::report::{Bar, Figure, short};
use crate::systems::{Engine, EngineName, Fast, Workflow};
use crate::{Result, Verdict, print, probe};

/// A process with a worker that prints when it started a task.
#[derive(Debug, clap::Args)]
pub(crate) struct StampArgs {
    #[arg(long, required_unless_present = "bare")]
    db: Option<PathBuf>,
    #[arg(long, default_value = "fast")]
    engine: EngineName,
    /// Without a queue: print when a line arrived on standard input
    #[arg(long)]
    bare: bool,
}

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let folder = context.scratch()?;
    let queue = E::open(&database(folder.path()), Durability::Fast)?;
    let (samples, seconds) = if context.quick { (100, 2) } else { (1_000, 10) };
    Ok(vec![
        latency::<E>(&queue, samples)?,
        idle::<E>(&queue, Duration::from_secs(seconds))?,
    ])
}

fn latency<E: Engine>(queue: &E::Queue, samples: usize) -> Result<Figure> {
    let mut worker = StampWorker::start(Some((E::NAME, queue.path())))?;
    let (mut reached, mut pushed) = (Vec::new(), Vec::new());
    for round in 0..=samples {
        // Long enough for the worker to have settled the last task and gone to sleep.
        pause(Duration::from_millis(3));
        let start = monotonic_nanos();
        queue.enqueue(vec![NewTask::handler("stamp", [])])?;
        let committed = monotonic_nanos();
        let called = worker.next()?;
        // The first one waits for the worker to come up.
        if round > 0 {
            reached.push(count(usize::try_from(called - start)?) / 1e3);
            pushed.push(count(usize::try_from(committed - start)?) / 1e3);
        }
    }
    reached.sort_by(f64::total_cmp);
    let p99 = percentile(&reached, 0.99);
    let figure = Figure::value(
        "wakeup of an idle worker process, p50",
        percentile(&reached, 0.5),
        "us",
        Bar::AtMost(100.0),
    );
    let beside = format!(
        "from the start of the push until the worker has claimed and started it; p99 {} us; \
         the push itself {} us; {}",
        short(p99),
        short(Spread::of(&pushed).median),
        leases(queue)
    );
    let probe = bare_wakeup(samples)?;
    Ok(figure
        .probe("waking a bare process by a pipe", probe)
        .beside(beside))
}

/// What a worker does about leases.
fn leases(queue: &impl Queue) -> String {
    match queue.lease() {
        Some(lease) => format!("leases of {} s", lease.as_secs()),
        None => "no leases".to_owned(),
    }
}

/// The probe: microseconds (p50) from a write into a pipe until the process that waits for it
/// runs.
fn bare_wakeup(samples: usize) -> Result<f64> {
    let mut sleeper = StampWorker::start(None)?;
    let mut pipe = sleeper.child.stdin.take().ok_or("no stdin")?;
    let mut woken = Vec::with_capacity(samples);
    for _ in 0..samples {
        pause(Duration::from_millis(3));
        let start = monotonic_nanos();
        pipe.write_all(b"\n")?;
        woken.push(count(usize::try_from(sleeper.next()? - start)?) / 1e3);
    }
    Ok(Spread::of(&woken).median)
}

fn idle<E: Engine>(queue: &E::Queue, window: Duration) -> Result<Figure> {
    let worker = Worker::start::<E>(queue, 2)?;
    pause(Duration::from_secs(1));
    let used = || probe::processor_seconds(worker.pid()).ok_or("the idle worker has gone");
    let (before, watch) = (used()?, Stopwatch::start());
    pause(window);
    let percent = (used()? - before) / watch.seconds() * 100.0;
    let figure = Figure::value(
        "processor time of an idle worker",
        percent,
        "%",
        Bar::AtMost(0.2),
    );
    let beside = format!("over {} s; {}", window.as_secs(), leases(queue));
    Ok(figure.beside(beside))
}

/// The other process, killed with the value.
struct StampWorker {
    child: Child,
    stamps: BufReader<Box<dyn Read>>,
}

impl StampWorker {
    /// With a worker on that file, or bare.
    fn start(file: Option<(EngineName, &Path)>) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["child", "stamp"]);
        match file {
            Some((engine, path)) => command
                .args(["--engine", engine.as_str(), "--db"])
                .arg(path),
            None => command.arg("--bare"),
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout: Box<dyn Read> = Box::new(child.stdout.take().ok_or("no stdout")?);
        Ok(Self {
            child,
            stamps: BufReader::new(stdout),
        })
    }

    fn next(&mut self) -> Result<i64> {
        let mut line = String::new();
        self.stamps.read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }
}

impl Drop for StampWorker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Prints when the worker has claimed and started a task; it goes unsaid when that fails, and
/// whoever waits for the line sees the process end.
struct Stamps;

impl Observer for Stamps {
    fn on(&mut self, event: &WorkerEvent) {
        if matches!(event, WorkerEvent::Started { .. }) {
            let _ = print(&format!("{}\n", monotonic_nanos()));
        }
    }
}

/// The process: works until it is killed.
pub(crate) fn run_stamp(args: &StampArgs) -> Result<Verdict> {
    let Some(path) = &args.db else {
        for line in std::io::stdin().lock().lines() {
            line?;
            print(&format!("{}\n", monotonic_nanos()))?;
        }
        return Ok(Verdict::Passed);
    };
    match args.engine {
        EngineName::Fast => work::<Fast>(path),
        EngineName::Workflow => work::<Workflow>(path),
    }
}

fn work<E: Engine>(path: &Path) -> Result<Verdict> {
    let queue = E::open(path, Durability::Fast)?;
    let handlers = Handlers::new().register("stamp", |_| Ok(Done::Succeeded));
    let options = WorkerOptions::handlers(NonZeroU32::MIN, handlers);
    LibraryWorker::new(Arc::new(queue), options)?.run(&mut Stamps)?;
    Ok(Verdict::Passed)
}

/// The clock that all processes of a machine share and nothing sets.
fn monotonic_nanos() -> i64 {
    let time = clock_gettime(ClockId::Monotonic);
    time.tv_sec * 1_000_000_000 + time.tv_nsec
}
