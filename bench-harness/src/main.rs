//! Puts the engines and bare `SQLite` through the same operations, in turns, and prints ratios.

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

/// A result of the harness. Whatever keeps it from measuring is a sentence.
pub(crate) type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// What a finished run says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Everything asked for was measured, and what was to be checked holds.
    Passed,
    /// These figures missed their bars.
    Missed(Vec<String>),
    /// What an engine did was wrong, told in these sentences.
    Broken(Vec<String>),
}

/// Measures both engines against bare `SQLite` and each other on this machine.
///
/// Exit codes: 0 measured (and, with --check, every bar met) · 1 a bar was missed, or an engine
/// did something wrong · 2 usage · 70 something could not be measured.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The engines side by side: 100 enqueues, 50 claims, 25 settles, and what else to choose by
    Compare(compare::CompareArgs),
    /// Which engine to take, and why
    Choose(choose::ChooseArgs),
    /// Everything the design promises of the engines, each figure beside its probe and its bar
    Suite(suite::SuiteArgs),
    /// Recorded workflows (`WfFormat`) through workflow-queue: what it adds, and whether every task
    /// ran once and in order
    Replay(replay::ReplayArgs),
    /// Other queues and ways to run commands beside the engines
    Peers(peers::PeersArgs),
    /// Shows what verbs measured
    Report(report::ReportArgs),
    /// What a measurement runs in a process of its own
    #[command(subcommand, hide = true)]
    Child(Child),
}

#[derive(Debug, Subcommand)]
enum Child {
    Memory(compare::MemoryArgs),
    Cycle(suite::CycleArgs),
    Drive(peers::DriveArgs),
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

/// Writes to stdout; a reader that has gone is not an error.
pub(crate) fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Replaces the file at `path`, or makes it, so that nobody sees half of it.
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

/// A folder of the run's own, gone with it.
///
/// # Errors
/// When none can be made in `parent`.
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
