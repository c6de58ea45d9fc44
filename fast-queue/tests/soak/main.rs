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
mod journal;
mod stage;

/// Whether the full length was asked for.
fn long() -> bool {
    std::env::var_os("SOAK").is_some_and(|length| length == "long")
}

/// Tells what was measured; shown with `--nocapture`.
fn report(text: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "{text}");
}
