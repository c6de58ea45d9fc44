//! Proves the engines: `prove cuts`, `prove errors`, `prove sim`.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueEnum};
use queue_core::Result;
use queue_proof::budget::Budget;
use queue_proof::campaign::{Outcome, Tally};
use queue_proof::evidence::{Evidence, Found, commit, seconds};
use queue_proof::{cuts, errors, sim};

/// Cuts the power, fails the disk, and simulates whole systems under the shipped engines.
///
/// Exit codes: 0 nothing was found · 1 something went against a promise · 2 usage · 70 it could not
/// be tried.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// The power goes before and after every write and sync of random workloads
    Cuts {
        #[command(flatten)]
        common: Common,
        /// Stop after so many different images
        #[arg(long)]
        images: Option<u64>,
    },
    /// Every operation on the disk fails in turn, once and for good
    Errors {
        #[command(flatten)]
        common: Common,
        /// Stop after so many injected errors
        #[arg(long)]
        injections: Option<u64>,
    },
    /// Workers, commands, kills, power cuts and errors in virtual time
    Sim {
        #[command(flatten)]
        common: Common,
        /// Stop after so many simulated hours in which there was work
        #[arg(long)]
        hours: Option<u64>,
        /// Steps of a run instead of the seed's own, with --tasks
        #[arg(long, requires = "tasks")]
        steps: Option<u32>,
        /// Tasks of a run at most, with --steps
        #[arg(long, requires = "steps")]
        tasks: Option<usize>,
    },
}

#[derive(Clone, Copy, Debug, Args)]
struct Common {
    /// Try this seed alone
    #[arg(long)]
    seed: Option<u64>,
    /// The first of many seeds
    #[arg(long, default_value_t = 0, conflicts_with = "seed")]
    from: u64,
    /// Stop after so long; 60 if nothing else says when
    #[arg(long)]
    seconds: Option<u64>,
    /// How to print what it came to
    #[arg(short, long, value_enum, default_value_t)]
    output: Format,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    #[default]
    Text,
    Json,
}

/// Calls of a script whose every operation fails once.
const CALLS: usize = 10;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Taken at the start: it may have changed by the end.
    let commit = commit();
    let (evidence, output) = match arguments.verb {
        Verb::Cuts { common, images } => (prove_cuts(common, images), common.output),
        Verb::Errors { common, injections } => (prove_errors(common, injections), common.output),
        Verb::Sim {
            common,
            hours,
            steps,
            tasks,
        } => {
            let size = steps
                .zip(tasks)
                .map(|(steps, tasks)| sim::Size { steps, tasks });
            (prove_sim(common, hours, size), common.output)
        }
    };
    let evidence = evidence.map(|evidence| Evidence { commit, ..evidence });
    match evidence.map(|evidence| (print(&evidence, output), evidence.violations)) {
        Ok((Ok(()), 0)) => ExitCode::SUCCESS,
        Ok((Ok(()), _)) => ExitCode::from(1),
        Ok((Err(error), _)) => complain(&error),
        Err(error) => complain(&error),
    }
}

fn complain(error: &dyn std::error::Error) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "prove: {error}");
    ExitCode::from(70)
}

