//! A few long runs with many tasks.

use queue_testing::simulation::{Config, Counts, Plant, Report, Stalls, run};

use crate::{LEASE, number, open, seeds};

fn simulate(seed: u64, config: &Config) -> Report {
    run(seed, config, open)
}

#[test]
fn no_task_is_lost_run_twice_or_stuck_under_any_kills() {
    let seeds = match number::<u64>("SIMULATION_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIMULATION_SEEDS").unwrap_or(24),
    };
    let mut total = Counts::default();
    for seed in seeds {
        let report = simulate(seed, &Config::default());
        assert!(
            report.violations.is_empty(),
            "replay with SIMULATION_SEED={seed} cargo test -p workflow-queue --test simulation\n\
             violations: {:#?}\nlast: {:#?}",
            report.violations,
            report.last,
        );
        total += report.counts;
    }
    let seen = [
        total.kills,
        total.orphans,
        total.recoveries,
        total.faults,
        total.expired,
    ];
    let single = number::<u64>("SIMULATION_SEED").is_some();
    assert!(single || seen.iter().all(|count| *count > 0), "{total:?}");
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

fn planted(plant: Plant) -> Config {
    Config {
        plant: Some(plant),
        kills: 3,
        faults: 250,
        ..Config::default()
    }
}

#[test]
fn every_planted_mistake_is_found() {
    // Leases make up for a lock that is never released and for a claim that its worker does not
    // know.
    let harmful = |plant: &Plant| !matches!(plant, Plant::NobodyDies | Plant::HidesClaims);
    for plant in Plant::ALL.into_iter().filter(harmful) {
        let found = (0..150).any(|seed| !simulate(seed, &planted(plant)).violations.is_empty());
        assert!(found, "{plant:?} was not found");
    }
}

#[test]
fn leases_return_claims_that_no_recovery_finds() {
    for plant in [Plant::NobodyDies, Plant::HidesClaims] {
        for seed in 0..seeds() {
            let report = simulate(seed, &planted(plant));
            assert_eq!(
                report.violations,
                Vec::<String>::new(),
                "{plant:?}, seed {seed}"
            );
        }
    }
}

/// A run in which, again and again, nobody can write for up to five leases while commands run.
/// There are no other faults.
fn outages(seed: u64, plant: Option<Plant>) -> Counts {
    let lease = u64::try_from(LEASE.as_millis()).unwrap_or(u64::MAX);
    let config = Config {
        faults: 0,
        kills: 0,
        stalls: Stalls::WorkersAlone,
        outages: 4,
        outage_ms: 5 * lease,
        longest_ms: 3 * lease,
        plant,
        ..Config::default()
    };
    let report = simulate(seed, &config);
    assert_eq!(report.violations, Vec::<String>::new(), "seed {seed}");
    report.counts
}

/// A file that refused all writes cost every worker its claims once a lease had passed: its tasks
/// were ended, and ran again. Now a lease runs out only while other workers can write, and a worker
/// gives up nothing before that.
#[test]
fn no_lease_runs_out_while_nobody_can_write() {
    let mut total = Counts::default();
    for seed in 0..seeds() {
        total += outages(seed, None);
    }
    assert!(total.outages > 3 * seeds(), "{total:?}");
    assert_eq!((total.taken, total.lost), (0, 0), "{total:?}");
    for plant in Plant::UNDER_LEASES {
        let costs_a_claim = |counts: Counts| counts.taken + counts.lost > 0;
        let found = (0..150).any(|seed| costs_a_claim(outages(seed, Some(plant))));
        assert!(found, "{plant:?} was not found");
    }
}

#[test]
fn a_worker_that_is_held_up_loses_no_claim_while_its_lease_keeper_extends_them() {
    let taken = |stalls| {
        let config = Config {
            faults: 0,
            kills: 0,
            stalls,
            ..Config::default()
        };
        let reports = (0..seeds()).map(|seed| simulate(seed, &config));
        reports.fold(0, |taken, report| {
            assert_eq!(report.violations, Vec::<String>::new());
            taken + report.counts.taken
        })
    };
    assert_eq!(taken(Stalls::WorkersAlone), 0);
    assert!(
        taken(Stalls::Any) > 0,
        "nothing was held up beyond its lease"
    );
}
