//! What a proof found.

use std::collections::BTreeMap;
use std::process::Command;

use serde::{Deserialize, Serialize};

/// How often something was tried and how often a promise was broken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// What was tried, in words that follow a number.
    pub what: String,
    /// How often.
    pub count: u64,
    /// How often a promise was broken.
    pub violations: u64,
    /// The seeds that replay it; empty where nothing is drawn by lot.
    pub seeds: Vec<u64>,
    /// How long it took.
    pub seconds: f64,
    /// The commit of the programs, with `+` where the tree was changed since; empty if unknown.
    pub commit: String,
    /// What else was counted, by its name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<String, u64>,
}

/// The commit of the tree the program was started in.
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
