//! A copy of the workspace in which faults are planted.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Fault, Suite};
use crate::Result;

/// Packages that the profile of tests optimises.
const OPTIMISED: [&str; 4] = [
    "queue-core",
    "queue-testing",
    "fast-queue",
    "workflow-queue",
];

/// The copy and its build output. Both stay for the next run, so that only changed files are rebuilt.
#[derive(Debug)]
pub(super) struct Tree {
    folder: PathBuf,
}

/// A planted fault; removed on drop.
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
    /// Copies the tracked files that have changed since the last run.
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
            // The file may be deleted already.
            let _ = std::fs::remove_file(tree.file("tree").join(name));
        }
        for name in names(&listed.stdout) {
            copy(&root.join(name), &tree.file("tree").join(name))?;
        }
        std::fs::write(tree.file("names"), &listed.stdout)?;
        Ok(tree)
    }

    /// Path of a file that belongs to the tree, outside the copy.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Replaces the fault's code.
    pub(super) fn plant(&self, fault: &Fault) -> Result<Planted> {
        let path = self.file("tree").join(fault.file);
        let whole = std::fs::read_to_string(&path)?;
        if whole.matches(fault.find).count() != 1 {
            return Err(format!("{:?} does not fit {}", fault.name, fault.file).into());
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
            // Without debug information and optimisation, which take most of the build time.
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .args(
                OPTIMISED
                    .map(|package| format!("--config=profile.dev.package.{package}.opt-level=0")),
            );
        cargo.stdin(Stdio::null()).process_group(0);
        cargo
    }
}

impl Drop for Planted {
    fn drop(&mut self) {
        // If the write fails, the next copy restores the file.
        let _ = std::fs::write(&self.path, &self.whole);
    }
}

/// The paths in a list printed by git.
fn names(list: &[u8]) -> impl Iterator<Item = &OsStr> {
    let names = list.split(|byte| *byte == 0);
    names.filter(|name| !name.is_empty()).map(OsStr::from_bytes)
}

/// Copies a file if it differs. Skips a file that was deleted after it was listed.
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
    // Copies the permissions too: some files are programs.
    std::fs::copy(from, to)?;
    Ok(())
}
