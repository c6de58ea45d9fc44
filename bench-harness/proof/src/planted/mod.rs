//! Faults that somebody could make, planted one at a time, and whether the tests find each.
//!
//! The tracked files are copied to a tree of its own below the target folder, where a fault is a
//! replaced line. Its tests are built, then given a minute; a test has to fail in that time.

mod faults;
mod tree;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::Result;
use crate::figure::{Figure, commit};
use crate::process::patience::{Stopwatch, pause};

pub use faults::FAULTS;
use tree::Tree;

/// How long the tests may take to find a fault, without what building them takes.
const LIMIT: Duration = Duration::from_secs(60);

/// One mistake in one place.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// What is wrong then, in a few words.
    pub name: &'static str,
    /// The file, from the root of the workspace.
    pub file: &'static str,
    /// What stands there, exactly once.
    pub find: &'static str,
    /// What is put in its place.
    pub replace: &'static str,
    /// The tests of which one must fail.
    pub suite: Suite,
}

/// A test program of the workspace, and which of its tests are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// The package.
    pub package: &'static str,
    /// The integration test; the library's own tests if none.
    pub test: Option<&'static str>,
    /// A part of the names of the tests; all if empty.
    pub filter: &'static str,
}

/// What came of one fault.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which.
    pub fault: &'static str,
    /// The first test that failed; none if the fault was not found.
    pub by: Option<String>,
    /// How long the tests took.
    pub seconds: f64,
}

/// Plants every fault whose name contains `part`, and tells of each as soon as it is known.
///
/// # Errors
/// If a fault does not fit the code any more, or the tree does not build with it.
pub fn run(part: &str, mut tell: impl FnMut(&Found)) -> Result<Figure> {
    let watch = Stopwatch::start();
    let tree = Tree::new()?;
    let mut figure = Figure {
        what: "faults planted in the code, each to be found by a test within a minute".to_owned(),
        commit: commit(),
        ..Figure::default()
    };
    let faults = FAULTS.into_iter().flatten();
    for fault in faults.filter(|fault| fault.name.contains(part)) {
        let found = plant(&tree, fault)?;
        figure.count += 1;
        figure.violations += u64::from(found.by.is_none());
        tell(&found);
    }
    figure.seconds = watch.elapsed().as_secs_f64();
    Ok(figure)
}

/// What does not fit: a fault whose place is not there exactly once in the workspace at `root`, or
/// that shares its name with another.
///
/// # Errors
/// If a file cannot be read.
pub fn misfits(root: &Path) -> Result<Vec<String>> {
    let mut misfits = Vec::new();
    let mut names = BTreeSet::new();
    for fault in FAULTS.into_iter().flatten() {
        let text = std::fs::read_to_string(root.join(fault.file));
        let text = text.map_err(|error| format!("cannot read {}: {error}", fault.file))?;
        let count = text.matches(fault.find).count();
        if count != 1 {
            let Fault { name, file, .. } = fault;
            misfits.push(format!("{name}: its place is {count} times in {file}"));
        }
        if !names.insert(fault.name) {
            misfits.push(format!("{}: there are two of that name", fault.name));
        }
    }
    Ok(misfits)
}

fn plant(tree: &Tree, fault: &Fault) -> Result<Found> {
    let _planted = tree.plant(fault)?;
    let built = tree.cargo(fault.suite).arg("--no-run").output()?;
    if !built.status.success() {
        let said = String::from_utf8_lossy(&built.stderr).into_owned();
        return Err(format!("with {:?} the tests do not build:\n{said}", fault.name).into());
    }
    let watch = Stopwatch::start();
    let output = tree.file("output");
    let by = test(&mut tree.cargo(fault.suite), fault.suite, &output)?;
    Ok(Found {
        fault: fault.name,
        by,
        seconds: watch.elapsed().as_secs_f64(),
    })
}

/// Runs the tests until one fails or their time is over; the first that failed.
fn test(cargo: &mut Command, suite: Suite, output: &Path) -> Result<Option<String>> {
    let file = std::fs::File::create(output)?;
    cargo.arg("--").arg(suite.filter);
    let mut running = cargo.stdout(file).stderr(Stdio::null()).spawn()?;
    let watch = Stopwatch::start();
    let ended = loop {
        let status = running.try_wait()?;
        if let Some(name) = failed(&std::fs::read_to_string(output)?) {
            break Some(name);
        }
        match status {
            Some(status) if status.success() => break None,
            // It was ended by what it tested, before it could name anything.
            Some(status) => break Some(format!("{} ({status})", suite.test.unwrap_or("lib"))),
            None if watch.elapsed() > LIMIT => break None,
            None => pause(Duration::from_millis(20)),
        }
    };
    // What the rest would say is of no interest any more.
    let _ = kill_process_group(Pid::from_child(&running), Signal::KILL);
    running.wait()?;
    Ok(ended)
}

/// The first test that is said to have failed. Lines read `test NAME ... FAILED`, with what the test
/// wrote in between.
fn failed(output: &str) -> Option<String> {
    let line = output
        .lines()
        .find(|line| line.starts_with("test ") && line.ends_with(" FAILED"))?;
    line.split(' ').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::failed;

    #[test]
    fn the_first_test_that_failed_is_named() {
        let output = "running 3 tests\ntest a::b ... ok\ntest c::d ... FAILED\ntest e ... FAILED\n";
        assert_eq!(failed(output).as_deref(), Some("c::d"));
        assert_eq!(failed("test a::b ... ok\ntest result: ok."), None);
    }
}
