//! Parameters shared by every case.

use std::path::{Path, PathBuf};

use queue_core::sqlite::Durability;

use crate::Result;
use crate::measure::{Subject, interleaved};
use crate::report::short;
use crate::systems::SystemName;
use crate::workload::System;

/// Folder to measure in, and thoroughness.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) folder: PathBuf,
    pub(super) quick: bool,
}

impl Context {
    /// A temporary folder on the measured disk, removed on drop.
    pub(super) fn scratch(&self) -> Result<tempfile::TempDir> {
        Ok(tempfile::tempdir_in(&self.folder)?)
    }

    /// One of two values: the one of `--quick`, or the full one.
    pub(super) fn either<T>(&self, quick: T, full: T) -> T {
        if self.quick { quick } else { full }
    }

    /// Number of rounds.
    pub(super) fn rounds(&self) -> usize {
        self.either(3, 11)
    }

    /// Checks that a case has the disk space it needs, before it fills the disk.
    ///
    /// # Errors
    /// A sentence that says how much space is missing in which folder.
    pub(super) fn need_bytes(&self, needed: u64) -> Result<()> {
        let disk = rustix::fs::statvfs(&self.folder)?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free >= needed {
            return Ok(());
        }
        #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
        let shown = |bytes: u64| short(bytes as f64 / 1e6);
        Err(format!(
            "it needs {} MB of disk and {} has {} MB free; free some, name a folder on another \
             disk with --dir, or measure less with --quick",
            shown(needed),
            self.folder.display(),
            shown(free)
        )
        .into())
    }
}

/// Opens one system after another on new files and lets `sample` measure them in turns.
pub(super) fn in_turns<T, const N: usize>(
    context: &Context,
    durability: Durability,
    systems: [SystemName; N],
    sample: impl Fn(&dyn System) -> Result<T>,
) -> Result<[Vec<T>; N]> {
    let sample = &sample;
    let subjects = systems.map(|system| -> Subject<'_, T> {
        Box::new(move || {
            let folder = context.scratch()?;
            let system = system.open(&database(folder.path()), durability)?;
            sample(system.as_ref())
        })
    });
    let samples = interleaved(context.rounds(), subjects.into())?;
    <[Vec<T>; N]>::try_from(samples).map_err(|_| "every system returns a row of samples".into())
}

/// Path of the database in a folder.
pub(super) fn database(folder: &Path) -> PathBuf {
    folder.join("tasks.db")
}

#[cfg(test)]
mod tests {
    use super::Context;

    #[test]
    fn a_case_that_does_not_fit_on_the_disk_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let context = Context {
            folder: folder.path().to_owned(),
            quick: true,
        };
        context.need_bytes(1).unwrap();
        let said = context.need_bytes(u64::MAX).unwrap_err().to_string();
        assert!(said.contains("MB free") && said.contains("--dir"), "{said}");
    }
}
