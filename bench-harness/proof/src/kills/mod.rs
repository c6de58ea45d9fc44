//! SIGKILL for every kind of process that works on a database: workers, producers, every writing verb.
//!
//! Eight threads start processes on one database, and kill each after a random time. An id printed by a
//! producer is an acknowledgement; commands and workers keep a journal. In the end one worker runs
//! undisturbed and must finish the remaining tasks.

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

/// Number of kills in one round, on one database.
const KILLS_OF_A_ROUND: u64 = 400;

/// Conditions of a round.
#[derive(Clone, Debug)]
struct Setting {
    program: Program,
    durability: Durability,
    /// Folder for the database; `None` for the system's temporary folder.
    parent: Option<PathBuf>,
    /// The file is promoted at the end.
    promotes: bool,
}

/// Counts and faults of one or all rounds.
#[derive(Debug, Default)]
struct Tally {
    kills: u64,
    acknowledged: u64,
    faults: Vec<String>,
}

/// Result of the kills.
#[derive(Debug)]
pub struct Kills {
    /// Number of kills, and of broken promises.
    pub figure: Figure,
    /// Number of acknowledged tasks.
    pub acknowledged: u64,
    /// Broken promises, as sentences.
    pub faults: Vec<String>,
}

/// Kills at least `kills` processes, in rounds over every setting.
///
/// # Errors
/// When a process cannot be started or a file cannot be read.
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

/// Settings of both programs at both durabilities, on disk and in memory, and of files that are
/// promoted.
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
