//! Histograms of times.

use std::time::Duration;

/// Number of times by length, and their sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; Self::BUCKETS],
    sum_us: u64,
}

impl Histogram {
    /// Upper bounds of the buckets in milliseconds, from 5 ms to 2 h; one more bucket has all above.
    pub const BOUNDS_MS: [u64; 18] = [
        5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000,
        900_000, 1_800_000, 3_600_000, 7_200_000,
    ];

    /// Number of buckets.
    pub const BUCKETS: usize = Self::BOUNDS_MS.len() + 1;

    /// A histogram with these counts and that sum in microseconds.
    pub const fn of(counts: [u64; Self::BUCKETS], sum_us: u64) -> Self {
        Self { counts, sum_us }
    }

    /// Counts one time, in microseconds.
    pub fn record(&mut self, time_us: u64) {
        let is_within = |bound: &u64| time_us <= bound * 1_000;
        let bucket = Self::BOUNDS_MS.iter().position(is_within);
        let count = &mut self.counts[bucket.unwrap_or(Self::BUCKETS - 1)];
        *count = count.saturating_add(1);
        self.sum_us = self.sum_us.saturating_add(time_us);
    }

    /// Adds the times of another histogram.
    pub fn add(&mut self, other: &Self) {
        for (own, added) in self.counts.iter_mut().zip(other.counts) {
            *own = own.saturating_add(added);
        }
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
    }

    /// Number of times in each bucket, the longest in the last.
    pub const fn counts(&self) -> &[u64; Self::BUCKETS] {
        &self.counts
    }

    /// Sum of the times in microseconds.
    pub const fn sum_us(&self) -> u64 {
        self.sum_us
    }

    /// Number of times.
    pub fn count(&self) -> u64 {
        let counts = self.counts.iter();
        counts.fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Mean of the times; `None` without any.
    pub fn mean(&self) -> Option<Duration> {
        Some(Duration::from_micros(
            self.sum_us.checked_div(self.count())?,
        ))
    }

    /// The lowest bound at or below which so many percent of the times are; `None` without times, or if
    /// it is above the highest bound.
    pub fn percentile(&self, percent: u8) -> Option<Duration> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = (u128::from(count) * u128::from(percent)).div_ceil(100);
        let mut below = 0;
        for (bound, count) in Self::BOUNDS_MS.iter().zip(self.counts) {
            below += u128::from(count);
            if below >= wanted {
                return Some(Duration::from_millis(*bound));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Histogram;

    fn of(times_ms: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        for time in times_ms {
            histogram.record(time * 1_000);
        }
        histogram
    }

    #[test]
    fn a_time_is_counted_in_the_first_bucket_that_holds_it() {
        let mut histogram = of(&[0, 5, 6, 7_200_000, 7_200_001]);
        assert_eq!(histogram.counts()[..2], [2, 1]);
        assert_eq!(histogram.counts()[17..], [1, 1]);
        assert_eq!(histogram.count(), 5);
        histogram.record(u64::MAX);
        assert_eq!((histogram.counts()[18], histogram.sum_us()), (2, u64::MAX));
    }

    #[test]
    fn a_percentile_is_a_bound_that_so_many_are_below() {
        let histogram = of(&[[3; 99].as_slice(), &[400]].concat());
        assert_eq!(histogram.percentile(99), Some(Duration::from_millis(5)));
        assert_eq!(histogram.percentile(100), Some(Duration::from_millis(500)));
        assert_eq!(of(&[8_000_000]).percentile(99), None);
        assert_eq!(of(&[]).percentile(99), None);
        assert_eq!(of(&[2, 4]).mean(), Some(Duration::from_millis(3)));
        assert_eq!(of(&[]).mean(), None);
    }
}
