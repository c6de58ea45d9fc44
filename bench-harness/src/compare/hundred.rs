//! The operations at both durabilities, grouped into commits in three ways.

use std::path::Path;

use queue_core::sqlite::Durability;

use crate::Result;
use crate::measure::{Spread, Subject, count, interleaved};
use crate::systems::{SYSTEMS, SystemName};
use crate::workload::{Commits, hundred};

pub(super) const LEVELS: [Durability; 2] = [Durability::Fast, Durability::Full];
pub(super) const CUTS: [Commits; 3] = [Commits::Each, Commits::Fives, Commits::Batched];

/// Time for all rounds at `full` according to the disk's probe, in microseconds: a slow disk gets fewer
/// rounds.
const FULL_US: f64 = 2.5e6;

/// Measurements of one system at one durability with one grouping.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) level: Durability,
    pub(super) commits: Commits,
    pub(super) system: SystemName,
    pub(super) ms: Spread,
    /// Medians of the rounds' ratios.
    pub(super) to_raw: f64,
    pub(super) to_fast: f64,
    pub(super) to_each: f64,
}

/// Measurements of all systems.
#[derive(Debug)]
pub(super) struct Hundred {
    pub(super) operations: u32,
    /// Number of rounds at each of [`LEVELS`].
    pub(super) rounds: [u32; 2],
    pub(super) lines: Vec<Line>,
}

impl Hundred {
    pub(super) fn line(
        &self,
        level: Durability,
        commits: Commits,
        system: SystemName,
    ) -> Option<&Line> {
        let own =
            |line: &&Line| (line.level, line.commits, line.system) == (level, commits, system);
        self.lines.iter().find(own)
    }

    /// Number of operations of one run: enqueues, claims and settles.
    pub(super) fn all_operations(&self) -> u32 {
        self.operations + self.operations / 2 + self.operations / 4
    }
}

/// Measures every system with every grouping in turns, each run on a new file. The default is fifteen
/// rounds, and at `full` as many as a disk with this probe time does in a few seconds.
pub(super) fn measure(
    operations: u32,
    rounds: Option<u32>,
    probe_us: f64,
    folder: &Path,
) -> Result<Hundred> {
    let rounds = [
        rounds.unwrap_or(15),
        rounds.unwrap_or(full_rounds(operations, probe_us)),
    ];
    let mut lines = Vec::new();
    for (level, rounds) in LEVELS.into_iter().zip(rounds) {
        lines.extend(measure_at(level, operations, rounds, folder)?);
    }
    Ok(Hundred {
        operations,
        rounds,
        lines,
    })
}

/// Number of rounds, from 3 to 15.
fn full_rounds(operations: u32, probe_us: f64) -> u32 {
    let commits = f64::from(operations) * (1.75 + 1.35) * count(SYSTEMS.len());
    let fit = |rounds: &u32| f64::from(*rounds) * commits * probe_us <= FULL_US;
    (4..=15).take_while(fit).last().unwrap_or(3)
}

fn measure_at(level: Durability, operations: u32, rounds: u32, folder: &Path) -> Result<Vec<Line>> {
    let operations = usize::try_from(operations)?;
    let kinds: Vec<(Commits, SystemName)> = CUTS
        .into_iter()
        .flat_map(|commits| SYSTEMS.map(|system| (commits, system)))
        .collect();
    let subjects = kinds.iter().map(|(commits, system)| -> Subject<'_> {
        Box::new(move || {
            let file = tempfile::tempdir_in(folder)?;
            let system = system.open(&file.path().join("tasks.db"), level)?;
            Ok(hundred(system.as_ref(), operations, *commits)? * 1e3)
        })
    });
    let samples = interleaved(usize::try_from(rounds)?, subjects.collect())?;
    let of = |commits, system| {
        let index = kinds.iter().position(|kind| *kind == (commits, system));
        &samples[index.unwrap_or(0)]
    };
    let line = |(commits, system): &(Commits, SystemName)| {
        let own = of(*commits, *system);
        let ratio_to = |commits, system| Spread::of_ratios(own, of(commits, system)).median;
        Line {
            level,
            commits: *commits,
            system: *system,
            ms: Spread::of(own),
            to_raw: ratio_to(*commits, SystemName::Raw),
            to_fast: ratio_to(*commits, SystemName::Fast),
            to_each: ratio_to(Commits::Each, *system),
        }
    };
    Ok(kinds.iter().map(line).collect())
}

/// Printed name of a durability.
pub(super) const fn level_name(level: Durability) -> &'static str {
    match level {
        Durability::Fast => "fast",
        Durability::Full => "full",
    }
}

/// Printed name of a grouping.
pub(super) const fn cut_name(commits: Commits) -> &'static str {
    match commits {
        Commits::Each => "each",
        Commits::Fives => "fives",
        Commits::Batched => "batched",
    }
}

#[cfg(test)]
mod tests {
    use super::full_rounds;

    #[test]
    fn a_slow_disk_takes_fewer_rounds() {
        assert_eq!(full_rounds(100, 65.0), 15);
        assert_eq!(full_rounds(100, 400.0), 6);
        assert_eq!(full_rounds(100, 4_000.0), 3);
        assert_eq!(full_rounds(1_000_000, 65.0), 3);
    }
}
