//! The measurements, in the same order for every peer.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::{Peer, Rate, Report, Result};

/// Command-line arguments.
struct Plan {
    folder: PathBuf,
    operations: usize,
    scaled: usize,
    limit: Duration,
}

/// The `main` of a driver.
pub fn main<P: Peer>() -> ExitCode {
    match Plan::from_arguments().and_then(|plan| measure::<P>(&plan)) {
        Ok(report) => {
            let line = serde_json::to_string(&report).unwrap_or_default();
            let _ = writeln!(std::io::stdout(), "\n{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

impl Plan {
    fn from_arguments() -> Result<Self> {
        let usage = "usage: DRIVER FOLDER OPERATIONS SCALED SECONDS";
        let arguments: Vec<String> = std::env::args().skip(1).collect();
        let [folder, operations, scaled, seconds] = arguments.as_slice() else {
            return Err(usage.into());
        };
        Ok(Self {
            folder: folder.into(),
            operations: operations.parse()?,
            scaled: scaled.parse()?,
            limit: Duration::from_secs(seconds.parse()?),
        })
    }

    /// Makes a folder for one part.
    fn part(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir(&folder)?;
        Ok(folder)
    }
}

fn measure<P: Peer>(plan: &Plan) -> Result<Report> {
    let mut peer = P::open(&plan.part("hundred")?)?;
    let synchronous = peer.synchronous()?;
    let hundred = hundred(&mut peer, plan.operations)?;
    drop(peer);
    let (enqueue, cycle) = scaled::<P>(&plan.part("scaled")?, plan)?;
    let bulk = bulk::<P>(&plan.part("bulk")?, plan.scaled)?;
    Ok(Report {
        version: P::version(),
        synchronous,
        limits: P::limits(),
        hundred_ms: hundred * 1e3,
        enqueue,
        cycle,
        bulk,
        peak_rss_mb: peak_megabytes(),
    })
}

/// Seconds of the enqueues, half as many claims and a quarter as many completions.
fn hundred<P: Peer>(peer: &mut P, operations: usize) -> Result<f64> {
    let start = Instant::now();
    for number in 0..operations {
        peer.enqueue(number)?;
    }
    peer.claim_then_settle(operations / 2, operations / 4)?;
    Ok(start.elapsed().as_secs_f64())
}

fn scaled<P: Peer>(folder: &Path, plan: &Plan) -> Result<(Rate, Rate)> {
    let mut peer = P::open(folder)?;
    let start = Instant::now();
    let mut tasks = 0;
    while tasks < plan.scaled && start.elapsed() < plan.limit {
        peer.enqueue(tasks)?;
        tasks += 1;
    }
    let enqueue = rate(tasks, start);
    let start = Instant::now();
    let done = peer.cycle(tasks, plan.limit)?;
    Ok((enqueue, rate(done, start)))
}

fn bulk<P: Peer>(folder: &Path, tasks: usize) -> Result<Option<Rate>> {
    let mut peer = P::open(folder)?;
    let start = Instant::now();
    let has = peer.enqueue_all(tasks)?;
    Ok(has.then(|| rate(tasks, start)))
}

fn rate(tasks: usize, start: Instant) -> Rate {
    Rate {
        tasks,
        seconds: start.elapsed().as_secs_f64(),
    }
}

fn peak_megabytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) / 1024.0
}
