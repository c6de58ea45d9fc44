//! Power cuts, in short form.

use queue_proof::campaign::Tally as _;
use queue_proof::cuts::{Config, Plant, Tally, explore};

/// Short scripts, each explored up to a number of images.
const SHORT: Config = Config {
    calls: 10,
    guesses: 3,
    second_cut: 100,
    plant: None,
};

fn at_most(images: u64) -> impl Fn(&Tally) -> bool {
    move |tally| tally.count() >= images
}

#[test]
fn a_power_cut_loses_no_promised_write() {
    let mut total = Tally::default();
    // Three kinds of scripts, at both durabilities.
    for seed in 0..6 {
        let (tally, violations) = explore(seed, &SHORT, &at_most(900)).unwrap();
        assert_eq!(violations, []);
        total += tally;
    }
    assert!(total.images > 1_000, "{total:?}");
    assert!(total.second > 100, "{total:?}");
    assert!(total.others > 100, "cuts that left other rows: {total:?}");
}

#[test]
fn exploring_a_seed_twice_gives_the_same_counts() {
    let explored = || explore(4, &SHORT, &at_most(300)).unwrap();
    assert_eq!(explored(), explored());
}

#[test]
fn every_planted_mistake_is_found() {
    for plant in Plant::ALL {
        let config = Config {
            plant: Some(plant),
            ..SHORT
        };
        let found = (0..6).any(|seed| {
            let (_, violations) = explore(seed, &config, &at_most(2_000)).unwrap();
            !violations.is_empty()
        });
        assert!(found, "{plant:?} was not found");
    }
}
