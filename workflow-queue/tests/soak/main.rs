//! Soaks: real commands in a workflow, real workers, real `kill -9`.
//!
//! `cargo test` runs them short. The full length has 20,000 commands and 16 workers, one of which
//! is killed every second:
//!
//! ```text
//! SOAK=long cargo test --release -p workflow-queue --test soak -- --nocapture
//! ```

#![expect(clippy::unwrap_used, reason = "a soak's helpers fail as its tests do")]

mod crashes;
mod layers;
