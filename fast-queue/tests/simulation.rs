//! The shipped worker, recovery and engine, driven through kills, faults and jumping clocks on one
//! thread. `SIMULATION_SEED=… cargo test -p fast-queue --test simulation` replays a failed seed;
//! `SIMULATION_SEEDS=…` runs so many.

use std::path::Path;
use std::sync::Arc;

use fast_queue::{Durability, FastQueue, OpenOptions, Result};
use queue_core::clock::Clock;
use queue_core::random::Random;
use queue_testing::simulation::{Config, Counts, Plant, Report, Setup, SeveralQueues, run};

fn open(path: &Path, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Result<FastQueue> {
    let options = OpenOptions::new(Durability::Fast)?
        .clock(clock)
        .random(random);
    FastQueue::open_with(path, options)
}

fn simulate(seed: u64, config: &Config) -> Report {
    run(seed, config, open)
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn no_task_is_lost_run_twice_or_stuck_whatever_dies() {
    let seeds = match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_SEEDS").unwrap_or(12),
    };
    let mut total = Counts::default();
    for seed in seeds {
        let report = simulate(seed, &Config::default());
        assert!(
            report.violations.is_empty(),
            "replay with SIMULATION_SEED={seed} cargo test -p fast-queue --test simulation\n\
             violations: {:#?}\nlast: {:#?}",
            report.violations,
            report.last,
        );
        total += report.counts;
    }
    let seen = [total.kills, total.orphans, total.recoveries, total.faults];
    let single = number("SIMULATION_SEED").is_some();
    assert!(single || seen.iter().all(|count| *count > 0), "{total:?}");
}

/// A run in which workers serve several queues.
fn several_queues(seed: u64, config: &Config) -> Report {
    let setup = Setup::new(seed, config).with(Arc::new(SeveralQueues::default()));
    setup.run(&open)
}

#[test]
fn queues_take_turns_and_have_the_slots_they_keep_whatever_dies() {
    let seeds = match number("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_SEEDS").unwrap_or(12),
    };
    for seed in seeds {
        let report = several_queues(seed, &Config::default());
        assert!(
            report.violations.is_empty(),
            "replay with SIMULATION_SEED={seed} cargo test -p fast-queue --test simulation queues\n\
             violations: {:#?}\nlast: {:#?}",
            report.violations,
            report.last,
        );
    }
}

#[test]
fn every_planted_fault_of_several_queues_is_found() {
    for plant in Plant::OF_TURNS {
        let config = Config {
            plant: Some(plant),
            ..Config::default()
        };
        let found = (0..60).any(|seed| !several_queues(seed, &config).violations.is_empty());
        assert!(found, "{plant:?} was not found");
    }
}

#[test]
fn a_seed_replays_exactly() {
    let config = Config::default();
    let (one, two, other) = (
        simulate(7, &config),
        simulate(7, &config),
        simulate(8, &config),
    );
    assert_eq!(one, two);
    assert_ne!(one.trace, other.trace);
}

#[test]
fn every_planted_fault_is_found() {
    for plant in Plant::ALL {
        let config = Config {
            plant: Some(plant),
            kills: 3,
            faults: 250,
            ..Config::default()
        };
        let found = (0..150).any(|seed| !simulate(seed, &config).violations.is_empty());
        assert!(found, "{plant:?} was not found");
    }
}
