//! `prove`: a program with one verb per proof.

mod engines;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use queue_proof::figure::Figure;
use queue_proof::process::Program;
use queue_proof::scorecard::{self, Line};
use queue_proof::shortage::{self, Shortage};
use queue_proof::{
    Result, backup, children, clock, environment, files, full, fuzz, identity, kills, planted,
    readers, schedules, syscalls, zombies,
};

/// Both programs.
const BOTH: [Program; 2] = [Program::Fast, Program::Workflow];

/// Tries to break the promises of the engines and their programs, and counts the broken ones.
///
/// The programs must lie beside this one: build the whole workspace first.
///
/// Exit codes: 0 no promise was broken · 1 a promise was broken · 2 usage · 70 the proof could not run.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Output form
    #[arg(short, long, global = true, default_value = "table")]
    output: Form,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// For people
    Table,
    /// One JSON object per figure and line
    Json,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Cut the power before and after every write and sync of random workloads
    Cuts(engines::Cuts),
    /// Make every disk operation fail in turn, once and permanently
    Errors(engines::Errors),
    /// Run workers, commands, kills, power cuts and errors in virtual time
    Sim(engines::Sim),
    /// Kill workers, producers and every writing verb at random moments
    Kills(Kills),
    /// Kill scripted scenarios at every system call, and fail every fsync (needs strace)
    Syscalls(Syscalls),
    /// Stop workers for longer than their lease and let them report their outcomes afterwards
    Zombies(Zombies),
    /// End commands that resist being ended, in every way, and look for remaining processes
    Children,
    /// Fill a small file system under the programs (needs the right to mount)
    Full,
    /// Set the wall clock under running workers (needs libfaketime)
    Clock(Clock),
    /// Kill backups while other processes work, and check the files they leave
    Backup(Backup),
    /// Compare the environment of thousands of commands whose worker was started in unusual conditions
    Environment(Environment),
    /// Kill workers whose commands hide and whose ended tasks left daemons
    Identity(Identity),
    /// Kill workers while schedules fire
    Schedules(Schedules),
    /// Kill deliverers, workers and producers while hooks get events
    Hooks(Readers),
    /// Kill followers of the event log, workers and producers
    Followers(Readers),
    /// Run short of the database file, disk space or descriptors under load (a full disk needs the
    /// right to mount)
    Shortage(Shortages),
    /// Run as root beside another user's files, replace files by links, delete databases under a
    /// worker, and kill `shrink` at every system call (needs root and strace)
    Files(Files),
    /// Feed generated inputs to every parser and decoder (needs a C++ compiler)
    Fuzz(Fuzz),
    /// Plant faults in a copy of the code, one at a time, and check that the tests find each
    Planted(Planted),
    /// Write figures printed as JSON into the table of a page
    Scorecard(Scorecard),
    /// Run the part of a proof that has a process of its own
    #[command(subcommand, hide = true)]
    Child(Child),
}

#[derive(Debug, Args)]
struct Kills {
    /// Number of processes to kill
    #[arg(long, default_value_t = 2_000)]
    count: u64,
    /// Number of kills after which to measure the recovery
    #[arg(long, default_value_t = 20)]
    recoveries: usize,
    /// Seed of the random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct Schedules {
    /// Number of workers to kill
    #[arg(long, default_value_t = 100)]
    kills: u64,
    /// Seed of the random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct Readers {
    /// Number of processes to kill
    #[arg(long, default_value_t = 200)]
    kills: u64,
    /// Seed of the random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct Syscalls {
    /// Try only every nth call
    #[arg(long, default_value_t = 1)]
    stride: usize,
}

#[derive(Debug, Args)]
struct Zombies {
    /// Number of workers to stop
    #[arg(long, default_value_t = 20)]
    count: usize,
}

