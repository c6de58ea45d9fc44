//! Rates, from the totals of the last seconds.

use std::collections::VecDeque;

use crate::clock::BootTime;

/// Time in milliseconds over which rates are formed.
const WINDOW_MS: i64 = 5_000;

/// Numbers that only rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Tasks that were enqueued.
    pub(super) enqueued: i64,
    /// Tasks or attempts that ended; `None` if that cannot be told cheaply.
    pub(super) ended: Option<i64>,
}

/// Totals of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Rates(VecDeque<(BootTime, Totals)>);

impl Rates {
    /// Takes the totals of a moment.
    pub(super) fn take(&mut self, at: BootTime, totals: Totals) {
        self.0.push_back((at, totals));
        while self.0.len() > 2 && self.0[1].0.0 <= at.0.saturating_sub(WINDOW_MS) {
            self.0.pop_front();
        }
    }

    /// Tasks enqueued each second.
    pub(super) fn enqueued(&self) -> Option<String> {
        self.rate(|totals| Some(totals.enqueued))
    }

    /// Ends each second.
    pub(super) fn ended(&self) -> Option<String> {
        self.rate(|totals| totals.ended)
    }

    fn rate(&self, of: impl Fn(&Totals) -> Option<i64>) -> Option<String> {
        let ((from, first), (to, last)) = (self.0.front()?, self.0.back()?);
        let millis = to.0.saturating_sub(from.0);
        let risen = of(last)?.saturating_sub(of(first)?).max(0);
        if millis <= 0 {
            return None;
        }
        let tenths = i128::from(risen) * 10_000 / i128::from(millis);
        Some(format!("{}.{}", tenths / 10, tenths % 10))
    }
}

#[cfg(test)]
mod tests {
    use super::{Rates, Totals};
    use crate::clock::BootTime;

    fn totals(enqueued: i64, ended: i64) -> Totals {
        Totals {
            enqueued,
            ended: Some(ended),
        }
    }

    #[test]
    fn a_rate_is_the_rise_over_the_last_five_seconds() {
        let mut rates = Rates::default();
        assert_eq!(rates.enqueued(), None);
        rates.take(BootTime(0), totals(1_000, 500));
        assert_eq!(rates.enqueued(), None, "one moment has no rate");
        rates.take(BootTime(2_000), totals(1_025, 500));
        assert_eq!(rates.enqueued().unwrap(), "12.5");
        assert_eq!(rates.ended().unwrap(), "0.0");
        for second in 3..20 {
            rates.take(BootTime(second * 1_000), totals(1_025, 500));
        }
        assert_eq!(rates.enqueued().unwrap(), "0.0");
    }

    #[test]
    fn a_total_that_is_unknown_has_no_rate_and_none_falls_below_zero() {
        let mut rates = Rates::default();
        rates.take(BootTime(0), totals(5, 5));
        rates.take(BootTime(1_000), totals(4, 3));
        assert_eq!(rates.ended().unwrap(), "0.0", "a retry takes an end back");
        rates.take(BootTime(2_000), Totals::default());
        assert_eq!(rates.ended(), None);
    }
}
