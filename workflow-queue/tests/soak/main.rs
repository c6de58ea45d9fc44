//! Soaks: real commands in a workflow, real workers, real `kill -9`.
//!
//! `cargo test` runs them short. At full length (20,000 commands, 16 workers, one of them killed
//! every second):
//!
//! ```text
//! SOAK=long cargo test --release -p workflow-queue --test soak -- --nocapture
//! ```

#![expect(clippy::unwrap_used, reason = "a soak's helpers fail as its tests do")]

mod crashes;
mod layers;
