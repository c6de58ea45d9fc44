//! What a proof came to, in a form that can be collected.

use std::collections::BTreeMap;
use std::fmt;
use std::process::Command;
use std::time::Duration;

use serde::Serialize;

/// What a proof came to.
#[derive(Clone, Debug, Serialize)]
pub struct Evidence {
    /// What was counted.
    pub what: &'static str,
    /// How many.
    pub count: u64,
    /// How many of them went against a promise.
    pub violations: u64,
    /// The first seed.
    pub first_seed: u64,
    /// How many seeds from there on, the last of which may have been left unfinished.
    pub seeds: u64,
    /// How long it took.
    pub seconds: f64,
    /// What was built and run: the commit, with `-dirty` if it had been changed.
    pub commit: String,
    /// Further counts by their names.
    pub details: BTreeMap<String, u64>,
    /// What went against a promise.
    pub found: Vec<Found>,
}

/// Something that went against a promise.
#[derive(Clone, Debug, Serialize)]
pub struct Found {
    /// Shows it again.
    pub command: String,
    /// What it is.
    pub what: String,
}

impl Evidence {
    /// The most that the share of bad cases can be, at 95 % confidence, where none was seen: three
    /// by their number (the rule of three).
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a bound needs no 53 bits")]
    pub fn bound(&self) -> Option<f64> {
        (self.violations == 0 && self.count > 0).then(|| 3.0 / self.count as f64)
    }
}

/// For people.
impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}, violations: {}",
            self.what, self.count, self.violations
        )?;
        if let Some(bound) = self.bound() {
            write!(f, " (at 95 % confidence at most {bound:.1e} of them)")?;
        }
        let (seeds, first, seconds) = (self.seeds, self.first_seed, self.seconds);
        writeln!(
            f,
            "\n{seeds} seeds from {first} in {seconds} s, commit {}",
            self.commit
        )?;
        for (name, count) in &self.details {
            writeln!(f, "  {name}: {count}")?;
        }
        for found in &self.found {
            writeln!(f, "{}\n  {}", found.command, found.what)?;
        }
        Ok(())
    }
}

/// The commit of the folder that the program runs in; `unknown` where git does not say.
#[must_use]
pub fn commit() -> String {
    let described = Command::new("git")
        .args([
            "describe",
            "--always",
            "--dirty",
            "--abbrev=12",
            "--exclude=*",
        ])
        .output();
    let text = described.ok().filter(|output| output.status.success());
    let text = text.and_then(|output| String::from_utf8(output.stdout).ok());
    text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// Seconds, for people and JSON.
#[must_use]
pub fn seconds(elapsed: Duration) -> f64 {
    (elapsed.as_secs_f64() * 10.0).round() / 10.0
}
