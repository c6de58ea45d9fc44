//! One adapter per compared system.

use std::path::Path;

use queue_core::sqlite::Durability;

use crate::Result;
use crate::workload::System;

pub(crate) mod fast;
pub(crate) mod raw;

/// The compared systems, the floor first.
pub(crate) const SYSTEMS: [SystemName; 2] = [SystemName::Raw, SystemName::Fast];

/// A compared system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SystemName {
    /// Bare `SQLite`.
    Raw,
    /// fast-queue.
    #[value(name = "fast-queue")]
    Fast,
}

impl SystemName {
    /// As printed and accepted.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Fast => "fast-queue",
        }
    }

    /// Opens the system on the file at `path`, creating it if it is missing.
    pub(crate) fn open(self, path: &Path, durability: Durability) -> Result<Box<dyn System>> {
        match self {
            Self::Raw => raw::open(path, durability),
            Self::Fast => fast::open(path, durability),
        }
    }
}
