//! The driver of the engines and of bare `SQLite`: the same operations as for every peer, in a separate
//! process as well.

use std::path::{Path, PathBuf};
use std::time::Duration;

use queue_core::sqlite::Durability;

use super::driver::{Driver, Rate, Report};
use crate::measure::Stopwatch;
use crate::systems::{SYSTEMS, SystemName};
use crate::workload::{Commits, System, hundred, tasks};
use crate::{Result, Verdict, print, probe};

/// Arguments of the hidden verb.
#[derive(Debug, clap::Args)]
pub(crate) struct DriveArgs {
    #[arg(long)]
    system: SystemName,
    #[arg(long)]
    level: Level,
    folder: PathBuf,
    operations: usize,
    scaled: usize,
    part_seconds: u64,
}

/// Durability.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Level {
    Fast,
    Full,
}

impl Level {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast",
            Self::Full => "full",
        }
    }

    const fn durability(self) -> Durability {
        match self {
            Self::Fast => Durability::Fast,
            Self::Full => Durability::Full,
        }
    }
}

/// A driver for each system at each level, with the system and the level.
pub(super) fn drivers() -> Result<Vec<(Driver, SystemName, Level)>> {
    let program = std::env::current_exe()?;
    let driver = |system: SystemName, level: Level| {
        let arguments = [
            "child",
            "drive",
            "--system",
            system.as_str(),
            "--level",
            level.as_str(),
        ];
        let driver = Driver {
            name: system.as_str().to_owned(),
            program: program.clone(),
            arguments: arguments.map(Into::into).into(),
        };
        (driver, system, level)
    };
    let both = |system| [driver(system, Level::Fast), driver(system, Level::Full)];
    Ok(SYSTEMS.into_iter().flat_map(both).collect())
}

/// Measures one system and prints its report.
pub(crate) fn run_drive(args: &DriveArgs) -> Result<Verdict> {
    let report = measure(args)?;
    print(&format!("{}\n", serde_json::to_string(&report)?))?;
    Ok(Verdict::Passed)
}

fn measure(args: &DriveArgs) -> Result<Report> {
    let seconds = hundred(&*open(args, "hundred")?, args.operations, Commits::Each)?;
    let (enqueue, cycle) = scaled(&*open(args, "scaled")?, args)?;
    let bulk = open(args, "bulk")?;
    let batch = tasks(args.scaled);
    let watch = Stopwatch::start();
    bulk.enqueue(batch)?;
    let bulk = rate(args.scaled, watch);
    Ok(Report {
        version: match args.system {
            SystemName::Raw => rusqlite::version(),
            // All packages of the workspace share one version.
            SystemName::Fast | SystemName::Workflow => env!("CARGO_PKG_VERSION"),
        }
        .to_owned(),
        synchronous: match args.level {
            Level::Fast => "normal".to_owned(),
            Level::Full => "full".to_owned(),
        },
        limits: Vec::new(),
        hundred_ms: seconds * 1e3,
        enqueue,
        cycle,
        bulk: Some(bulk),
        peak_rss_mb: probe::own_peak_megabytes(),
    })
}

fn open(args: &DriveArgs, part: &str) -> Result<Box<dyn System>> {
    let folder: &Path = &args.folder.join(part);
    std::fs::create_dir(folder)?;
    args.system
        .open(&folder.join("tasks.db"), args.level.durability())
}

fn scaled(system: &dyn System, args: &DriveArgs) -> Result<(Rate, Rate)> {
    let limit = Duration::from_secs(args.part_seconds);
    let watch = Stopwatch::start();
    let mut enqueued = 0;
    for task in tasks(args.scaled) {
        if watch.elapsed() > limit {
            break;
        }
        system.enqueue(vec![task])?;
        enqueued += 1;
    }
    let enqueue = rate(enqueued, watch);
    let watch = Stopwatch::start();
    let mut done = 0;
    while done < enqueued && watch.elapsed() < limit {
        system.settle(&system.claim(1)?)?;
        done += 1;
    }
    Ok((enqueue, rate(done, watch)))
}

fn rate(tasks: usize, watch: Stopwatch) -> Rate {
    Rate {
        tasks,
        seconds: watch.seconds(),
    }
}
