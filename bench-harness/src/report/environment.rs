//! Environment of a measurement: machine, system, settings, versions.

use std::fs;
use std::path::Path;
use std::process::Command;

use queue_core::Queue;
use queue_core::cli::{escape, moment};
use queue_core::clock::{Clock, SystemClock};
use queue_core::queue::Finding;
use queue_core::sqlite::Durability;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::systems::{Engine, EngineName, Fast};

/// Settings of a connection that determine the cost of a commit.
const SETTINGS: [&str; 4] = [
    "journal_mode",
    "synchronous",
    "wal_autocheckpoint",
    "page bytes",
];

/// The information needed to repeat a measurement. A value that the system does not tell is `unknown`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Environment {
    /// Processor model, as the system names it.
    pub(crate) cpu: String,
    /// Number of processors available to this process.
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    /// Load average of the minute before the measurement: an estimate of other work.
    #[serde(default = "unknown")]
    pub(crate) load: String,
    pub(crate) distribution: String,
    /// File system of the measured folder.
    pub(crate) file_system: String,
    pub(crate) sqlite: String,
    /// Settings of the engines' writing connection, at each level of durability.
    pub(crate) pragmas: Vec<Pragmas>,
    /// Commit of the sources; `None` outside a repository.
    pub(crate) commit: Option<String>,
    /// The sources differ from that commit.
    pub(crate) changed: bool,
    /// Start of the measurement, UTC, ISO 8601.
    pub(crate) date: String,
    pub(crate) versions: Vec<Version>,
}

/// Effective pragmas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pragmas {
    pub(crate) durability: String,
    pub(crate) settings: Vec<Setting>,
}

/// A pragma and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Setting {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A program and its version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) version: String,
}

impl Environment {
    /// Environment of a measurement in `folder`.
    ///
    /// # Errors
    /// When no database can be made in `folder`.
    pub(crate) fn of(folder: &Path) -> Result<Self> {
        let names = [EngineName::Fast.as_str(), EngineName::Workflow.as_str()];
        let uname = rustix::system::uname();
        let kernel = [uname.sysname(), uname.release(), uname.machine()]
            .map(|part| part.to_string_lossy().into_owned())
            .join(" ");
        let (commit, changed) = sources();
        Ok(Self {
            cpu: known(value_in("/proc/cpuinfo", "model name", ':')),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel,
            load: known(load()),
            distribution: known(value_in("/etc/os-release", "PRETTY_NAME", '=')),
            file_system: known(file_system(folder)),
            sqlite: rusqlite::version().to_owned(),
            pragmas: [Durability::Fast, Durability::Full]
                .map(|durability| pragmas(folder, durability))
                .into_iter()
                .collect::<Result<_>>()?,
            commit,
            changed,
            date: moment::iso(SystemClock.now().wall),
            // The whole workspace has one version.
            versions: [names.as_slice(), &["bench-harness"]]
                .concat()
                .into_iter()
                .map(|name| Version {
                    name: name.to_owned(),
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                })
                .collect(),
        })
    }

    /// Returns true for the same machine, system and disk, at any time and for any measurement.
    pub(crate) fn is_same_machine(&self, other: &Self) -> bool {
        let place = |environment: &Self| Self {
            commit: None,
            changed: false,
            date: String::new(),
            load: String::new(),
            ..environment.clone()
        };
        place(self) == place(other)
    }

    /// The abbreviated commit, and a mark if the sources differ from it.
    pub(crate) fn sources(&self) -> String {
        let Some(commit) = &self.commit else {
            return "no commit".to_owned();
        };
        let short: String = commit.chars().take(12).collect();
        let changed = if self.changed { ", changed" } else { "" };
        format!("{short}{changed}")
    }
}

fn known(value: Option<String>) -> String {
    let value = value.filter(|value| !value.is_empty());
    value.map_or_else(unknown, |value| escape::line(&value).into_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}

fn load() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split(' ').next().map(str::to_owned)
}

/// The value of the first line of a file that begins with `key`.
fn value_in(path: &str, key: &str, separator: char) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let value = |line: &str| {
        let (name, value) = line.split_once(separator)?;
        (name.trim() == key).then(|| value.trim().trim_matches('"').to_owned())
    };
    text.lines().find_map(value)
}

