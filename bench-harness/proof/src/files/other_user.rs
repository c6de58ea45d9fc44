//! A user who is not root, and root beside that user's files.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Output;

use queue_core::sqlite::Durability;
use rustix::process::geteuid;

use crate::Result;
use crate::process::scratch::describe_exit;
use crate::process::{Program, ScratchFolder};

/// An unnamed user and group id that nobody else has.
#[derive(Clone, Copy, Debug)]
pub(super) struct OtherUser {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

impl OtherUser {
    /// Finds such a user; `None` if this process is not root, or the user cannot run the programs.
    pub(super) fn find(programs: &[Program]) -> Result<Option<Self>> {
        let user = Self {
            uid: 61_234,
            gid: 61_235,
        };
        if !geteuid().is_root() {
            return Ok(None);
        }
        let scratch = user.scratch()?;
        for program in programs {
            let mut command = scratch.command(*program, &["--version"])?;
            let output = command.uid(user.uid).gid(user.gid).output();
            if !output.is_ok_and(|output| output.status.success()) {
                return Ok(None);
            }
        }
        Ok(Some(user))
    }

    /// Makes a folder owned by the user.
    pub(super) fn scratch(self) -> Result<ScratchFolder> {
        let scratch = ScratchFolder::new(None, Durability::Fast)?;
        chown(scratch.file(""), Some(self.uid), Some(self.gid))?;
        Ok(scratch)
    }

    /// Runs a verb as the user.
    pub(super) fn run(
        self,
        scratch: &ScratchFolder,
        program: Program,
        words: &[&str],
    ) -> Result<Output> {
        let mut command = scratch.command(program, words)?;
        Ok(command.uid(self.uid).gid(self.gid).output()?)
    }

    /// Runs a verb as the user. Returns a fault if the verb fails.
    pub(super) fn failed(
        self,
        scratch: &ScratchFolder,
        program: Program,
        words: &[&str],
    ) -> Result<Option<String>> {
        let output = self.run(scratch, program, words)?;
        let failed = !output.status.success();
        Ok(failed.then(|| {
            format!(
                "the owner's {words:?} ended with {}",
                describe_exit(&output)
            )
        }))
    }

    /// Files in the folder, itself included, that the user does not own.
    pub(super) fn foreign(self, scratch: &ScratchFolder) -> Result<Vec<String>> {
        let mut foreign = Vec::new();
        for path in all_below(&scratch.file(""))? {
            // Sockets and logs come and go.
            let Ok(found) = path.symlink_metadata() else {
                continue;
            };
            if (found.uid(), found.gid()) != (self.uid, self.gid) {
                foreign.push(format!("{} is user {}'s", path.display(), found.uid()));
            }
        }
        Ok(foreign)
    }
}

/// Every file in the folder at `path`, itself included.
pub(super) fn all_below(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = vec![path.to_owned()];
    if path.symlink_metadata().is_ok_and(|one| one.is_dir()) {
        for entry in std::fs::read_dir(path)?.flatten() {
            found.extend(all_below(&entry.path())?);
        }
    }
    Ok(found)
}

/// Sets the permissions of a file.
pub(super) fn open_to(path: &Path, mode: u32) -> Result<()> {
    Ok(std::fs::set_permissions(
        path,
        std::fs::Permissions::from_mode(mode),
    )?)
}
