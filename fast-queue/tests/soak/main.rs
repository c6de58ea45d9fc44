//! Soaks: real commands, real workers, real `kill -9`.
//!
//! `cargo test` runs them short. At full length (1,000 commands and ten kills; a minute of
//! hammering):
//!
//! ```text
//! SOAK=long cargo test --release -p fast-queue --test soak -- --nocapture
//! ```

#![expect(clippy::unwrap_used, reason = "a soak's helpers fail as its tests do")]

mod commands;
mod crashes;
mod hammer;

use std::path::Path;

use fast_queue::FastQueue;

use queue_testing::soak::database::SoakDatabase;

/// An empty database in that folder.
fn database(folder: &Path) -> SoakDatabase<FastQueue> {
    let program = Path::new(env!("CARGO_BIN_EXE_fast-queue"));
    SoakDatabase::new(folder, program, |path| FastQueue::open(path).unwrap())
}
