//! Puts the engines and bare `SQLite` through the same operations, in turns, and prints ratios.

mod compare;
mod figures;
mod measure;
mod probe;
mod report;
mod systems;
mod workload;

use std::io::Write as _;
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
}

/// Measures both engines against bare `SQLite` and each other on this machine.
///
/// Exit codes: 0 measured (and, with --check, every bar met) · 1 a bar was missed · 2 usage ·
/// 70 something could not be measured.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The 100 operations: 100 enqueues, 50 claims, 25 settles, raw against the engines
    Compare(compare::CompareArgs),
    /// Everything the design promises of the engines, each figure beside its probe and its bar
    Figures(figures::FiguresArgs),
    /// Shows what verbs measured
    Report(report::ReportArgs),
    /// What a measurement runs in a process of its own
    #[command(subcommand, hide = true)]
    Child(Child),
}

#[derive(Debug, Subcommand)]
enum Child {
    Memory(compare::MemoryArgs),
    Cycle(figures::CycleArgs),
    Stamp(figures::StampArgs),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match &arguments.verb {
        Verb::Compare(args) => compare::run(args),
        Verb::Figures(args) => figures::run(args),
        Verb::Report(args) => report::run(args),
        Verb::Child(Child::Cycle(args)) => figures::run_cycle(args),
        Verb::Child(Child::Stamp(args)) => figures::run_stamp(args),
        Verb::Child(Child::Memory(args)) => compare::run_memory(args),
    };
    match done {
        Ok(Verdict::Passed) => ExitCode::SUCCESS,
        Ok(Verdict::Missed(figures)) => {
            let _ = writeln!(std::io::stderr(), "missed: {}", figures.join("; "));
            ExitCode::from(1)
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "bench-harness: {error}");
            ExitCode::from(70)
        }
    }
}

/// Writes to stdout; a reader that has gone is not an error.
pub(crate) fn print(text: &str) -> Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A folder of the run's own, gone with it.
pub(crate) fn folder(parent: Option<&Path>) -> Result<tempfile::TempDir> {
    let builder = {
        let mut builder = tempfile::Builder::new();
        builder.prefix("bench-harness-");
        builder
    };
    Ok(match parent {
        Some(parent) => builder.tempdir_in(parent)?,
        None => builder.tempdir()?,
    })
}
