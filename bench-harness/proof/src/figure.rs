//! Result of a proof.

use std::collections::BTreeMap;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// Number of cases tried and of promises broken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// Cases tried, in words that follow a number.
    pub what: String,
    /// Number of cases.
    pub count: u64,
    /// Number of broken promises.
    pub violations: u64,
    /// Seeds that replay the cases; empty if nothing is random.
    pub seeds: Vec<u64>,
    /// Duration in seconds.
    pub seconds: f64,
    /// Commit of the programs, followed by `+` if the tree has changed since; empty if unknown.
    pub commit: String,
    /// Further counts by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, u64>,
}

/// Commit of the tree in the current directory.
pub fn commit() -> String {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let Some(commit) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return String::new();
    };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => commit,
        Some(_) | None => commit + "+",
    }
}
