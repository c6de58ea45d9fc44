//! `figures`: what the design promises of the engines, measured on this machine beside its bars.
//!
//! Every figure is a ratio to something measured in the same run, in turns, or stands beside a
//! probe of it: absolute times of another machine or another hour say nothing.

mod bulk;
mod cli;
mod commands;
mod crash;
mod dag;
mod depth;
mod fill;
mod groups;
mod hundred;
mod memory;
mod process;
mod processes;
mod single;
mod threads;
mod wakeup;

use std::path::{Path, PathBuf};

use clap::builder::{PossibleValue, PossibleValuesParser};
use queue_core::sqlite::Durability;

use crate::measure::{Subject, interleaved};
use crate::report::document::{Failed, Kind, Measured};
use crate::report::{Document, Figure, Form, Judgement};
use crate::systems::{EngineName, SystemName};
use crate::workload::System;
use crate::{Result, Verdict, print};
use groups::GROUPS;

pub(crate) use processes::{CycleArgs, run_cycle};
pub(crate) use wakeup::{StampArgs, run_stamp};

/// Which figures to measure, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct FiguresArgs {
    /// Groups to measure; all unless named
    #[arg(value_parser = PossibleValuesParser::new(
        GROUPS.iter().map(|group| PossibleValue::new(group.name).help(group.what))
    ))]
    names: Vec<String>,
    /// Whose figures
    #[arg(long, value_enum, default_value = "both", value_name = "ENGINE")]
    engine: Engines,
    /// Exit 1 if a bar was missed, naming the figures
    #[arg(long)]
    check: bool,
    /// Fewer rounds, shorter windows, and smaller files where the figure's name says so: 1 M
    /// instead of 10 M pending, a DAG of 20k tasks instead of 100k
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

/// Whose figures to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Engines {
    #[value(alias = "fast-queue")]
    Fast,
    #[value(alias = "workflow-queue")]
    Workflow,
    Both,
}

impl Engines {
    fn names(self) -> &'static [EngineName] {
        match self {
            Self::Fast => &[EngineName::Fast],
            Self::Workflow => &[EngineName::Workflow],
            Self::Both => &[EngineName::Fast, EngineName::Workflow],
        }
    }
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

/// Measures and prints.
pub(crate) fn run(args: &FiguresArgs) -> Result<Verdict> {
    let folder = crate::folder(args.dir.as_deref())?;
    let context = Context {
        folder: folder.path().to_owned(),
        quick: args.quick,
    };
    let mut report = Document::begin(Kind::Suite, folder.path())?;
    if args.form == Form::Table {
        print(&report.probe_text())?;
    }
    for engine in args.engine.names() {
        measure_engine(*engine, args, &context, &mut report)?;
    }
    if args.form == Form::Json {
        print(&report.json()?)?;
    }
    if !report.failed.is_empty() {
        let failed = report.failed.iter();
        let failed: Vec<String> = failed
            .map(|one| format!("{}: {}", one.case, one.why))
            .collect();
        return Err(format!("not measured: {}", failed.join("; ")).into());
    }
    if report.figures.is_empty() {
        return Err("nothing of that is promised of that engine".into());
    }
    let missed = report.judged(Judgement::Missed);
    Ok(if args.check && !missed.is_empty() {
        Verdict::Missed(missed)
    } else {
        Verdict::Passed
    })
}

/// Measures the wanted groups of one engine; a table shows each as soon as it is measured.
fn measure_engine(
    engine: EngineName,
    args: &FiguresArgs,
    context: &Context,
    report: &mut Document,
) -> Result<()> {
    let wanted = |name: &str| args.names.is_empty() || args.names.iter().any(|own| own == name);
    let groups = GROUPS.iter().filter(|group| wanted(group.name));
    let mut heading = format!("{engine}\n");
    for (group, measure) in groups.filter_map(|group| Some((group, group.of(engine)?))) {
        match measure(context) {
            Ok(figures) => {
                if args.form == Form::Table {
                    let text = figures.iter().map(Figure::text).collect::<String>();
                    print(&format!("{}{text}", std::mem::take(&mut heading)))?;
                }
                let measured = figures
                    .into_iter()
                    .map(|figure| Measured { engine, figure });
                report.figures.extend(measured);
            }
            // The other groups are worth measuring all the same.
            Err(error) => report.failed.push(Failed {
                case: format!("{engine}, {}", group.name),
                why: error.to_string(),
            }),
        }
    }
    Ok(())
}

/// Opens one system after the other on files of their own and lets `sample` measure them in turns.
fn in_turns<T, const N: usize>(
    context: &Context,
    durability: Durability,
    systems: [SystemName; N],
    sample: impl Fn(&dyn System) -> Result<T>,
) -> Result<[Vec<T>; N]> {
    let sample = &sample;
    let subjects = systems.map(|system| -> Subject<'_, T> {
        Box::new(move || {
            let folder = context.scratch()?;
            let system = system.open(&database(folder.path()), durability)?;
            sample(system.as_ref())
        })
    });
    let samples = interleaved(context.rounds(), subjects.into())?;
    <[Vec<T>; N]>::try_from(samples).map_err(|_| "every system gives a row of samples".into())
}

fn database(folder: &Path) -> PathBuf {
    folder.join("tasks.db")
}
