//! The verbs that run the engines on a failing disk: `cuts`, `errors`, `sim`.

use std::collections::BTreeMap;

use clap::Args;
use queue_proof::budget::Budget;
use queue_proof::campaign::{Outcome, Tally, Violation};
use queue_proof::figure::{Figure, commit};
use queue_proof::{Result, cuts, errors, sim};

use crate::say;

/// Number of calls in a script whose every operation fails once.
const CALLS: usize = 10;
/// Duration of a proof without another limit, in seconds.
const USUAL_SECONDS: u64 = 60;

#[derive(Debug, Args)]
pub(crate) struct Cuts {
    #[command(flatten)]
    seeds: Seeds,
    /// Stop after this many different images
    #[arg(long)]
    images: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Errors {
    #[command(flatten)]
    seeds: Seeds,
    /// Stop after this many injected errors
    #[arg(long)]
    injections: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Sim {
    #[command(flatten)]
    seeds: Seeds,
    /// Stop after this many simulated hours with work
    #[arg(long)]
    hours: Option<u64>,
    /// Number of steps of a run in place of the seed's own, with --tasks
    #[arg(long, requires = "tasks")]
    steps: Option<u32>,
    /// Largest number of tasks of a run, with --steps
    #[arg(long, requires = "steps")]
    tasks: Option<usize>,
}

#[derive(Clone, Copy, Debug, Args)]
struct Seeds {
    /// Try only this seed
    #[arg(long)]
    seed: Option<u64>,
    /// First of many seeds
    #[arg(long, default_value_t = 0, conflicts_with = "seed")]
    from: u64,
    /// Stop after this many seconds; 60 without another limit
    #[arg(long)]
    seconds: Option<u64>,
}

impl Seeds {
    fn budget(self, count: Option<u64>) -> Budget {
        let usual = count.is_none().then_some(USUAL_SECONDS);
        Budget::new(count, self.seconds.or(usual))
    }
}

pub(crate) fn run_cuts(args: &Cuts) -> Result<Figure> {
    let (config, budget) = (cuts::Config::default(), args.seeds.budget(args.images));
    // The commit is read at the start, as it may change before the end.
    let commit = commit();
    let outcome = match args.seeds.seed {
        Some(seed) => cuts::explore(seed, &config, &|_| false).map(single)?,
        None => cuts::run(args.seeds.from, &config, &budget)?,
    };
    let tally = outcome.tally;
    let details = [
        ("moments", tally.moments),
        ("images of a first cut", tally.images),
        ("images of a second cut", tally.second),
        ("images seen before", tally.repeated),
        ("images verified", tally.verified),
    ];
    tell("cuts", &outcome.violations);
    let what = "images of what a power cut leaves";
    Ok(figure(
        what, args.seeds, &budget, commit, &outcome, &details,
    ))
}

pub(crate) fn run_errors(args: &Errors) -> Result<Figure> {
    let budget = args.seeds.budget(args.injections);
    let commit = commit();
    let outcome = match args.seeds.seed {
        Some(seed) => errors::sweep(seed, CALLS, &|_| false).map(single)?,
        None => errors::run(args.seeds.from, CALLS, &budget)?,
    };
    let tally = &outcome.tally;
    let mut details = vec![
        ("calls that failed", tally.failed),
        ("power cuts afterwards", tally.cut),
        ("writes refused after a failed sync", tally.refused),
        ("files verified", tally.verified),
    ];
    let kinds = tally.by_kind.iter();
    details.extend(kinds.map(|(kind, count)| (kind.name(), *count)));
    tell("errors", &outcome.violations);
    let what = "I/O errors injected";
    Ok(figure(
        what, args.seeds, &budget, commit, &outcome, &details,
    ))
}

pub(crate) fn run_sim(args: &Sim) -> Result<Vec<Figure>> {
    let size = args.steps.zip(args.tasks);
    let size = size.map(|(steps, tasks)| sim::Size { steps, tasks });
    let options = sim::Options {
        size,
        ..sim::Options::default()
    };
    let budget = args.seeds.budget(args.hours);
    let commit = commit();
    let outcome = match args.seeds.seed {
        Some(seed) => single(sim::one(seed, &options)),
        None => sim::run(args.seeds.from, &options, &budget)?,
    };
    tell_sim(&outcome.violations, &options);
    let details = details_of_sim(&outcome.tally);
    let what = "simulated hours with work";
    let hours = figure(what, args.seeds, &budget, commit, &outcome, &details);
    let firings = outcome.tally.firings;
    let of_schedules = outcome.violations.iter();
    let of_schedules = of_schedules.filter(|one| one.what.starts_with(sim::OF_SCHEDULES));
    let slots = Figure {
        what: "slots of simulated schedules that fired, none lost and none twice".to_owned(),
        count: firings.fired,
        violations: of_schedules.count() as u64,
        details: BTreeMap::from([
            (
                "ranges of slots recorded as skipped".to_owned(),
                firings.skipped,
            ),
            (
                "firings taken by a power cut at fast".to_owned(),
                firings.lost,
            ),
        ]),
        ..hours.clone()
    };
    Ok(vec![hours, slots])
}

fn details_of_sim(tally: &sim::Tally) -> [(&'static str, u64); 14] {
    let (counts, injected) = (tally.counts, tally.injected);
    [
        (
            "hours skipped because nothing was open",
            tally.idle_ms / 3_600_000,
        ),
        ("minutes with work", tally.worked_ms / 60_000),
        ("tasks", counts.tasks),
        ("executions", counts.starts),
        ("workers killed", counts.kills),
        ("claims expired", counts.expired),
        ("recoveries", counts.recoveries),
        ("turns", counts.turns),
        ("files verified", counts.verified),
        ("power cuts", injected.power),
        ("processes killed between system calls", injected.killed),
        ("I/O errors armed", injected.errors),
        ("full disks", injected.full),
        ("checkpoints", injected.checkpoints),
    ]
}

/// Prints the command that reproduces each violation; the run of the first is shortened.
fn tell_sim(violations: &[Violation], options: &sim::Options) {
    let mut shortened = options.size;
    for Violation { seed, what } in violations {
        let size = match shortened {
            Some(_) => options.size,
            None => sim::shrink(*seed, options),
        };
        shortened = shortened.or(size);
        let size = size.map_or_else(String::new, |size| {
            format!(" --steps {} --tasks {}", size.steps, size.tasks)
        });
        say(&format!("prove sim --seed {seed}{size}: {what}"));
    }
}

fn single<T>((tally, violations): (T, Vec<Violation>)) -> Outcome<T> {
    Outcome {
        tally,
        violations,
        seeds: 1,
    }
}

/// Prints the command that reproduces each violation.
fn tell(verb: &str, violations: &[Violation]) {
    for Violation { seed, what } in violations {
        say(&format!("prove {verb} --seed {seed}: {what}"));
    }
}

fn figure<T: Tally>(
    what: &str,
    seeds: Seeds,
    budget: &Budget,
    commit: String,
    outcome: &Outcome<T>,
    details: &[(&str, u64)],
) -> Figure {
    let details = details.iter();
    let mut details: BTreeMap<String, u64> = details
        .map(|(name, count)| ((*name).to_owned(), *count))
        .collect();
    details.insert("seeds".to_owned(), outcome.seeds);
    Figure {
        what: what.to_owned(),
        count: outcome.tally.count(),
        violations: outcome.violations.len() as u64,
        seeds: vec![seeds.seed.unwrap_or(seeds.from)],
        seconds: budget.elapsed().as_secs_f64(),
        commit,
        details,
    }
}