#[derive(Debug, Args)]
struct Clock {
    /// Number of times to make every step in each setting
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

#[derive(Debug, Args)]
struct Backup {
    /// Number of backups to kill
    #[arg(long, default_value_t = 200)]
    count: u64,
    /// Seed of the random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct Environment {
    /// Number of tasks of each program
    #[arg(long, default_value_t = 1_000)]
    count: usize,
    /// Number of tasks that run at once
    #[arg(long, default_value_t = 64)]
    slots: usize,
}

#[derive(Debug, Args)]
struct Identity {
    /// Number of workers of each program
    #[arg(long, default_value_t = 20)]
    count: usize,
}

#[derive(Debug, Args)]
struct Shortages {
    /// Duration of each shortage in seconds
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Shortages to try; all of them if none is named
    #[arg(value_enum)]
    which: Vec<Short>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Short {
    /// Another program holds the database file
    File,
    /// The disk is full
    Disk,
    /// Descriptors are few
    Descriptors,
}

#[derive(Debug, Args)]
struct Files {
    /// Number of times to take a database away in each way
    #[arg(long, default_value_t = 10)]
    count: usize,
    /// Try only every nth link and call
    #[arg(long, default_value_t = 1)]
    stride: usize,
}

#[derive(Debug, Args)]
struct Fuzz {
    /// Number of inputs for each target
    #[arg(long, default_value_t = 1_000_000)]
    runs: u64,
    /// Targets; all of them if none is named
    targets: Vec<String>,
}

#[derive(Debug, Args)]
struct Planted {
    /// Try only faults whose name contains this text
    #[arg(default_value = "")]
    part: String,
}

#[derive(Debug, Args)]
struct Scorecard {
    /// Files of JSON lines
    results: Vec<PathBuf>,
    /// The page with the table
    #[arg(long, default_value = "docs/concepts/reliability.md")]
    page: PathBuf,
}

#[derive(Debug, Subcommand)]
enum Child {
    Produce(kills::Produce),
    Full(full::Full),
    Disk(shortage::Disk),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let figures = match &arguments.verb {
        Verb::Cuts(args) => engines::run_cuts(args).map(|figure| vec![figure]),
        Verb::Errors(args) => engines::run_errors(args).map(|figure| vec![figure]),
        Verb::Sim(args) => engines::run_sim(args),
        Verb::Kills(args) => run_kills(args),
        Verb::Syscalls(args) => run_syscalls(args),
        Verb::Zombies(args) => zombies::run(args.count).map(report_faults),
        Verb::Children => children::run(&BOTH).map(report_faults),
        Verb::Full => run_full(),
        Verb::Clock(args) => run_clock(args),
        Verb::Backup(args) => backup::run(args.count, args.seed).map(report_faults),
        Verb::Environment(args) => {
            environment::run(&BOTH, args.count, args.slots).map(report_faults)
        }
        Verb::Identity(args) => identity::run(&BOTH, args.count).map(report_faults),
        Verb::Schedules(args) => schedules::run(args.kills, args.seed).map(report_faults),
        Verb::Hooks(args) => readers::hooks(args.kills, args.seed).map(report_faults),
        Verb::Followers(args) => readers::followers(args.kills, args.seed).map(report_faults),
        Verb::Shortage(args) => run_shortages(args),
        Verb::Files(args) => run_files(args),
        Verb::Fuzz(args) => fuzz::run(args.runs, &args.targets, say).map(|figure| vec![figure]),
        Verb::Planted(args) => run_planted(args),
        Verb::Scorecard(args) => scorecard::update(&args.results, &args.page).map(|()| Vec::new()),
        Verb::Child(Child::Produce(args)) => kills::produce(args).map(|()| Vec::new()),
        Verb::Child(Child::Full(args)) => full::fill(args).and_then(|found| answer(&found)),
        Verb::Child(Child::Disk(args)) => shortage::fill(args).and_then(|found| answer(&found)),
    };
    match figures.and_then(|figures| print(arguments.output, figures)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            say(&format!("prove: {error}"));
            ExitCode::from(70)
        }
    }
}

/// Prints a figure's broken promises and returns the figure.
fn report_faults((figure, faults): (Figure, Vec<String>)) -> Vec<Figure> {
    for fault in &faults {
        say(fault);
    }
    vec![figure]
}

fn run_kills(args: &Kills) -> Result<Vec<Figure>> {
    let killed = kills::run(args.count, args.seed)?;
    say(&format!("{} tasks were acknowledged", killed.acknowledged));
    let mut figures = report_faults((killed.figure, killed.faults));
    let recovered = kills::recoveries(args.recoveries)?;
    say(&format!(
        "recovery: median {:?}, p99 {:?}",
        recovered.median, recovered.p99
    ));
    figures.push(recovered.figure);
    Ok(figures)
}

fn run_syscalls(args: &Syscalls) -> Result<Vec<Figure>> {
    let Some(found) = syscalls::run(args.stride.max(1))? else {
        say("skipped: strace is missing or may not trace processes");
        return Ok(Vec::new());
    };
    for (scenario, calls) in &found.scenarios {
        say(&format!("{scenario}: {calls} calls"));
    }
    let mut figures = report_faults((found.kills, found.faults));
    figures.push(found.syncs);
    Ok(figures)
}

fn run_full() -> Result<Vec<Figure>> {
    let Some(found) = full::run()? else {
        say("skipped: this user may not mount a small file system");
        return Ok(Vec::new());
    };
    Ok(report_faults(found))
}

fn run_clock(args: &Clock) -> Result<Vec<Figure>> {
    let Some(found) = clock::run(args.rounds, &clock::STEPS)? else {
        say("skipped: libfaketime is not installed");
        return Ok(Vec::new());
    };
    Ok(report_faults(found))
}

fn run_shortages(args: &Shortages) -> Result<Vec<Figure>> {
    let shortage = |short: &Short| match short {
        Short::File => Shortage::File,
        Short::Disk => Shortage::Disk,
        Short::Descriptors => Shortage::Descriptors,
    };
    let mut which: Vec<Shortage> = args.which.iter().map(shortage).collect();
    if which.is_empty() {
        which = Shortage::ALL.to_vec();
    }
    let found = shortage::run(&BOTH, &which, Duration::from_secs(args.seconds))?;
    for reason in &found.skipped {
        say(&format!("skipped: {reason}"));
    }
    Ok(report_faults((found.figure, found.faults)))
}

fn run_files(args: &Files) -> Result<Vec<Figure>> {
    let extent = files::Extent {
        count: args.count,
        links: args.stride,
        calls: args.stride,
    };
    let found = files::run(&BOTH, extent)?;
    for reason in &found.skipped {
        say(&format!("skipped: {reason}"));
    }
    for fault in &found.faults {
        say(fault);
    }
    Ok(found.figures)
}

/// Prints the result of a hidden verb for the process that started it.
fn answer(found: &(u64, Vec<String>)) -> Result<Vec<Figure>> {
    writeln!(std::io::stdout(), "{}", serde_json::to_string(found)?)?;
    Ok(Vec::new())
}

fn run_planted(args: &Planted) -> Result<Vec<Figure>> {
    let figure = planted::run(&args.part, |found| {
        let by = found.by.as_deref().unwrap_or("NOT FOUND");
        say(&format!("{:<55} {by}, {:.1} s", found.fault, found.seconds));
    })?;
    Ok(vec![figure])
}

/// Prints the figures and returns whether every promise was kept.
fn print(form: Form, figures: Vec<Figure>) -> Result<bool> {
    let mut stdout = std::io::stdout();
    let kept = figures.iter().all(|figure| figure.violations == 0);
    for figure in figures {
        if form == Form::Json {
            let command = command();
            writeln!(
                stdout,
                "{}",
                serde_json::to_string(&Line { figure, command })?
            )?;
            continue;
        }
        let Figure {
            what,
            count,
            violations,
            seconds,
            details,
            ..
        } = figure;
        writeln!(
            stdout,
            "{count} {what}: {violations} violations, {seconds:.1} s"
        )?;
        for (name, count) in details {
            writeln!(stdout, "  {name}: {count}")?;
        }
    }
    Ok(kept)
}

/// The command line of this run, without the output options.
fn command() -> String {
    let words = std::env::args().skip(1);
    let told = words.filter(|word| !["-o", "--output", "json"].contains(&word.as_str()));
    let words: Vec<String> = std::iter::once("prove".to_owned()).chain(told).collect();
    words.join(" ")
}

/// Prints progress and broken promises to standard error.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
