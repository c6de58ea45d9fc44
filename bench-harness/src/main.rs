//! Measures the engines and bare `SQLite` with the same operations in turns, and prints ratios.

mod choose;
mod compare;
mod features;
mod measure;
mod peers;
mod probe;
mod replay;
mod report;
mod suite;
mod systems;
mod workload;

use std::fs::Permissions;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Result of the harness. An error is a sentence that says why it cannot measure.
pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// Outcome of a completed run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// All measurements succeeded, and all checks held.
    Passed,
    /// Figures that missed their bars.
    Missed(Vec<String>),
    /// Wrong behaviour of an engine, as sentences.
    Broken(Vec<String>),
}

/// Measures both engines against bare `SQLite` and each other on this machine.
///
/// Exit codes: 0 measured (and, with --check, every bar met) · 1 a bar was missed, or an engine
/// misbehaved · 2 usage · 70 a measurement could not run.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Compare the engines side by side: 100 enqueues, 50 claims, 25 settles, and other criteria
    Compare(compare::CompareArgs),
    /// Recommend an engine, with the reason
    Choose(choose::ChooseArgs),
    /// Measure every figure that the design promises, beside its probe and its bar
    Suite(suite::SuiteArgs),
    /// Replay recorded workflows (`WfFormat`) through workflow-queue: measure its overhead, and check
    /// that every task ran once and in order
    Replay(replay::ReplayArgs),
    /// Measure other queues and command runners beside the engines
    Peers(peers::PeersArgs),
    /// Show the results of other verbs
    Report(report::ReportArgs),
    /// Run the part of a measurement that has a process of its own
    #[command(subcommand, hide = true)]
    Child(Child),
}

#[derive(Debug, Subcommand)]
enum Child {
    Memory(compare::MemoryArgs),
    Cycle(suite::CycleArgs),
    Drive(peers::DriveArgs),
    Sleepers(suite::SleepersArgs),
    Stamp(suite::StampArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.verb {
        Verb::Compare(args) => compare::run(args),
        Verb::Choose(args) => choose::run(args),
        Verb::Suite(args) => suite::run(args),
        Verb::Replay(args) => replay::run(args),
        Verb::Peers(args) => peers::run(args),
        Verb::Report(args) => report::run(args),
        Verb::Child(Child::Cycle(args)) => suite::run_cycle(args),
        Verb::Child(Child::Drive(args)) => peers::run_drive(args),
        Verb::Child(Child::Sleepers(args)) => suite::run_sleepers(args),
        Verb::Child(Child::Stamp(args)) => suite::run_stamp(args),
        Verb::Child(Child::Memory(args)) => compare::run_memory(args),
    };
    match done {
        Ok(Verdict::Passed) => ExitCode::SUCCESS,
        Ok(Verdict::Missed(figures)) => {
            complain(&format!("missed: {}", figures.join("; ")));
            ExitCode::from(1)
        }
        Ok(Verdict::Broken(faults)) => {
            let _ = writeln!(std::io::stderr(), "{}", faults.join("\n"));
            ExitCode::from(1)
        }
        Err(error) => {
            complain(&format!("bench-harness: {error}"));
            ExitCode::from(70)
        }
    }
}

/// Writes a line to stderr.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Writes to stdout; a closed pipe is not an error.
pub(crate) fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Replaces the file at `path`, or creates it, atomically.
///
/// # Errors
/// When it cannot be written.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let replace = || -> Result<()> {
        let folder = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty());
        let mut file = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder.unwrap_or(Path::new(".")))?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    let shown = path.display();
    replace().map_err(|error| format!("{shown} cannot be written: {error}").into())
}

/// Makes a temporary folder for the run.
///
/// # Errors
/// When it cannot be made in `parent`.
pub(crate) fn folder(parent: Option<&Path>) -> Result<tempfile::TempDir> {
    let builder = {
        let mut builder = tempfile::Builder::new();
        builder.prefix("bench-harness-");
        builder
    };
    let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
    builder.tempdir_in(&parent).map_err(|error| {
        let shown = parent.display();
        format!("nothing can be measured in {shown}: {error}; name another folder with --dir")
            .into()
    })
}
