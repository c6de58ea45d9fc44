//! Output of a driver.

use serde::Serialize;

/// Measurements of a peer.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of the peer.
    pub version: String,
    /// `PRAGMA synchronous` of the writing connection.
    pub synchronous: String,
    /// Operations that the peer lacks or does differently.
    pub limits: Vec<String>,
    /// Milliseconds of the hundred operations.
    pub hundred_ms: f64,
    /// Enqueues, one commit each.
    pub enqueue: Rate,
    /// Tasks claimed and completed one by one.
    pub cycle: Rate,
    /// Enqueues in one call; `None` if the peer has no such call.
    pub bulk: Option<Rate>,
    /// Peak memory of the process in megabytes.
    pub peak_rss_mb: f64,
}

/// A number of tasks and the time they took.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rate {
    /// Number of tasks.
    pub tasks: usize,
    /// Seconds for all tasks.
    pub seconds: f64,
}

/// Name of a value of `PRAGMA synchronous`.
pub fn synchronous(level: i64) -> String {
    match level {
        0 => "off".to_owned(),
        1 => "normal".to_owned(),
        2 => "full".to_owned(),
        3 => "extra".to_owned(),
        other => format!("unknown ({other})"),
    }
}
