//! What a driver prints.

use serde::Serialize;

/// What was measured of a peer.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Its version.
    pub version: String,
    /// `PRAGMA synchronous` of the connection that writes.
    pub synchronous: String,
    /// What it cannot do of the work, or does otherwise.
    pub limits: Vec<String>,
    /// Milliseconds of the hundred operations.
    pub hundred_ms: f64,
    /// Enqueues, one commit each.
    pub enqueue: Rate,
    /// Tasks claimed and completed one by one.
    pub cycle: Rate,
    /// Enqueues in one call; none if it has no such call.
    pub bulk: Option<Rate>,
    /// The most memory the process occupied, in megabytes.
    pub peak_rss_mb: f64,
}

/// How much was done in which time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rate {
    /// Tasks.
    pub tasks: usize,
    /// Seconds they took.
    pub seconds: f64,
}

/// The word for a value of `PRAGMA synchronous`.
pub fn synchronous(level: i64) -> String {
    match level {
        0 => "off".to_owned(),
        1 => "normal".to_owned(),
        2 => "full".to_owned(),
        3 => "extra".to_owned(),
        other => format!("unknown ({other})"),
    }
}
