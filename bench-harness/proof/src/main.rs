//! `prove`: every proof as a verb.

mod engines;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use queue_proof::figure::Figure;
use queue_proof::process::Program;
use queue_proof::scorecard::{self, Line};
use queue_proof::{Result, backup, children, clock, full, fuzz, kills, planted, syscalls, zombies};

/// Tries to break what the engines and their programs promise, and counts how often it did.
///
/// The programs must lie beside this one: build the whole workspace first.
///
/// Exit codes: 0 nothing was broken · 1 a promise was broken · 2 usage · 70 it could not be tried.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The form of what is printed
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
    /// Have every operation on the disk fail in turn, once and for good
    Errors(engines::Errors),
    /// Workers, commands, kills, power cuts and errors in virtual time
    Sim(engines::Sim),
    /// Kill workers, producers and every verb that writes, at moments drawn by lot
    Kills(Kills),
    /// Kill scripted scenarios at every system call, and have every fsync fail (needs strace)
    Syscalls(Syscalls),
    /// Stop workers beyond their lease and let them come back with their verdicts
    Zombies(Zombies),
    /// End commands that do not want to end, in every way, and look for what is left
    Children,
    /// Fill a small file system under the programs (needs the right to mount)
    Full,
    /// Set the wall clock under running workers (needs libfaketime)
    Clock(Clock),
    /// Kill backups while others work, and look at what they leave
    Backup(Backup),
    /// Try inputs on whatever reads what others wrote (needs a C++ compiler)
    Fuzz(Fuzz),
    /// Plant faults in a copy of the code, one at a time, and see whether the tests find each
    Planted(Planted),
    /// Put figures that were printed as JSON into the table of a page
    Scorecard(Scorecard),
    /// What a proof runs in a process of its own
    #[command(subcommand, hide = true)]
    Child(Child),
}

#[derive(Debug, Args)]
struct Kills {
    /// How many
    #[arg(long, default_value_t = 2_000)]
    count: u64,
    /// How many kills to measure the recovery after
    #[arg(long, default_value_t = 20)]
    recoveries: usize,
    /// Where the lots begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct Syscalls {
    /// Only every so many calls
    #[arg(long, default_value_t = 1)]
    stride: usize,
}

#[derive(Debug, Args)]
struct Zombies {
    /// How many
    #[arg(long, default_value_t = 20)]
    count: usize,
}

#[derive(Debug, Args)]
struct Clock {
    /// How often to take every step in each setting
    #[arg(long, default_value_t = 1)]
    rounds: usize,
}

#[derive(Debug, Args)]
struct Backup {
    /// How many
    #[arg(long, default_value_t = 200)]
    count: u64,
    /// Where the lots begin
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, Args)]
struct Fuzz {
    /// Inputs tried on each target
    #[arg(long, default_value_t = 1_000_000)]
    runs: u64,
    /// The targets; all of them unless named
    targets: Vec<String>,
}

#[derive(Debug, Args)]
struct Planted {
    /// Only faults whose name contains this
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
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let figures = match &arguments.verb {
        Verb::Cuts(args) => engines::run_cuts(args).map(|figure| vec![figure]),
        Verb::Errors(args) => engines::run_errors(args).map(|figure| vec![figure]),
        Verb::Sim(args) => engines::run_sim(args).map(|figure| vec![figure]),
        Verb::Kills(args) => run_kills(args),
        Verb::Syscalls(args) => run_syscalls(args),
        Verb::Zombies(args) => zombies::run(args.count).map(told),
        Verb::Children => children::run(&[Program::Fast, Program::Workflow]).map(told),
        Verb::Full => run_full(),
        Verb::Clock(args) => run_clock(args),
        Verb::Backup(args) => backup::run(args.count, args.seed).map(told),
        Verb::Fuzz(args) => fuzz::run(args.runs, &args.targets, say).map(|figure| vec![figure]),
        Verb::Planted(args) => run_planted(args),
        Verb::Scorecard(args) => scorecard::update(&args.results, &args.page).map(|()| Vec::new()),
        Verb::Child(Child::Produce(args)) => kills::produce(args).map(|()| Vec::new()),
        Verb::Child(Child::Full(args)) => fill(args),
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

/// A figure whose broken promises were told.
fn told((figure, faults): (Figure, Vec<String>)) -> Vec<Figure> {
    for fault in &faults {
        say(fault);
    }
    vec![figure]
}

fn run_kills(args: &Kills) -> Result<Vec<Figure>> {
    let killed = kills::run(args.count, args.seed)?;
    say(&format!("{} tasks were acknowledged", killed.acknowledged));
    let mut figures = told((killed.figure, killed.faults));
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
        say("skipped: without strace, or where it may not trace, no system call can be chosen");
        return Ok(Vec::new());
    };
    for (scenario, calls) in &found.scenarios {
        say(&format!("{scenario}: {calls} calls"));
    }
    let mut figures = told((found.kills, found.faults));
    figures.push(found.syncs);
    Ok(figures)
}

fn run_full() -> Result<Vec<Figure>> {
    let Some(found) = full::run()? else {
        say("skipped: this user may not mount a small file system");
        return Ok(Vec::new());
    };
    Ok(told(found))
}

fn run_clock(args: &Clock) -> Result<Vec<Figure>> {
    let Some(found) = clock::run(args.rounds, &clock::STEPS)? else {
        say(
            "skipped: libfaketime is not installed, so that the clock can be set for everybody only",
        );
        return Ok(Vec::new());
    };
    Ok(told(found))
}

fn fill(args: &full::Full) -> Result<Vec<Figure>> {
    let found = serde_json::to_string(&full::fill(args)?)?;
    writeln!(std::io::stdout(), "{found}")?;
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

/// The command that was given, without what says how to print.
fn command() -> String {
    let words = std::env::args().skip(1);
    let told = words.filter(|word| !["-o", "--output", "json"].contains(&word.as_str()));
    let words: Vec<String> = std::iter::once("prove".to_owned()).chain(told).collect();
    words.join(" ")
}

/// Tells of progress and of what was broken.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
