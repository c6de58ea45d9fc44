//! Queues measured through their drivers, in turns: the engines, bare `SQLite`, and the peers.

use std::path::Path;
use std::time::Duration;

use super::driver::{Driver, Plan, Report};
use super::ours::{self, Level};
use super::turns::Turns;
use crate::Result;
use crate::measure::Spread;
use crate::report::document::Failed;
use crate::systems::SystemName;

/// Measurements of a queue.
pub(super) struct Measured {
    pub(super) name: String,
    /// System and durability for one of ours; `None` for a peer.
    pub(super) ours: Option<(SystemName, Level)>,
    /// Journal mode of the queue's file.
    pub(super) journal: String,
    /// One report per round, at least one.
    reports: Vec<Report>,
    last: Report,
}

impl Measured {
    pub(super) fn report(&self) -> &Report {
        &self.last
    }

    /// Journal mode and `synchronous`, as found.
    pub(super) fn durability(&self) -> String {
        format!("{}, {}", self.journal, self.last.synchronous)
    }

    /// Durability without the driver's explanation.
    pub(super) fn short_durability(&self) -> String {
        let durability = self.durability();
        let words = durability.split(" (").next().unwrap_or(&durability);
        words.chars().take(18).collect()
    }

    /// Level of ours to compare it with: the strongest that promises no more.
    pub(super) fn level(&self) -> Level {
        let full = ["full", "extra"];
        if full
            .iter()
            .any(|word| self.last.synchronous.starts_with(word))
        {
            Level::Full
        } else {
            Level::Fast
        }
    }

    /// A value over the rounds; `None` if the queue lacks it.
    pub(super) fn spread(&self, value: impl Fn(&Report) -> Option<f64>) -> Option<Spread> {
        let values: Option<Vec<f64>> = self.reports.iter().map(value).collect();
        values.map(|values| Spread::of(&values))
    }

    pub(super) fn hundred(&self) -> Spread {
        Spread::of(&self.hundreds())
    }

    /// Ratio of the hundred operations' time to another queue's, round by round.
    pub(super) fn hundred_ratio(&self, other: &Self) -> f64 {
        Spread::of_ratios(&self.hundreds(), &other.hundreds()).median
    }

    fn hundreds(&self) -> Vec<f64> {
        self.reports.iter().map(|one| one.hundred_ms).collect()
    }
}

/// Finds one of ours among the measurements.
pub(super) fn ours(measured: &[Measured], system: SystemName, level: Level) -> Option<&Measured> {
    measured
        .iter()
        .find(|one| one.ours == Some((system, level)))
}

/// Time limit for ours, which end by themselves.
const NO_LIMIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Runs ours and `peers` in turns, each run of a peer for at most `limit`. A queue that fails is left
/// out of later rounds and of the result.
pub(super) fn measure(
    peers: Vec<Driver>,
    plan: &Plan,
    turns: &Turns<'_>,
) -> Result<(Vec<Measured>, Vec<Failed>)> {
    let ours = ours::drivers()?.into_iter();
    let ours = ours.map(|(driver, system, level)| (driver, Some((system, level))));
    let peers = peers.into_iter().map(|driver| (driver, None));
    let mut subjects: Vec<_> = ours.chain(peers).map(|one| (one, Vec::new())).collect();
    let mut failed = Vec::new();
    for _ in 0..turns.rounds {
        subjects.retain_mut(|((driver, ours), runs)| {
            let limit = if ours.is_some() {
                NO_LIMIT
            } else {
                turns.limit
            };
            match run(driver, plan, limit, turns.folder) {
                Ok(run) => {
                    runs.push(run);
                    true
                }
                Err(error) => {
                    failed.push(Failed {
                        case: driver.name.clone(),
                        why: error.to_string(),
                    });
                    false
                }
            }
        });
    }
    let measured = subjects.into_iter().filter_map(|((driver, ours), runs)| {
        let (last, journal) = runs.last()?.clone();
        Some(Measured {
            name: driver.name,
            ours,
            journal,
            reports: runs.into_iter().map(|(report, _)| report).collect(),
            last,
        })
    });
    Ok((measured.collect(), failed))
}

/// One run in a new folder.
fn run(driver: &Driver, plan: &Plan, limit: Duration, folder: &Path) -> Result<(Report, String)> {
    let own = tempfile::tempdir_in(folder)?;
    driver.run(plan, limit, own.path())
}
