//! Rates of the queues in the last minutes, from the sums of the log.

use std::collections::HashMap;

use crate::clock::Timestamp;
use crate::journal::{Rollup, Span, Sums};

/// Whole minutes that are looked at, before the one that has begun.
const MINUTES: i64 = 5;

/// Rates of a queue, per minute.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rates {
    /// Enqueued tasks.
    pub(super) enqueued: f64,
    /// Ended attempts.
    pub(super) ended: f64,
}

/// First minute that is looked at.
pub(super) fn begin(now: Timestamp) -> Timestamp {
    Timestamp(Span::Minute.start(now).0 - MINUTES * 60_000)
}

/// The rates of each queue between [`begin`] and now.
pub(super) fn rates(rollups: &[Rollup], now: Timestamp) -> HashMap<&str, Rates> {
    let mut sums: HashMap<&str, Sums> = HashMap::new();
    for one in rollups {
        sums.entry(&one.queue).or_default().add(&one.sums);
    }
    #[expect(
        clippy::cast_precision_loss,
        reason = "a rate is shown with two digits"
    )]
    let per_minute = |count: u64| {
        let millis = now.since(begin(now)).max(60_000);
        count as f64 * 60_000.0 / millis as f64
    };
    let rates = |sums: &Sums| Rates {
        enqueued: per_minute(sums.enqueued),
        ended: per_minute(sums.all_ended()),
    };
    sums.iter()
        .map(|(name, sums)| (*name, rates(sums)))
        .collect()
}

/// A rate as a person reads it: `0`, `0.2`, `12`.
pub(super) fn shown(rate: f64) -> String {
    if rate == 0.0 {
        "0".to_owned()
    } else if rate < 0.05 {
        "< 0.1".to_owned()
    } else if rate < 9.95 {
        format!("{rate:.1}")
    } else {
        format!("{rate:.0}")
    }
}

#[cfg(test)]
mod tests {
    use super::{Rollup, Sums, begin, rates, shown};
    use crate::clock::Timestamp;

    #[test]
    fn a_rate_counts_the_minute_that_has_begun_by_its_part() {
        let now = Timestamp(1_800_000_030_000);
        assert_eq!(begin(now), Timestamp(1_799_999_700_000));
        let rollup = |queue: &str, enqueued| {
            let mut sums = Sums::default();
            (sums.enqueued, sums.attempts) = (enqueued, [2, 0, 0, 1, 0]);
            Rollup::new(begin(now), queue, sums)
        };
        let rollups = [rollup("mail", 60), rollup("mail", 50), rollup("x", 0)];
        let rates = rates(&rollups, now);
        // In five minutes and a half.
        assert_eq!(shown(rates["mail"].enqueued), "20");
        assert_eq!(shown(rates["mail"].ended), "1.1");
        assert_eq!(shown(rates["x"].enqueued), "0");
        assert_eq!(shown(0.01), "< 0.1");
    }
}
