//! Whole systems, in short form.

use queue_proof::sim::{Mistake, OF_SCHEDULES, Options, Size, Tally, one, shrink, simulate};
use queue_testing::simulation::Plant;

#[test]
fn no_fault_loses_a_task_runs_it_twice_or_blocks_it() {
    let mut total = Tally::default();
    for seed in 0..30 {
        let (tally, violations) = one(seed, &Options::default());
        assert_eq!(violations, [], "prove sim --seed {seed}");
        total += tally;
    }
    let (counts, firings, injected) = (total.counts, total.firings, total.injected);
    let seen = [
        firings.fired,
        firings.lost,
        firings.skipped,
        counts.kills,
        counts.orphans,
        counts.recoveries,
        injected.power,
        injected.killed,
        injected.errors,
        injected.full,
        injected.checkpoints,
    ];
    assert!(seen.iter().all(|count| *count > 0), "{total:?}");
}

#[test]
fn a_seed_replays_exactly() {
    // One of each kind.
    for seed in 0..6 {
        let run = || simulate(seed, &Options::default());
        assert_eq!(run(), run(), "seed {seed}");
    }
}

#[test]
fn every_planted_mistake_is_found() {
    let planted = |plant| Options {
        plant: Some(plant),
        ..Options::default()
    };
    let lying = Options {
        lies: true,
        ..Options::default()
    };
    let mistakes = [
        Plant::NoFence,
        Plant::ForgetsTasks,
        Plant::ClaimsTwice,
        Plant::NoSweep,
    ];
    let missed = |options: &Options| (0..500).all(|seed| one(seed, options).1.is_empty());
    let all = mistakes.map(planted).into_iter().chain([lying]);
    assert_eq!(all.filter(missed).collect::<Vec<_>>(), []);
}

/// Each by the promise about slots, and not by another check that stumbles over it.
#[test]
fn every_planted_mistake_in_schedules_is_found() {
    for mistake in Mistake::ALL {
        let options = Options {
            mistake: Some(mistake),
            ..Options::default()
        };
        let finds = |seed| {
            let (_, violations) = one(seed, &options);
            let first = violations.first();
            first.is_some_and(|first| first.what.starts_with(OF_SCHEDULES))
        };
        assert!((0..200).any(finds), "{mistake:?} was not found");
    }
}

#[test]
fn a_failing_seed_is_shrunk() {
    let options = Options {
        plant: Some(Plant::ForgetsTasks),
        ..Options::default()
    };
    let mut least = (0..10).filter_map(|seed| shrink(seed, &options));
    let Size { steps, tasks } = least.next().unwrap_or(Size {
        steps: u32::MAX,
        tasks: 0,
    });
    assert!(steps < 700 && tasks <= 30, "{steps} steps, {tasks} tasks");
}
