//! Plants faults that a programmer could make, one at a time, and checks that the tests find each.
//!
//! The tracked files are copied to a tree below the target folder; a planted fault replaces one line
//! there. The tests are built, then given a minute, in which one must fail.

mod faults;
mod sources;
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
use sources::Sources;
use tree::Tree;

/// Time for the tests to find a fault, without the time to build them.
const LIMIT: Duration = Duration::from_secs(60);

/// A mistake at one position of the code.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Description of the mistake, in a few words.
    pub name: &'static str,
    /// The file, relative to the root of the workspace.
    pub file: &'static str,
    /// Code to replace; occurs exactly once.
    pub find: &'static str,
    /// Replacement.
    pub replace: &'static str,
    /// The tests of which one must fail.
    pub suite: Suite,
}

/// A test program of the workspace, and a selection of its tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suite {
    /// The package.
    pub package: &'static str,
    /// The integration test; `None` for the library's own tests.
    pub test: Option<&'static str>,
    /// A part of the names of the tests; empty for all.
    pub filter: &'static str,
}

/// Result of one fault.
#[derive(Clone, Debug)]
pub struct Found {
    /// Name of the fault.
    pub fault: &'static str,
    /// The first test that failed; `None` if the fault was not found.
    pub by: Option<String>,
    /// Duration of the tests in seconds.
    pub seconds: f64,
}

/// Plants every fault whose name contains `part`, and calls `tell` with each result.
///
/// # Errors
/// When a fault does not fit the code any more, or the tree does not build with it.
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

/// Faults that do not fit: code that does not occur exactly once in the workspace at `root`, tests of
/// which none has such a name, or a duplicate name.
///
/// # Errors
/// When a file cannot be read.
pub fn misfits(root: &Path) -> Result<Vec<String>> {
    let mut misfits = Vec::new();
    let mut names = BTreeSet::new();
    let mut sources = Sources::new(root);
    for fault in FAULTS.into_iter().flatten() {
        let text = std::fs::read_to_string(root.join(fault.file));
        let text = text.map_err(|error| format!("cannot read {}: {error}", fault.file))?;
        let count = text.matches(fault.find).count();
        if count != 1 {
            let Fault { name, file, .. } = fault;
            misfits.push(format!("{name}: its code occurs {count} times in {file}"));
        }
        if !sources.have_test(fault.suite)? {
            let Suite {
                package, filter, ..
            } = fault.suite;
            misfits.push(format!(
                "{}: no test of {package} is named {filter}",
                fault.name
            ));
        }
        if !names.insert(fault.name) {
            misfits.push(format!("{}: two faults have this name", fault.name));
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

/// Runs the tests until one fails or their time is up. Returns the first one that failed.
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
            // The tested code ended the test process before it named a failed test.
            Some(status) => break Some(format!("{} ({status})", suite.test.unwrap_or("lib"))),
            None if watch.elapsed() > LIMIT => break None,
            None => pause(Duration::from_millis(20)),
        }
    };
    // The rest of the output is not needed.
    let _ = kill_process_group(Pid::from_child(&running), Signal::KILL);
    running.wait()?;
    Ok(ended)
}

/// The first test reported as failed. Lines read `test NAME ... FAILED`, possibly with output of the
/// test in between.
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
