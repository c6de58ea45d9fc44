//! What a program adds to a verb that both have: options of its own beside the common ones, and the
//! verb's trait `Extra`, by which they say what they mean. So it is with `add-task`, `worker`, `systemd`
//! and `retry`.

/// A program that adds nothing, to any verb.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct Plain {}
