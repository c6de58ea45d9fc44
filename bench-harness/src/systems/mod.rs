//! One adapter per compared system.

use std::path::Path;

use queue_core::Queue;
use queue_core::sqlite::Durability;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::workload::System;

pub(crate) mod fast;
pub(crate) mod library;
pub(crate) mod raw;
pub(crate) mod raw_dag;
pub(crate) mod workflow;

pub(crate) use fast::Fast;
pub(crate) use library::Library;
pub(crate) use workflow::Workflow;

/// An engine: opens its library, and names its program.
pub(crate) trait Engine: 'static {
    /// The library's queue.
    type Queue: Queue;
    /// Name of the engine.
    const NAME: EngineName;

    /// Opens the file at `path`, creating it if it is missing.
    fn open(path: &Path, durability: Durability) -> Result<Self::Queue>;
}

/// Names of the engines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
pub(crate) enum EngineName {
    /// fast-queue.
    #[value(alias = "fast-queue")]
    #[serde(rename = "fast-queue")]
    Fast,
    /// workflow-queue.
    #[value(alias = "workflow-queue")]
    #[serde(rename = "workflow-queue")]
    Workflow,
}

impl EngineName {
    /// Name of its package and of its program.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Fast => "fast-queue",
            Self::Workflow => "workflow-queue",
        }
    }
}

impl std::fmt::Display for EngineName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The compared systems, the baseline first.
pub(crate) const SYSTEMS: [SystemName; 3] =
    [SystemName::Raw, SystemName::Fast, SystemName::Workflow];

/// A compared system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SystemName {
    /// Bare `SQLite`.
    Raw,
    /// fast-queue.
    #[value(name = "fast-queue")]
    Fast,
    /// workflow-queue.
    #[value(name = "workflow-queue")]
    Workflow,
}

impl From<EngineName> for SystemName {
    fn from(engine: EngineName) -> Self {
        match engine {
            EngineName::Fast => Self::Fast,
            EngineName::Workflow => Self::Workflow,
        }
    }
}

impl SystemName {
    /// Name in print and on the command line.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Fast => EngineName::Fast.as_str(),
            Self::Workflow => EngineName::Workflow.as_str(),
        }
    }

    /// Opens the system on the file at `path`, creating it if it is missing.
    pub(crate) fn open(self, path: &Path, durability: Durability) -> Result<Box<dyn System>> {
        Ok(match self {
            Self::Raw => Box::new(raw::Raw::open(path, durability)?),
            Self::Fast => Box::new(Library::<Fast>::open(path, durability)?),
            Self::Workflow => Box::new(Library::<Workflow>::open(path, durability)?),
        })
    }
}
