//! A copy of the workspace to plant faults in.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Fault, Suite};
use crate::Result;

/// The copy, and what is built from it. Both stay for the next time, so that only what changed is
/// built anew.
#[derive(Debug)]
pub(super) struct Tree {
    folder: PathBuf,
}

/// A planted fault; taken out when dropped.
#[derive(Debug)]
pub(super) struct Planted {
    path: PathBuf,
    whole: String,
}

/// The root of the workspace.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl Tree {
    /// Copies the tracked files that have changed since the last time.
    pub(super) fn new() -> Result<Self> {
        let root = root();
        let tree = Self {
            folder: root.join("target/planted"),
        };
        let listed = Command::new("git")
            .arg("-C")
            .arg(&root)
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .stderr(Stdio::inherit())
            .output()?;
        if !listed.status.success() {
            return Err("git cannot list the files of the workspace".into());
        }
        let before = std::fs::read(tree.file("names")).unwrap_or_default();
        for name in names(&before).filter(|name| names(&listed.stdout).all(|one| one != *name)) {
            // One that cannot be deleted is gone already.
            let _ = std::fs::remove_file(tree.file("tree").join(name));
        }
        for name in names(&listed.stdout) {
            copy(&root.join(name), &tree.file("tree").join(name))?;
        }
        std::fs::write(tree.file("names"), &listed.stdout)?;
        Ok(tree)
    }

    /// A file of the tree's own, beside the copy.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Puts a fault in its place.
    pub(super) fn plant(&self, fault: &Fault) -> Result<Planted> {
        let path = self.file("tree").join(fault.file);
        let whole = std::fs::read_to_string(&path)?;
        if whole.matches(fault.find).count() != 1 {
            return Err(format!("{:?} has no place in {}", fault.name, fault.file).into());
        }
        std::fs::write(&path, whole.replace(fault.find, fault.replace))?;
        Ok(Planted { path, whole })
    }

    /// `cargo test` of a suite, in a process group of its own.
    pub(super) fn cargo(&self, suite: Suite) -> Command {
        let mut cargo = Command::new("cargo");
        cargo.args(["test", "--package", suite.package]);
        match suite.test {
            Some(test) => cargo.args(["--test", test]),
            None => cargo.arg("--lib"),
        };
        cargo
            .current_dir(self.file("tree"))
            .env("CARGO_TARGET_DIR", self.file("build"))
            // Nobody debugs these: most of the time goes into building them.
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        cargo.stdin(Stdio::null()).process_group(0);
        cargo
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        // If it cannot be written, the next copy finds the difference.
        let _ = std::fs::write(&self.path, &self.whole);
    }
}

/// The names in a list that git made.
fn names(list: &[u8]) -> impl Iterator<Item = &OsStr> {
    let names = list.split(|byte| *byte == 0);
    names.filter(|name| !name.is_empty()).map(OsStr::from_bytes)
}

/// Copies a file where it differs. One that was deleted since it was listed is left out.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let Ok(new) = std::fs::read(from) else {
        return Ok(());
    };
    if std::fs::read(to).is_ok_and(|old| old == new) {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    // With its permissions: some are programs.
    std::fs::copy(from, to)?;
    Ok(())
}
