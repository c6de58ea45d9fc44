//! A worker while the disk of its file is full.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::program::{Running, Sandbox, until};
use crate::not_permitted;

/// A small file system, unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` if this user may not mount.
    fn at(path: PathBuf) -> Option<Self> {
        std::fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "none"])
            .arg(&path)
            .stderr(Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(path))
    }

    fn fill(&self) {
        let mut file = File::create(self.filler()).unwrap();
        let page = [1; 4096];
        while file.write_all(&page).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn on(sandbox: &Sandbox, disk: &Path, words: &[&str]) -> String {
    let database = disk.join("queue.db");
    let mut words = words.to_vec();
    words.extend(["--db", database.to_str().unwrap()]);
    sandbox.ok(&words)
}

fn state(sandbox: &Sandbox, disk: &Path, id: &str) -> String {
    let shown = on(sandbox, disk, &["show", id, "-o", "json"]);
    let task: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(task["attempt"], 1, "{shown}");
    task["state"].as_str().unwrap().to_owned()
}

/// Bug: a full disk ended the worker, which killed running tasks; tasks that had succeeded ran
/// again. Fix: commands go on, and outcomes wait in memory until there is space.
pub fn commands_go_on_during_a_full_disk_and_outcomes_are_recorded_afterwards() {
    let sandbox = Sandbox::new();
    let Some(disk) = SmallDisk::at(sandbox.path("disk")) else {
        return not_permitted("nothing may be mounted here");
    };
    let path = disk.0.clone();
    for name in ["one", "two"] {
        let line = format!(
            "touch {name}.runs; until test -e {name}.go; do sleep 0.02; done; echo >>{name}"
        );
        on(&sandbox, &path, &["add-task", name, &line]);
    }
    let database = path.join("queue.db");
    let words = ["worker", "--slots", "2", "--db", database.to_str().unwrap()];
    let mut worker = sandbox.start(&words);
    let runs = |name: &str| sandbox.path(&format!("{name}.runs")).exists();
    until("both run", || runs("one") && runs("two"));
    disk.fill();
    sandbox.write("one.go", "");
    until("one has ended", || !sandbox.read("one").is_empty());
    let refused = |worker: &Running| worker.stderr().contains("is repeated");
    until("it could not be recorded", || refused(&worker));
    disk.free();
    until("it is recorded", || {
        state(&sandbox, &path, "1") == "succeeded"
    });
    assert!(
        worker.child.try_wait().unwrap().is_none(),
        "{}",
        worker.stderr()
    );
    sandbox.write("two.go", "");
    until("the other one is recorded", || {
        state(&sandbox, &path, "2") == "succeeded"
    });
    worker.signal(rustix::process::Signal::TERM);
    assert_eq!(worker.ended(), Some(0), "{}", worker.stderr());
    assert_eq!(
        (sandbox.read("one"), sandbox.read("two")),
        ("\n".into(), "\n".into())
    );
}
