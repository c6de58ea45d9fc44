//! A driver: a program that runs the operations on one queue and prints its measurements.
//!
//! Its arguments are an empty folder, the number of operations of the hundred, the number of scaled
//! operations, and the time limit in seconds for each part of the latter. Its last line of output is a
//! [`Report`] as JSON. The engines and bare `SQLite` have a driver too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{child, journal};
use crate::Result;
use crate::measure::count;

/// Amount of work for every queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Enqueues among the hundred operations.
    pub(super) operations: u32,
    /// Operations of the scaled part.
    pub(super) scaled: u32,
    /// Seconds for the scaled enqueues, and again for the cycles.
    pub(super) part_seconds: u32,
}

/// Output of a driver.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) version: String,
    /// `PRAGMA synchronous` of the writing connection.
    pub(super) synchronous: String,
    /// Operations that the queue lacks or does differently.
    pub(super) limits: Vec<String>,
    pub(super) hundred_ms: f64,
    /// Enqueues one by one.
    pub(super) enqueue: Rate,
    /// Tasks claimed and completed one by one.
    pub(super) cycle: Rate,
    /// Enqueues in one call.
    pub(super) bulk: Option<Rate>,
    pub(super) peak_rss_mb: f64,
}

/// A number of tasks and the time they took.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Rate {
    pub(super) tasks: usize,
    pub(super) seconds: f64,
}

impl Rate {
    pub(super) fn per_second(self) -> f64 {
        count(self.tasks) / self.seconds
    }

    fn is_sound(self) -> bool {
        self.seconds > 0.0 && self.seconds.is_finite()
    }
}

/// A program and the arguments before the plan's.
#[derive(Clone, Debug)]
pub(super) struct Driver {
    pub(super) name: String,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
}

impl Driver {
    /// Runs the driver once in the empty `folder`, and kills it after `limit`. Returns its report and
    /// the journal mode of the queue's file.
    pub(super) fn run(
        &self,
        plan: &Plan,
        limit: Duration,
        folder: &Path,
    ) -> Result<(Report, String)> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).arg(folder);
        for number in [plan.operations, plan.scaled, plan.part_seconds] {
            command.arg(number.to_string());
        }
        // Files that the driver writes elsewhere than its own stay in the folder too.
        command.current_dir(folder).env("TMPDIR", folder);
        let said = child::run(&mut command, "", limit)?;
        Ok((parse(&said)?, journal::mode(folder)?))
    }
}

/// Parses the last line of a driver's output, which is untrusted.
fn parse(said: &str) -> Result<Report> {
    let line = said.lines().rev().find(|line| !line.trim().is_empty());
    let report: Report = serde_json::from_str(line.unwrap_or_default())
        .map_err(|error| format!("its last line is not a report: {error}"))?;
    let rates = [Some(report.enqueue), Some(report.cycle), report.bulk];
    let sound = rates.into_iter().flatten().all(Rate::is_sound);
    let positive = |value: f64| value > 0.0 && value.is_finite();
    if !sound || !positive(report.hundred_ms) || !positive(report.peak_rss_mb) {
        return Err("its report holds an impossible time or size".into());
    }
    Ok(Report {
        version: child::shown(&report.version),
        synchronous: child::shown(&report.synchronous),
        limits: report
            .limits
            .iter()
            .map(|limit| child::shown(limit))
            .collect(),
        ..report
    })
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn line(seconds: &str) -> String {
        format!(
            r#"{{"version":"1\u001b[0m","synchronous":"full","limits":[],"hundred_ms":2.0,"enqueue":{{"tasks":4,"seconds":{seconds}}},"cycle":{{"tasks":4,"seconds":1}},"bulk":null,"peak_rss_mb":5}}"#
        )
    }

    #[test]
    fn the_last_line_is_the_report_and_is_safe_to_show() {
        let report = parse(&format!("noise\n{}\n\n", line("2"))).unwrap();
        assert!((report.enqueue.per_second() - 2.0).abs() < 1e-9);
        assert_eq!(report.version, "1\\x1b[0m");
    }

    #[test]
    fn a_line_that_is_not_a_report_is_refused() {
        for said in ["", "hello", &line("0"), &line("-1")] {
            assert!(parse(said).is_err(), "{said}");
        }
    }
}
