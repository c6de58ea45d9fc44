//! Repetition of the peers' measurements.

use std::path::Path;
use std::time::Duration;

/// Number of rounds, folder, and time limit for one run of a peer.
pub(super) struct Turns<'a> {
    pub(super) rounds: u32,
    pub(super) limit: Duration,
    pub(super) folder: &'a Path,
}
