//! `prove`: every proof as a verb.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use queue_proof::figure::Figure;
use queue_proof::{Result, kills, planted};

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

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Form {
    /// For people
    Table,
    /// One JSON object per figure and line
    Json,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Kill workers, producers and every verb that writes, at moments drawn by lot
    Kills(Kills),
    /// Plant faults in a copy of the code, one at a time, and see whether the tests find each
    Planted(Planted),
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
struct Planted {
    /// Only faults whose name contains this
    #[arg(default_value = "")]
    part: String,
}

#[derive(Debug, Subcommand)]
enum Child {
    Produce(kills::Produce),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let figures = match &arguments.verb {
        Verb::Kills(args) => run_kills(args),
        Verb::Planted(args) => run_planted(args),
        Verb::Child(Child::Produce(args)) => kills::produce(args).map(|()| Vec::new()),
    };
    match figures.and_then(|figures| print(arguments.output, &figures)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            say(&format!("prove: {error}"));
            ExitCode::from(70)
        }
    }
}

fn run_kills(args: &Kills) -> Result<Vec<Figure>> {
    let killed = kills::run(args.count, args.seed)?;
    say(&format!("{} tasks were acknowledged", killed.acknowledged));
    for fault in &killed.faults {
        say(fault);
    }
    let recovered = kills::recoveries(args.recoveries)?;
    say(&format!(
        "recovery: median {:?}, p99 {:?}",
        recovered.median, recovered.p99
    ));
    Ok(vec![killed.figure, recovered.figure])
}

fn run_planted(args: &Planted) -> Result<Vec<Figure>> {
    let figure = planted::run(&args.part, |found| {
        let by = found.by.as_deref().unwrap_or("NOT FOUND");
        say(&format!("{:<60} {by}, {:.1} s", found.fault, found.seconds));
    })?;
    Ok(vec![figure])
}

/// Prints the figures and returns whether every promise was kept.
fn print(form: Form, figures: &[Figure]) -> Result<bool> {
    let mut stdout = std::io::stdout();
    for figure in figures {
        match form {
            Form::Json => writeln!(stdout, "{}", serde_json::to_string(figure)?)?,
            Form::Table => writeln!(
                stdout,
                "{} {}: {} violations, {:.1} s",
                figure.count, figure.what, figure.violations, figure.seconds
            )?,
        }
    }
    Ok(figures.iter().all(|figure| figure.violations == 0))
}

/// Tells of progress and of what was broken.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}
