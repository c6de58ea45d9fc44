//! Hundreds of short runs, or thousands, of every verb of this engine, each compared with the model.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use queue_core::clock::{Clock, SystemClock};
use queue_core::error::Result;
use queue_core::random::{Random, SystemRandom};
use queue_testing::simulation::{Config, Counts, Plant, Report, Setup, Template};
use workflow_queue::WorkflowQueue;

use crate::actors::Workflows;
use crate::file::Mistake;
use crate::seen::Seen;
use crate::{is_long, number, options};

/// Enough runs to reach every kind of event.
const ALL_RUNS: u64 = 10_000;
const FEW_RUNS: u64 = 600;

/// One connection serves reads as well: opening more would take longer than a short run.
fn open_one(path: &Path, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<WorkflowQueue> {
    let mut options = options(clock, random)?;
    options.open.one_shot = true;
    WorkflowQueue::open_with(path, options)
}

fn template() -> Template {
    let random = Arc::new(SystemRandom::seeded(1));
    Template::new(|path| crate::open(path, Arc::new(SystemClock), random))
}

/// The size of a run.
#[derive(Clone, Copy)]
struct Size {
    steps: u32,
    tasks: usize,
}

impl Size {
    /// Most runs are small; every sixteenth is large, for faults that need many tasks.
    fn of(seed: u64) -> Self {
        if seed.is_multiple_of(16) {
            let Config { steps, tasks, .. } = Config::short();
            return Self { steps, tasks };
        }
        Self {
            steps: 24,
            tasks: 5,
        }
    }
}

/// Runs of many seeds on copies of one file.
#[derive(Clone, Copy)]
struct Runs<'a> {
    template: &'a Template,
    plant: Option<Plant>,
    mistake: Option<Mistake>,
    /// A fixed size; `None` takes the seed's own.
    size: Option<Size>,
}

impl<'a> Runs<'a> {
    fn new(template: &'a Template) -> Self {
        Self {
            template,
            plant: None,
            mistake: None,
            size: None,
        }
    }

    fn simulate(&self, seed: u64) -> (Report, Seen) {
        let Size { steps, tasks } = self.size.unwrap_or_else(|| Size::of(seed));
        let config = Config {
            steps,
            tasks,
            plant: self.plant,
            ..Config::short()
        };
        let workflows = Arc::new(Workflows::new(self.mistake));
        let report = Setup::new(seed, &config)
            .copy_of(self.template)
            .with(Arc::<Workflows>::clone(&workflows))
            .run(&open_one);
        (report, workflows.seen())
    }

    fn fails(&self, seed: u64) -> bool {
        !self.simulate(seed).0.violations.is_empty()
    }

    /// The first failing seed below `seeds`.
    fn finds(&self, seeds: u64) -> Option<u64> {
        (0..seeds).find(|seed| self.fails(*seed))
    }

    /// The smallest size at which a seed fails: first the fewest steps, then the fewest tasks.
    fn shortest(&self, seed: u64) -> Size {
        let fails = |size: &Size| {
            let size = Some(*size);
            Self { size, ..*self }.fails(seed)
        };
        let Size { steps, tasks } = self.size.unwrap_or_else(|| Size::of(seed));
        let fewer = (0..steps).map(|steps| Size { steps, tasks }).find(fails);
        let steps = fewer.map_or(steps, |fewer| fewer.steps);
        let fewer = (1..tasks).map(|tasks| Size { steps, tasks }).find(fails);
        fewer.unwrap_or(Size { steps, tasks })
    }

    fn complain(&self, seed: u64) -> ! {
        let size = self.shortest(seed);
        let Size { steps, tasks } = size;
        let size = Some(size);
        let (report, _) = Self { size, ..*self }.simulate(seed);
        panic!(
            "replay with SIMULATION_SEED={seed} SIMULATION_STEPS={steps} SIMULATION_TASKS={tasks} \
             cargo test -p workflow-queue --test simulation short::short_runs\n\
             violations: {:#?}\nlast: {:#?}",
            report.violations, report.last,
        );
    }
}

#[test]
fn short_runs_of_every_verb_agree_with_the_model() {
    let template = template();
    let steps = number("SIMULATION_STEPS");
    let runs = Runs {
        size: steps
            .zip(number("SIMULATION_TASKS"))
            .map(|(steps, tasks)| Size { steps, tasks }),
        ..Runs::new(&template)
    };
    let seeds = match number::<u64>("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None if is_long() => 0..ALL_RUNS,
        None => 0..number("SIMULATION_SEEDS").unwrap_or(FEW_RUNS),
    };
    let next = AtomicU64::new(seeds.start);
    let failed = Mutex::new(None);
    let total = Mutex::new((Counts::default(), Seen::default()));
    let work = || {
        while failed.lock().unwrap().is_none()
            && let seed = next.fetch_add(1, Ordering::Relaxed)
            && seed < seeds.end
        {
            let (report, seen) = runs.simulate(seed);
            if !report.violations.is_empty() {
                failed.lock().unwrap().get_or_insert(seed);
            }
            let mut total = total.lock().unwrap();
            total.0 += report.counts;
            total.1.add(&seen);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    if let Some(seed) = *failed.lock().unwrap() {
        runs.complain(seed);
    }
    let (counts, seen) = total.into_inner().unwrap();
    let (few, missing) = (seeds.end - seeds.start < ALL_RUNS, seen.missing());
    assert!(
        few || missing.is_empty(),
        "{missing:?} never happened: {counts:?} {seen:?}"
    );
}

#[test]
fn a_short_run_replays_exactly() {
    let template = template();
    let runs = Runs::new(&template);
    for seed in 0..5 {
        assert_eq!(runs.simulate(seed), runs.simulate(seed));
    }
}

#[test]
fn every_planted_mistake_in_the_file_is_found_within_300_runs() {
    let template = template();
    for mistake in Mistake::ALL {
        let runs = Runs {
            mistake: Some(mistake),
            ..Runs::new(&template)
        };
        assert!(runs.finds(300).is_some(), "{mistake:?} was not found");
    }
}

#[test]
fn a_stale_settle_that_is_recorded_is_found() {
    let template = template();
    let runs = Runs {
        plant: Some(Plant::NoFence),
        ..Runs::new(&template)
    };
    assert!(runs.finds(2_000).is_some());
}
