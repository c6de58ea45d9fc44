//! Where the shipped programs lie.

use std::path::PathBuf;

use queue_core::sqlite::Durability;

use crate::Result;

/// One of the two shipped programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The minimal engine's.
    Fast,
    /// The workflow engine's.
    Workflow,
}

impl Program {
    /// The name of its file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast-queue",
            Self::Workflow => "workflow-queue",
        }
    }

    /// Its file.
    ///
    /// # Errors
    /// If it does not lie beside this program (or, in a test, one folder further up).
    pub fn path(self) -> Result<PathBuf> {
        beside(self.name())
    }
}

/// A durability's word on the command line.
pub fn word(durability: Durability) -> &'static str {
    match durability {
        Durability::Fast => "fast",
        Durability::Full => "full",
    }
}

/// The file of `prove` itself, for its hidden verbs.
///
/// # Errors
/// As [`Program::path`].
pub fn own() -> Result<PathBuf> {
    beside("prove")
}

fn beside(name: &str) -> Result<PathBuf> {
    let this = std::env::current_exe()?;
    let folders = this.ancestors().skip(1).take(2);
    let mut candidates = folders.map(|folder| folder.join(name));
    candidates.find(|path| path.is_file()).ok_or_else(|| {
        format!("there is no {name} beside this program; build the whole workspace first").into()
    })
}
