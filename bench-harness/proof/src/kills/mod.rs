//! `kill -9` of everything that works on a file: workers, producers, every verb that writes.
//!
//! Processes start on one file, eight at a time, and each is killed after a time drawn by lot from
//! its seed. What a producer printed is acknowledged; commands and workers keep a journal. In
//! the end one worker is left alone and must finish the rest.

mod check;
mod journal;
mod ledger;
mod produce;
mod recovery;
mod round;
mod verb;

use std::fmt;
use std::path::{Path, PathBuf};

use queue_core::sqlite::Durability;

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::Program;
use crate::process::patience::Stopwatch;
use crate::process::program::word;

pub use produce::{Produce, produce};
pub use recovery::{Recoveries, recoveries};

/// How many kills one file lives through.
const KILLS_OF_A_ROUND: u64 = 400;

/// Where a round takes place.
#[derive(Clone, Debug)]
struct Setting {
    program: Program,
    durability: Durability,
    /// The folder for the file; the system's for temporary files if none.
    parent: Option<PathBuf>,
    /// Whether the file is promoted in the end.
    promotes: bool,
}

/// What a round, or all of them, found.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    acknowledged: u64,
    faults: Vec<String>,
}

/// What was done and found, with the broken promises in words.
#[derive(Debug)]
pub struct Kills {
    /// Kills, and broken promises.
    pub figure: Figure,
    /// How many tasks were acknowledged.
    pub acknowledged: u64,
    /// What was found wrong.
    pub faults: Vec<String>,
}

/// Kills at least `kills` processes, in rounds over every setting.
///
/// # Errors
/// If a process cannot be started or a file cannot be read.
pub fn run(kills: u64, seed: u64) -> Result<Kills> {
    let (watch, commit) = (Stopwatch::start(), commit());
    let settings = settings();
    let mut total = Tally::default();
    let mut rounds = 0;
    while total.kills < kills {
        let setting = &settings[usize::try_from(rounds)? % settings.len()];
        let due = (kills - total.kills).min(KILLS_OF_A_ROUND);
        let tally = round::run(setting, seed.wrapping_add(rounds), due)?;
        total.kills += tally.kills;
        total.acknowledged += tally.acknowledged;
        total.faults.extend(tally.faults);
        rounds += 1;
    }
    Ok(Kills {
        figure: Figure {
            what: "processes killed with SIGKILL".to_owned(),
            count: total.kills,
            violations: total.faults.len() as u64,
            seeds: vec![seed],
            seconds: watch.elapsed().as_secs_f64(),
            commit,
            ..Figure::default()
        },
        acknowledged: total.acknowledged,
        faults: total.faults,
    })
}

/// Both programs, both durabilities, on disk and in memory; and files that change hands.
fn settings() -> Vec<Setting> {
    let memory = Path::new("/dev/shm");
    let mut parents = vec![None];
    if memory.is_dir() {
        parents.push(Some(memory.to_owned()));
    }
    let mut settings = Vec::new();
    for durability in [Durability::Fast, Durability::Full] {
        for parent in &parents {
            for (program, promotes) in [
                (Program::Fast, false),
                (Program::Workflow, false),
                (Program::Fast, true),
            ] {
                settings.push(Setting {
                    program,
                    durability,
                    parent: parent.clone(),
                    promotes,
                });
            }
        }
    }
    settings
}

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.parent.is_some() {
            "memory"
        } else {
            "disk"
        };
        let promoted = if self.promotes { ", promoted" } else { "" };
        let (program, durability) = (self.program.name(), word(self.durability));
        write!(formatter, "{program} at {durability} on {place}{promoted}")
    }
}
