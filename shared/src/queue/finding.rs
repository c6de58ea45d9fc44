//! Findings of `doctor`, `verify` and `repair`.

use crate::remedy::Remedy;

/// Line of `doctor`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Subject.
    pub what: String,
    /// Finding.
    pub value: String,
    /// Problem, and the way out unless `remedy` has it; `None` if all is well.
    pub problem: Option<String>,
    /// Commands that help.
    pub remedy: Option<Remedy>,
}

/// Invariant of a file, as [`Queue::verify`](super::Queue::verify) found it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Invariant {
    /// Condition that has to hold, in a few words.
    pub name: &'static str,
    /// Number of rows that break it; 0 if it holds.
    pub violations: u64,
    /// First ten violations, in words. They may quote text that a task or a caller chose.
    pub examples: Vec<String>,
    /// True if [`Queue::repair`](super::Queue::repair) repairs it.
    pub repairable: bool,
}

impl Invariant {
    /// True if no row breaks it.
    pub fn holds(&self) -> bool {
        self.violations == 0
    }
}

/// Result of [`Queue::repair`](super::Queue::repair) for one invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repaired {
    /// Invariant, as [`Invariant::name`].
    pub name: &'static str,
    /// Number of changed rows.
    pub rows: u64,
}

impl Repaired {
    /// Makes a repair that changed so many rows; `None` for none.
    pub fn of(name: &'static str, rows: usize) -> Option<Self> {
        let rows = rows as u64;
        (rows > 0).then_some(Self { name, rows })
    }
}