/// Type of the file system that holds a folder: that of the longest mount point above it.
fn file_system(folder: &Path) -> Option<String> {
    let folder = fs::canonicalize(folder).ok()?;
    type_of_mount(&fs::read_to_string("/proc/self/mountinfo").ok()?, &folder)
}

/// A line is `36 35 98:0 /root /mount/point options optional… - type source options`; of several mounts
/// on one point the last is visible.
fn type_of_mount(mountinfo: &str, folder: &Path) -> Option<String> {
    let mount = |line: &str| {
        let (place, kind) = line.split_once(" - ")?;
        let point = place.split(' ').nth(4)?.replace("\\040", " ");
        let kind = kind.split(' ').next()?;
        folder
            .starts_with(&point)
            .then(|| (point.len(), kind.to_owned()))
    };
    let mounts = mountinfo.lines().filter_map(mount);
    mounts
        .max_by_key(|(length, _)| *length)
        .map(|(_, kind)| kind)
}

/// Settings reported by an engine opened in `folder`.
fn pragmas(folder: &Path, durability: Durability) -> Result<Pragmas> {
    let scratch = tempfile::tempdir_in(folder)?;
    let queue = Fast::open(&scratch.path().join("tasks.db"), durability)?;
    let findings = queue.diagnose()?;
    let setting = |name: &str| {
        let own = |finding: &&Finding| finding.what == name;
        findings.iter().find(own).map(|finding| Setting {
            name: name.to_owned(),
            value: finding.value.clone(),
        })
    };
    let name = match durability {
        Durability::Fast => "fast",
        Durability::Full => "full",
    };
    Ok(Pragmas {
        durability: name.to_owned(),
        settings: SETTINGS.into_iter().filter_map(setting).collect(),
    })
}

/// The current commit of the sources from which this program was built, and true if they differ from
/// it.
fn sources() -> (Option<String>, bool) {
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-C", env!("CARGO_MANIFEST_DIR")]);
        let output = command.args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let commit = git(&["rev-parse", "HEAD"]);
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    (commit, changed.is_some_and(|files| !files.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_has_the_settings_of_both_levels() {
        let folder = tempfile::tempdir().unwrap();
        let environment = Environment::of(folder.path()).unwrap();
        assert!(environment.cores >= 1 && environment.kernel.starts_with("Linux"));
        let synchronous = |level: usize| {
            let settings = &environment.pragmas[level].settings;
            let found = settings.iter().find(|one| one.name == "synchronous");
            found.unwrap().value.clone()
        };
        assert_eq!([0, 1].map(synchronous), ["1", "2"]);
        assert_eq!(environment.pragmas[0].settings.len(), SETTINGS.len());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_belongs_to_the_longest_mount_above_it() {
        let mounts = "22 1 254:1 / / rw - ext4 /dev/vda rw\n\
                      30 22 0:26 / /mnt/fast\\040disk rw shared:5 - xfs /dev/vdb rw\n\
                      31 22 0:27 / /mnt/fast rw - tmpfs tmpfs rw\n";
        let kind = |folder| type_of_mount(mounts, Path::new(folder));
        assert_eq!(kind("/mnt/fast disk/bench").as_deref(), Some("xfs"));
        assert_eq!(kind("/mnt/fast/bench").as_deref(), Some("tmpfs"));
        assert_eq!(kind("/home").as_deref(), Some("ext4"));
        assert_eq!(type_of_mount("nonsense", Path::new("/")), None);
    }

    #[test]
    fn a_missing_value_is_unknown() {
        assert_eq!(known(value_in("", "PRETTY_NAME", '=')), "unknown");
        assert_eq!(known(Some(String::new())), "unknown");
        assert_eq!(known(Some("a\u{1b}[31mb".to_owned())), "a\\x1b[31mb");
    }

    #[test]
    fn a_commit_is_short_and_says_if_the_sources_differ() {
        let environment = |commit: Option<&str>, changed| Environment {
            commit: commit.map(str::to_owned),
            changed,
            ..Environment::default()
        };
        let long = "0123456789abcdef0123456789abcdef01234567";
        assert_eq!(
            environment(Some(long), true).sources(),
            "0123456789ab, changed"
        );
        assert_eq!(environment(Some(long), false).sources(), "0123456789ab");
        assert_eq!(environment(None, false).sources(), "no commit");
    }
}
