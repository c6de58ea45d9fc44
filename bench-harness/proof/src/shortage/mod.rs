//! Shortages under load: another program holds the database file, the disk is full, or descriptors are
//! few. After each shortage, work resumes by itself, and its results are the same as without one.

mod disk;
mod load;

use std::fmt;
use std::time::Duration;

use queue_core::sqlite::Durability;
use rusqlite::{Connection, OpenFlags};
use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::{Stopwatch, pause};
use crate::process::{Program, ScratchFolder};

pub use disk::{Disk, fill};
use load::Load;

/// Descriptor limit of a worker during the shortage: fewer than it has open.
const FEW: u64 = 8;

/// Kinds of shortage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// Another program holds a write transaction open.
    File,
    /// The file system of the database is full.
    Disk,
    /// The workers may open no descriptor.
    Descriptors,
}

impl Shortage {
    /// All kinds.
    pub const ALL: [Self; 3] = [Self::File, Self::Disk, Self::Descriptors];

    /// Message of a worker that meets the shortage.
    const fn met(self) -> &'static str {
        match self {
            Self::File => "the database is busy",
            Self::Disk => "no space is left",
            Self::Descriptors => "descriptors",
        }
    }
}

impl fmt::Display for Shortage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::File => "a foreign writer",
            Self::Disk => "a full disk",
            Self::Descriptors => "a shortage of descriptors",
        })
    }
}

/// Result of all shortages.
#[derive(Clone, Debug)]
pub struct Found {
    /// Number of tasks, and of faults.
    pub figure: Figure,
    /// Faults, as sentences.
    pub faults: Vec<String>,
    /// Skipped shortages, with the reasons.
    pub skipped: Vec<String>,
}

/// Runs each shortage for `duration`, with each program.
///
/// # Errors
/// When a process cannot be started, or the load does not end.
pub fn run(programs: &[Program], shortages: &[Shortage], duration: Duration) -> Result<Found> {
    let (watch, commit) = (Stopwatch::start(), commit());
    let (mut count, mut faults, mut skipped) = (0, Vec::new(), Vec::new());
    for shortage in shortages {
        for program in programs {
            let Some((tasks, found)) = try_shortage(*program, *shortage, duration)? else {
                skipped.push(format!(
                    "{shortage}: this user may not mount a small file system"
                ));
                break;
            };
            count += tasks;
            let named = |fault| format!("{}, {shortage} for {duration:?}: {fault}", program.name());
            faults.extend(found.into_iter().map(named));
        }
    }
    let figure = Figure {
        what: format!(
            "tasks run while the file, the disk or descriptors were short for {} s",
            duration.as_secs()
        ),
        count,
        violations: faults.len() as u64,
        seconds: watch.elapsed().as_secs_f64(),
        commit,
        ..Figure::default()
    };
    Ok(Found {
        figure,
        faults,
        skipped,
    })
}

/// Runs a load through one shortage. Returns the number of tasks and the faults; `None` if the shortage
/// cannot be tried.
fn try_shortage(
    program: Program,
    shortage: Shortage,
    duration: Duration,
) -> Result<Option<(u64, Vec<String>)>> {
    if shortage == Shortage::Disk {
        return disk::run(program, duration);
    }
    let scratch = ScratchFolder::new(None, Durability::Full)?;
    let journal = tempfile::tempdir()?;
    let mut load = Load::start(&scratch, program, journal.path(), duration)?;
    if shortage == Shortage::File {
        hold(&scratch, duration)?;
    } else {
        starve(&load, duration)?;
    }
    load.mark_over();
    load.end(shortage.met()).map(Some)
}

/// Holds a write transaction open, as a program would that does not know the writer lock.
fn hold(scratch: &ScratchFolder, duration: Duration) -> Result<()> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let foreign = Connection::open_with_flags(scratch.database(), flags)?;
    foreign.busy_timeout(Duration::from_secs(60))?;
    foreign.execute_batch("BEGIN IMMEDIATE")?;
    pause(duration);
    foreign.execute_batch("ROLLBACK")?;
    Ok(())
}

/// Denies the workers new descriptors.
fn starve(load: &Load<'_>, duration: Duration) -> Result<()> {
    let limits = load.workers().map(|worker| {
        let pid = Pid::from_child(&worker.0);
        let own = prlimit(Some(pid), Resource::Nofile, few(pid)?)?;
        Ok((pid, own))
    });
    let limits: Vec<(Pid, Rlimit)> = limits.collect::<Result<_>>()?;
    pause(duration);
    for (pid, limit) in limits {
        prlimit(Some(pid), Resource::Nofile, limit)?;
    }
    Ok(())
}

/// A soft limit below the number of open descriptors; keeps the hard limit, so that the soft one can be
/// restored.
fn few(pid: Pid) -> Result<Rlimit> {
    let text = std::fs::read_to_string(format!("/proc/{}/limits", pid.as_raw_nonzero()))?;
    let line = text.lines().find(|line| line.starts_with("Max open files"));
    let maximum = line.and_then(|line| line.split_whitespace().nth(4)?.parse().ok());
    Ok(Rlimit {
        current: Some(FEW),
        maximum,
    })
}
