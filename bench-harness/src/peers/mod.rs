//! `peers`: other queues and command runners, measured beside the engines in the same run.

mod child;
mod commands;
mod document;
mod driver;
mod journal;
mod libraries;
mod measures;
mod originals;
mod ours;
mod packages;
mod text;
mod turns;

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;

use crate::report::document::{Failed, Kind};
use crate::report::{Common, Document, Form};
use crate::{Result, Verdict, print};
use commands::{RUNNERS, Ran, Runner};
use driver::{Driver, Plan};
use libraries::Measured;
use turns::Turns;

pub(crate) use ours::{DriveArgs, run_drive};

/// Arguments of `peers`.
#[derive(Debug, clap::Args)]
pub(crate) struct PeersArgs {
    /// Peers to measure; naming a missing one is an error [default: all that are installed]
    #[arg(value_parser = PossibleValuesParser::new(names()))]
    names: Vec<String>,
    /// First build the drivers of peers that are Rust libraries
    #[arg(long)]
    build: bool,
    /// Folder with the original Python programs
    #[arg(long, value_name = "DIR")]
    originals: Option<PathBuf>,
    /// Measure another queue: PROGRAM is called with a folder and three numbers, and prints the report
    /// that docs/develop/figures.md describes
    #[arg(long, value_name = "NAME=PROGRAM", value_parser = named)]
    driver: Vec<Driver>,
    /// Number of rounds; each peer runs once per round
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Number of enqueues of the 100 operations; half as many claims, a quarter as many completions
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(4..=100_000))]
    ops: u32,
    /// Number of tasks of the scaled part
    #[arg(long, default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(4..=10_000_000))]
    scaled: u32,
    /// Time limit for each part of the scaled tasks, in seconds; only tasks done by then count
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    part_seconds: u32,
    /// Number of commands run end to end
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    commands: u32,
    /// Time limit for one run of a peer, in seconds; the run is killed after it
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    limit: u32,
    #[command(flatten)]
    common: Common,
}

/// Results of one run.
struct Outcome {
    document: Document,
    plan: Plan,
    rounds: u32,
    commands: u32,
    measured: Vec<Measured>,
    ran: Vec<Ran>,
    /// Measures in which a peer is ahead, one sentence each.
    lost: Vec<String>,
    /// Peers that are not installed and were not named.
    absent: Vec<Failed>,
}

/// Names of all peers.
fn names() -> Vec<&'static str> {
    let commands = RUNNERS.iter().filter(|runner| !runner.is_ours());
    let commands = commands.map(|runner| runner.name);
    let libraries = packages::NAMES.into_iter().chain(originals::NAMES);
    libraries.chain(commands).collect()
}

fn named(text: &str) -> Result<Driver, String> {
    match text.split_once('=') {
        Some((name, program)) if !name.is_empty() && !program.is_empty() => {
            let program = std::path::absolute(program).map_err(|error| error.to_string())?;
            Ok(Driver {
                name: child::shown(name),
                program,
                arguments: Vec::new(),
            })
        }
        Some(_) | None => Err("write NAME=PROGRAM".to_owned()),
    }
}

/// Measures and prints.
pub(crate) fn run(args: &PeersArgs) -> Result<Verdict> {
    let folder = crate::folder(args.common.dir.as_deref())?;
    let mut outcome = Outcome {
        document: Document::begin(Kind::Peers, folder.path())?,
        plan: Plan {
            operations: args.ops,
            scaled: args.scaled,
            part_seconds: args.part_seconds,
        },
        rounds: args.runs,
        commands: args.commands,
        measured: Vec::new(),
        ran: Vec::new(),
        lost: Vec::new(),
        absent: Vec::new(),
    };
    let (drivers, runners) = (args.drivers(&mut outcome), args.runners(&mut outcome));
    let turns = Turns {
        rounds: args.runs,
        limit: Duration::from_secs(args.limit.into()),
        folder: folder.path(),
    };
    if args.wants_libraries() {
        let (measured, failed) = libraries::measure(drivers, &outcome.plan, &turns)?;
        outcome.measured = measured;
        outcome.document.failed.extend(failed);
    }
    if args.wants_commands() {
        let (ran, failed) = commands::measure(runners, args.commands, &turns);
        outcome.ran = ran;
        outcome.document.failed.extend(failed);
    }
    outcome.lost = measures::lost(&outcome.measured, &outcome.ran);
    let failed: Vec<String> = (outcome.document.failed.iter())
        .map(|one| format!("{}: {}", one.case, one.why))
        .collect();
    match args.common.form {
        Form::Table => print(&text::text(&outcome))?,
        Form::Json => print(&document::document(outcome).json()?)?,
    }
    if failed.is_empty() {
        return Ok(Verdict::Passed);
    }
    Err(format!("not measured: {}", failed.join("; ")).into())
}

impl PeersArgs {
    /// Returns true if every installed peer is to be measured.
    fn wants_all(&self) -> bool {
        self.names.is_empty() && self.driver.is_empty()
    }

    fn wants(&self, name: &str) -> bool {
        self.wants_all() || self.names.iter().any(|own| own == name)
    }

    fn wants_libraries(&self) -> bool {
        let libraries = packages::NAMES.into_iter().chain(originals::NAMES);
        !self.driver.is_empty() || libraries.into_iter().any(|name| self.wants(name))
    }

    fn wants_commands(&self) -> bool {
        let mut others = RUNNERS.iter().filter(|runner| !runner.is_ours());
        others.any(|runner| self.wants(runner.name))
    }

    /// Drivers to run.
    fn drivers(&self, outcome: &mut Outcome) -> Vec<Driver> {
        let package = |name: &'static str| {
            let built = if self.build {
                packages::build(name)
            } else {
                Ok(())
            };
            (name, built.and_then(|()| packages::driver(name)))
        };
        let original =
            |name: &'static str| (name, originals::driver(name, self.originals.as_deref()));
        let packages = packages::NAMES.into_iter().filter(|name| self.wants(name));
        let originals = originals::NAMES.into_iter().filter(|name| self.wants(name));
        let found = packages.map(package).chain(originals.map(original));
        let found = found.filter_map(|(name, driver)| self.present(name, driver, outcome));
        found.chain(self.driver.iter().cloned()).collect()
    }

    /// Command runners with their versions.
    fn runners(&self, outcome: &mut Outcome) -> Vec<(&'static Runner, String)> {
        let wanted = |runner: &&Runner| runner.is_ours() || self.wants(runner.name);
        let present = |runner: &'static Runner| {
            let version = self.present(runner.name, runner.version(), outcome)?;
            Some((runner, version))
        };
        RUNNERS.iter().filter(wanted).filter_map(present).collect()
    }

    /// Returns `found`'s value, or records that the peer is missing, which is a failure if it was
    /// named.
    fn present<T>(&self, name: &str, found: Result<T>, outcome: &mut Outcome) -> Option<T> {
        let error = match found {
            Ok(found) => return Some(found),
            Err(error) => error,
        };
        let missing = Failed {
            case: name.to_owned(),
            why: error.to_string(),
        };
        if self.wants_all() {
            outcome.absent.push(missing);
        } else {
            outcome.document.failed.push(missing);
        }
        None
    }
}
