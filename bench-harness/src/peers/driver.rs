//! A driver: a program that puts one queue through the operations and prints what it measured.
//!
//! It is called with an empty folder, the number of the hundred operations, the number of the
//! scaled ones, and the seconds it may spend on each part of those. The last line it prints is a
//! [`Report`] as JSON. The engines and bare `SQLite` are measured by a driver too.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{child, journal};
use crate::Result;
use crate::measure::count;

/// How much is asked of every queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    /// Enqueues of the hundred operations.
    pub(super) operations: u32,
    /// Operations of the scaled part.
    pub(super) scaled: u32,
    /// Seconds for the scaled enqueues, and as many for the cycles.
    pub(super) part_seconds: u32,
}

/// What a driver prints.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Report {
    pub(super) version: String,
    /// `PRAGMA synchronous` of the connection that writes.
    pub(super) synchronous: String,
    /// What the queue cannot do of the work, or does otherwise.
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

/// How much was done in which time.
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

/// A program and what it is called with before the plan.
#[derive(Clone, Debug)]
pub(super) struct Driver {
    pub(super) name: String,
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<OsString>,
}

impl Driver {
    /// Runs it once in `folder`, which is empty, and kills it after `limit`; returns its report and the journal mode of the
    /// file it left.
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
        // Whatever it leaves beside its files stays in the folder.
        command.current_dir(folder).env("TMPDIR", folder);
        let said = child::run(&mut command, "", limit)?;
        Ok((parse(&said)?, journal::mode(folder)?))
    }
}

/// Reads the last line of what a driver printed, and takes nothing of it on trust.
fn parse(said: &str) -> Result<Report> {
    let line = said.lines().rev().find(|line| !line.trim().is_empty());
    let report: Report = serde_json::from_str(line.unwrap_or_default())
        .map_err(|error| format!("the last line it printed is no report: {error}"))?;
    let rates = [Some(report.enqueue), Some(report.cycle), report.bulk];
    let sound = rates.into_iter().flatten().all(Rate::is_sound);
    let positive = |value: f64| value > 0.0 && value.is_finite();
    if !sound || !positive(report.hundred_ms) || !positive(report.peak_rss_mb) {
        return Err("its report holds a time or a size that is none".into());
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
    fn what_is_no_report_is_refused() {
        for said in ["", "hello", &line("0"), &line("-1")] {
            assert!(parse(said).is_err(), "{said}");
        }
    }
}
