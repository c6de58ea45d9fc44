//! Additions of one program to a verb of both: a struct of options beside the common ones, which
//! implements the verb's trait `Extra`. `add-task`, `run`, `worker`, `systemd`, `retry`, `list` and
//! `queues` have such a trait.

/// No additions; implements the `Extra` of every verb.
#[derive(clap::Args, Clone, Copy, Debug, Default)]
pub struct Plain {}