/// A reader that has gone is not an error.
fn print(evidence: &Evidence, output: Format) -> std::io::Result<()> {
    let text = match output {
        Format::Text => evidence.to_string(),
        Format::Json => format!("{}\n", serde_json::to_string_pretty(evidence)?),
    };
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

impl Common {
    fn first(self) -> u64 {
        self.seed.unwrap_or(self.from)
    }

    fn budget(self, count: Option<u64>) -> Budget {
        const USUAL_SECONDS: u64 = 60;
        let usual = count.is_none().then_some(USUAL_SECONDS);
        Budget::new(count, self.seconds.or(usual))
    }
}

fn prove_cuts(common: Common, images: Option<u64>) -> Result<Evidence> {
    let (config, budget) = (cuts::Config::default(), common.budget(images));
    let outcome = match common.seed {
        Some(seed) => cuts::explore(seed, &config, &|_| false).map(single)?,
        None => cuts::run(common.from, &config, &budget)?,
    };
    let tally = outcome.tally;
    let details = [
        ("moments", tally.moments),
        ("images of a first cut", tally.images),
        ("images of a second cut", tally.second),
        ("images seen before", tally.repeated),
    ];
    let found = replays(&outcome, "cuts");
    Ok(evidence(
        "power-cut images",
        &common,
        &budget,
        &outcome,
        found,
        &details,
    ))
}

fn prove_errors(common: Common, injections: Option<u64>) -> Result<Evidence> {
    let budget = common.budget(injections);
    let outcome = match common.seed {
        Some(seed) => errors::sweep(seed, CALLS, &|_| false).map(single)?,
        None => errors::run(common.from, CALLS, &budget)?,
    };
    let tally = &outcome.tally;
    let mut details = vec![
        ("calls that failed", tally.failed),
        ("power cuts afterwards", tally.cut),
        ("writes refused after a failed sync", tally.refused),
    ];
    details.extend(
        tally
            .by_kind
            .iter()
            .map(|(kind, count)| (kind.name(), *count)),
    );
    let found = replays(&outcome, "errors");
    Ok(evidence(
        "injected I/O errors",
        &common,
        &budget,
        &outcome,
        found,
        &details,
    ))
}

fn prove_sim(common: Common, hours: Option<u64>, size: Option<sim::Size>) -> Result<Evidence> {
    let options = sim::Options {
        size,
        ..sim::Options::default()
    };
    let budget = common.budget(hours);
    let outcome = match common.seed {
        Some(seed) => single(sim::one(seed, &options)),
        None => sim::run(common.from, &options, &budget)?,
    };
    let (tally, struck) = (&outcome.tally, outcome.tally.struck);
    let details = [
        (
            "hours skipped because nothing was open",
            tally.idle_ms / 3_600_000,
        ),
        ("minutes with work", tally.worked_ms / 60_000),
        ("tasks", tally.counts.tasks),
        ("executions", tally.counts.starts),
        ("workers killed", tally.counts.kills),
        ("claims expired", tally.counts.expired),
        ("recoveries", tally.counts.recoveries),
        ("turns", tally.counts.turns),
        ("power cuts", struck.power),
        ("processes killed between system calls", struck.killed),
        ("I/O errors armed", struck.errors),
        ("full disks", struck.full),
        ("checkpoints", struck.checkpoints),
    ];
    let mut found = Vec::new();
    for violation in &outcome.violations {
        let seed = violation.seed;
        // Shortened once for each seed: the first says how.
        let size = match size {
            None if found.is_empty() => sim::shrink(seed, &options),
            own => own,
        };
        let size = size.map_or_else(String::new, |size| {
            format!(" --steps {} --tasks {}", size.steps, size.tasks)
        });
        found.push(Found {
            command: format!("prove sim --seed {seed}{size}"),
            what: violation.what.clone(),
        });
    }
    Ok(evidence(
        "simulated hours with work",
        &common,
        &budget,
        &outcome,
        found,
        &details,
    ))
}

fn single<T>((tally, violations): (T, Vec<queue_proof::campaign::Violation>)) -> Outcome<T> {
    Outcome {
        tally,
        violations,
        seeds: 1,
    }
}

fn replays<T>(outcome: &Outcome<T>, verb: &str) -> Vec<Found> {
    let violations = outcome.violations.iter();
    let found = violations.map(|violation| Found {
        command: format!("prove {verb} --seed {}", violation.seed),
        what: violation.what.clone(),
    });
    found.collect()
}

fn evidence<T: Tally>(
    what: &'static str,
    common: &Common,
    budget: &Budget,
    outcome: &Outcome<T>,
    found: Vec<Found>,
    details: &[(&str, u64)],
) -> Evidence {
    let details = details
        .iter()
        .map(|(name, count)| ((*name).to_owned(), *count));
    Evidence {
        what,
        count: outcome.tally.count(),
        violations: outcome.violations.len() as u64,
        first_seed: common.first(),
        seeds: outcome.seeds,
        seconds: seconds(budget.elapsed()),
        commit: String::new(),
        details: details.collect::<BTreeMap<_, _>>(),
        found,
    }
}
