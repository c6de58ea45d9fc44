//! The shipped worker, recovery and engine on one thread, under kills, faults and clock jumps.
//! `long` exercises the verbs of every engine in a few long runs; `short` exercises all verbs of
//! this engine in hundreds of short runs, compared with a model. A failed run prints the command
//! that replays it. `SIMULATION=long` runs all seeds of a test, `SIMULATION_SEEDS=…` this number.

#![expect(
    clippy::unwrap_used,
    reason = "a file that cannot be read is a test that fails"
)]

mod actors;
mod checks;
mod ends;
mod file;
mod holds;
mod limits;
mod long;
mod model;
mod order;
mod schedules;
mod seen;
mod short;
mod submissions;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use queue_core::clock::Clock;
use queue_core::error::Result;
use queue_core::random::Random;
use queue_core::sqlite::{Durability, OpenOptions};
use workflow_queue::{SqliteOptions, WorkflowQueue};

/// A lease shorter than the longest stop of a worker.
const LEASE: Duration = Duration::from_secs(1);

fn options(clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<SqliteOptions> {
    let open = OpenOptions::new(Durability::Fast)?;
    let open = open.clock(clock).random(random);
    Ok(SqliteOptions::new()?.open(open).lease(LEASE))
}

fn open(path: &Path, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<WorkflowQueue> {
    WorkflowQueue::open_with(path, options(clock, random)?)
}

/// True if the full length was requested.
fn is_long() -> bool {
    std::env::var_os("SIMULATION").is_some_and(|length| length == "long")
}

/// Number of seeds of a test of long runs.
fn seeds() -> u64 {
    if is_long() { 12 } else { 3 }
}

fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}
