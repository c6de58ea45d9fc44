//! Many processes that claim and settle on one file.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use queue_core::sqlite::Durability;
use serde::{Deserialize, Serialize};

use super::chart::{self, Sampled};
use super::context::{Context, database};
use super::findings::Findings;
use crate::measure::{Spread, Stopwatch, Subject, count, interleaved};
use crate::report::document::Curves;
use crate::report::{Bar, Figure, short};
use crate::systems::{Engine, EngineName, Fast, Library, Workflow};
use crate::workload::{System, tasks};
use crate::{Result, Verdict, print};

const PROCESSES: usize = 16;

/// Arguments of a process that claims and settles until its time is up.
#[derive(Debug, clap::Args)]
pub(crate) struct CycleArgs {
    #[arg(long)]
    engine: EngineName,
    #[arg(long)]
    db: PathBuf,
    #[arg(long)]
    millis: u64,
}

/// Report of such a process.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Cycles {
    done: usize,
    longest_ms: f64,
    busy: usize,
}

pub(super) fn measure<E: Engine>(context: &Context) -> Result<Vec<Figure>> {
    let window = Duration::from_millis(context.either(300, 3_000));
    let rounds = context.either(3, 5);
    let subject = |processes| -> Subject<'_, Cycles> {
        Box::new(move || {
            let folder = context.scratch()?;
            cycles::<E>(&database(folder.path()), processes, window)
        })
    };
    let samples = interleaved(rounds, vec![subject(1), subject(PROCESSES)])?;
    let rate = |samples: &[Cycles]| -> Vec<f64> {
        let rate = |sample: &Cycles| count(sample.done) / window.as_secs_f64();
        samples.iter().map(rate).collect()
    };
    let (one, many) = (rate(&samples[0]), rate(&samples[1]));
    let longest: Vec<f64> = samples[1].iter().map(|sample| sample.longest_ms).collect();
    let busy: usize = samples[1].iter().map(|sample| sample.busy).sum();
    let windows = format!("{rounds} windows of {} s", window.as_secs_f64());
    Ok(vec![
        Figure::ratio(
            "16 processes, claim + settle",
            Spread::of_ratios(&many, &one),
            "× one",
            Bar::AtLeast(0.6),
        )
        .beside(format!(
            "one process {}/s, sixteen together {}/s; {windows}",
            short(Spread::of(&one).median),
            short(Spread::of(&many).median)
        )),
        Figure::ratio(
            "16 processes, longest wait",
            Spread::of(&longest),
            "ms",
            Bar::AtMost(300.0),
        )
        .beside("of any claim or settle of a window"),
        Figure::value(
            "16 processes, busy errors",
            count(busy),
            "",
            Bar::AtMost(0.0),
        )
        .beside(windows),
    ])
}

/// Cycles per second against the number of processes.
pub(super) fn chart(context: &Context, engines: &[EngineName]) -> Result<Findings> {
    let window = Duration::from_millis(context.either(100, 2_000));
    let sampled: Vec<Sampled<'_>> = engines
        .iter()
        .map(|engine| {
            Sampled::new(engine.as_str(), move |processes| {
                let folder = context.scratch()?;
                let path = database(folder.path());
                let cycles = match engine {
                    EngineName::Fast => cycles::<Fast>(&path, processes, window),
                    EngineName::Workflow => cycles::<Workflow>(&path, processes, window),
                };
                Ok(count(cycles?.done) / window.as_secs_f64())
            })
        })
        .collect();
    let curves = Curves {
        title: "Processes on one file".to_owned(),
        x: chart::log("processes"),
        y: chart::linear("claimed and settled/s"),
        note: "two commits each, at `fast`; what all processes do together".to_owned(),
        lines: chart::lines(context.either(1, 3), &[1, 2, 4, 8, 16], &sampled)?,
    };
    Ok(curves.into())
}

/// Runs that many processes on a new file and adds up their reports.
fn cycles<E: Engine>(path: &Path, processes: usize, window: Duration) -> Result<Cycles> {
    // More tasks than any machine settles in the window.
    let engine = Library::<E>::open(path, Durability::Fast)?;
    let backlog = 5_000 + 120 * window.as_millis();
    engine.enqueue(tasks(usize::try_from(backlog)?))?;
    let mut children = Vec::with_capacity(processes);
    for _ in 0..processes {
        children.push(spawn(E::NAME, path, window)?);
    }
    let mut readers = Vec::with_capacity(processes);
    for child in &mut children {
        let stdout = child.stdout.take().ok_or("the child has no stdout")?;
        let mut reader = BufReader::new(stdout);
        reader.read_line(&mut String::new())?;
        readers.push(reader);
    }
    for child in &mut children {
        child
            .stdin
            .take()
            .ok_or("the child has no stdin")?
            .write_all(b"go\n")?;
    }
    let mut total = Cycles {
        done: 0,
        longest_ms: 0.0,
        busy: 0,
    };
    for (mut reader, mut child) in readers.into_iter().zip(children) {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if !child.wait()?.success() {
            return Err("a measuring process failed".into());
        }
        let own: Cycles = serde_json::from_str(&line)?;
        total.done += own.done;
        total.longest_ms = total.longest_ms.max(own.longest_ms);
        total.busy += own.busy;
    }
    Ok(total)
}

fn spawn(engine: EngineName, path: &Path, window: Duration) -> Result<Child> {
    Ok(Command::new(std::env::current_exe()?)
        .args(["child", "cycle", "--engine", engine.as_str(), "--millis"])
        .arg(window.as_millis().to_string())
        .arg("--db")
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?)
}

/// Main function of the process: opens the file, reports that it is ready, waits for a line, cycles,
/// reports.
pub(crate) fn run_cycle(args: &CycleArgs) -> Result<Verdict> {
    match args.engine {
        EngineName::Fast => cycle::<Fast>(args),
        EngineName::Workflow => cycle::<Workflow>(args),
    }
}

fn cycle<E: Engine>(args: &CycleArgs) -> Result<Verdict> {
    let engine = Library::<E>::open(&args.db, Durability::Fast)?;
    print("ready\n")?;
    std::io::stdin().lock().read_line(&mut String::new())?;
    let window = Duration::from_millis(args.millis);
    let mut report = Cycles {
        done: 0,
        longest_ms: 0.0,
        busy: 0,
    };
    let start = Stopwatch::start();
    while start.elapsed() < window {
        if let Some(claims) = timed(&mut report, || engine.claim(1))?
            && !claims.is_empty()
        {
            while timed(&mut report, || engine.settle(&claims))?.is_none() {}
            report.done += 1;
        }
    }
    print(&format!("{}\n", serde_json::to_string(&report)?))?;
    Ok(Verdict::Passed)
}

/// Runs and times an operation; `None` if the file was busy.
fn timed<T>(report: &mut Cycles, operation: impl FnOnce() -> Result<T>) -> Result<Option<T>> {
    let watch = Stopwatch::start();
    let done = operation();
    report.longest_ms = report.longest_ms.max(watch.seconds() * 1e3);
    match done {
        Ok(value) => Ok(Some(value)),
        Err(error) => match error.downcast_ref::<queue_core::Error>() {
            Some(busy) if busy.is_busy() => {
                report.busy += 1;
                Ok(None)
            }
            Some(_) | None => Err(error),
        },
    }
}
