//! Paths of the shipped programs.

use std::path::PathBuf;

use queue_core::sqlite::Durability;

use crate::Result;

/// One of the two shipped programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// fast-queue.
    Fast,
    /// workflow-queue.
    Workflow,
}

impl Program {
    /// File name of the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fast => "fast-queue",
            Self::Workflow => "workflow-queue",
        }
    }

    /// Path of the program.
    ///
    /// # Errors
    /// When it does not lie beside this program (or, in a test, one folder further up).
    pub fn path(self) -> Result<PathBuf> {
        beside(self.name())
    }
}

/// Spelling of a durability on the command line.
pub fn word(durability: Durability) -> &'static str {
    match durability {
        Durability::Fast => "fast",
        Durability::Full => "full",
    }
}

/// Path of `prove` itself, to run its hidden verbs.
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
