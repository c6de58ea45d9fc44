//! `figures`: what the design promises of fast-queue, measured on this machine beside its bars.
//!
//! Every figure is a ratio to something measured in the same run, in turns, or stands beside a
//! probe of it: absolute times of another machine or another hour say nothing.

mod bulk;
mod cli;
mod commands;
mod crash;
mod depth;
mod figure;
mod fill;
mod hundred;
mod memory;
mod process;
mod processes;
mod single;
mod threads;
mod wakeup;

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser};
use serde::Serialize;

use crate::measure::Spread;
use crate::report::{short, wrap};
use crate::{Result, Verdict, print, probe};
use figure::Figure;

pub(crate) use processes::{CycleArgs, run_cycle};
pub(crate) use wakeup::{StampArgs, run_stamp};

/// A group of figures: its name, what is in it, and how it is measured.
type Group = (
    &'static str,
    &'static str,
    fn(&Context) -> Result<Vec<Figure>>,
);

const GROUPS: &[Group] = &[
    (
        "single",
        "push, claim, settle, one commit each",
        single::measure,
    ),
    (
        "hundred",
        "the 100 operations, one by one and batched",
        hundred::measure,
    ),
    ("bulk", "bulk enqueue", bulk::measure),
    ("threads", "64 threads at full durability", threads::measure),
    ("processes", "16 processes on one file", processes::measure),
    ("depth", "claims before deep backlogs", depth::measure),
    (
        "commands",
        "`true` a thousand times, 8 at a time",
        commands::measure,
    ),
    (
        "wakeup",
        "a new task reaches an idle worker; what idling costs",
        wakeup::measure,
    ),
    (
        "crash",
        "kill -9 of a worker until its task runs elsewhere",
        crash::measure,
    ),
    (
        "cli",
        "add-task, --stdin and status as processes",
        cli::measure,
    ),
    (
        "memory",
        "an idle worker, and one with 1,000 children",
        memory::measure,
    ),
];

/// Which figures to measure, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct FiguresArgs {
    /// Groups to measure; all unless named
    #[arg(value_parser = PossibleValuesParser::new(
        GROUPS.iter().map(|(name, what, _)| PossibleValue::new(*name).help(*what))
    ))]
    names: Vec<String>,
    /// Exit 1 if a bar was missed, naming the figures
    #[arg(long)]
    check: bool,
    /// Smaller backlogs (1 M instead of 10 M pending) and fewer rounds
    #[arg(long)]
    quick: bool,
    /// The form of what is printed
    #[arg(
        short = 'o',
        long = "output",
        value_enum,
        default_value = "table",
        value_name = "FORM"
    )]
    form: Form,
    /// Folder for the databases, on the disk to be measured [default: the system's for temporary
    /// files]
    #[arg(long)]
    dir: Option<PathBuf>,
}

/// How figures are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// Text of 80 columns, each group as soon as it is measured.
    Table,
    /// One JSON object.
    Json,
    /// A table for the README.
    Markdown,
}

/// What every group is given.
#[derive(Debug)]
pub(crate) struct Context {
    folder: PathBuf,
    quick: bool,
}

impl Context {
    /// A folder of its own on the measured disk, gone with the value.
    fn scratch(&self) -> Result<tempfile::TempDir> {
        Ok(tempfile::tempdir_in(&self.folder)?)
    }

    /// How often every subject takes its turn.
    fn rounds(&self) -> usize {
        if self.quick { 5 } else { 11 }
    }
}

#[derive(Debug, Serialize)]
struct Report {
    disk_probe_us: Spread,
    figures: Vec<Figure>,
}

/// Measures and prints.
pub(crate) fn run(args: &FiguresArgs) -> Result<Verdict> {
    let folder = crate::folder(args.dir.as_deref())?;
    let context = Context {
        folder: folder.path().to_owned(),
        quick: args.quick,
    };
    let disk_probe_us = probe::disk(folder.path(), 100)?;
    if args.form == Form::Table {
        print(&probe_text(disk_probe_us))?;
    }
    let wanted = |name: &str| args.names.is_empty() || args.names.iter().any(|own| own == name);
    let (mut figures, mut failed) = (Vec::new(), Vec::new());
    for (name, _, measure) in GROUPS.iter().filter(|(name, _, _)| wanted(name)) {
        match measure(&context) {
            Ok(measured) => {
                if args.form == Form::Table {
                    let text = measured.iter().map(Figure::text).collect::<String>();
                    print(&text)?;
                }
                figures.extend(measured);
            }
            // The other groups are worth measuring all the same.
            Err(error) => failed.push(format!("{name}: {error}")),
        }
    }
    let missed: Vec<String> = figures
        .iter()
        .filter(|figure| figure.missed())
        .map(|figure| figure.name.clone())
        .collect();
    match args.form {
        Form::Table => {}
        Form::Json => {
            let report = Report {
                disk_probe_us,
                figures,
            };
            print(&format!("{}\n", serde_json::to_string_pretty(&report)?))?;
        }
        Form::Markdown => {
            let rows: String = figures.iter().map(Figure::markdown).collect();
            print(&format!("| what | measured | bar |\n|---|---|---|\n{rows}"))?;
            print(&format!("\n{}", probe_text(disk_probe_us)))?;
        }
    }
    if !failed.is_empty() {
        return Err(format!("not measured: {}", failed.join("; ")).into());
    }
    Ok(if args.check && !missed.is_empty() {
        Verdict::Missed(missed)
    } else {
        Verdict::Passed
    })
}

fn probe_text(disk: Spread) -> String {
    let text = format!(
        "disk probe: 4 KiB append + fdatasync {} us ({} to {})",
        short(disk.median),
        short(disk.min),
        short(disk.max)
    );
    wrap(&text, "")
}

/// Opens one system after the other on files of their own and lets `sample` measure them in turns,
/// raw first.
fn raw_and_fast<T>(
    context: &Context,
    durability: queue_core::sqlite::Durability,
    sample: impl Fn(&dyn crate::workload::System) -> Result<T>,
) -> Result<[Vec<T>; 2]> {
    let sample = &sample;
    let subjects = crate::systems::SYSTEMS.map(|system| -> crate::measure::Subject<'_, T> {
        Box::new(move || {
            let folder = context.scratch()?;
            let system = system.open(&database(folder.path()), durability)?;
            sample(system.as_ref())
        })
    });
    let samples = crate::measure::interleaved(context.rounds(), subjects.into())?;
    <[Vec<T>; 2]>::try_from(samples).map_err(|_| "two systems give two rows of samples".into())
}

fn database(folder: &Path) -> PathBuf {
    folder.join("tasks.db")
}
