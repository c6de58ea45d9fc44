//! How the measurements of all peers are repeated.

use std::path::Path;
use std::time::Duration;

/// How often everything is run, where, and how long a run of a peer may take.
pub(super) struct Turns<'a> {
    pub(super) rounds: u32,
    pub(super) limit: Duration,
    pub(super) folder: &'a Path,
}
