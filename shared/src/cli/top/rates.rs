//! Rates, from the totals of the last seconds.

use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use crate::clock::BootTime;
use crate::journal::Sums;

/// Time in milliseconds over which rates are formed.
const WINDOW_MS: i64 = 5_000;

/// Numbers that only rise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Tasks that were enqueued.
    pub(super) enqueued: i64,
    /// Tasks or attempts that ended; `None` if that cannot be told cheaply.
    pub(super) ended: Option<i64>,
    /// Both by queue; `None` if that cannot be told cheaply.
    pub(super) queues: Option<Rc<BTreeMap<String, QueueTotals>>>,
}

/// Numbers of one queue that only rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct QueueTotals {
    pub(super) enqueued: i64,
    pub(super) ended: i64,
}

impl QueueTotals {
    /// Adds the sums of a span.
    pub(super) fn add(&mut self, sums: &Sums) {
        let number = |number| i64::try_from(number).unwrap_or(i64::MAX);
        self.enqueued = self.enqueued.saturating_add(number(sums.enqueued));
        self.ended = self.ended.saturating_add(number(sums.all_ended()));
    }
}

impl Totals {
    fn of(&self, queue: &str) -> Option<QueueTotals> {
        let queues = self.queues.as_ref()?;
        Some(queues.get(queue).copied().unwrap_or_default())
    }
}

/// Totals of the last seconds.
#[derive(Debug, Default)]
pub(super) struct Rates(VecDeque<(BootTime, Totals)>);

impl Rates {
    /// Rates over so many milliseconds, in which the queues rose by that much.
    pub(super) fn over(millis: i64, queues: BTreeMap<String, QueueTotals>) -> Self {
        let mut all = QueueTotals::default();
        for one in queues.values() {
            all.enqueued = all.enqueued.saturating_add(one.enqueued);
            all.ended = all.ended.saturating_add(one.ended);
        }
        let before = Totals {
            enqueued: 0,
            ended: Some(0),
            queues: Some(Rc::default()),
        };
        let after = Totals {
            enqueued: all.enqueued,
            ended: Some(all.ended),
            queues: Some(Rc::new(queues)),
        };
        Self([(BootTime(0), before), (BootTime(millis), after)].into())
    }

    /// Takes the totals of a moment.
    pub(super) fn take(&mut self, at: BootTime, totals: Totals) {
        self.0.push_back((at, totals));
        while self.0.len() > 2 && self.0[1].0.0 <= at.0.saturating_sub(WINDOW_MS) {
            self.0.pop_front();
        }
    }

    /// Tasks enqueued each second, of all queues or of one.
    pub(super) fn enqueued(&self, queue: Option<&str>) -> Option<String> {
        self.rate(|totals| match queue {
            None => Some(totals.enqueued),
            Some(name) => totals.of(name).map(|queue| queue.enqueued),
        })
    }

    /// Ends each second, of all queues or of one.
    pub(super) fn ended(&self, queue: Option<&str>) -> Option<String> {
        self.rate(|totals| match queue {
            None => totals.ended,
            Some(name) => totals.of(name).map(|queue| queue.ended),
        })
    }

    fn rate(&self, of: impl Fn(&Totals) -> Option<i64>) -> Option<String> {
        let ((from, first), (to, last)) = (self.0.front()?, self.0.back()?);
        let millis = to.0.saturating_sub(from.0);
        let risen = of(last)?.saturating_sub(of(first)?).max(0);
        if millis <= 0 {
            return None;
        }
        let tenths = i128::from(risen) * 10_000 / i128::from(millis);
        Some(format!("{}.{}/s", tenths / 10, tenths % 10))
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::{QueueTotals, Rates, Totals};
    use crate::clock::BootTime;

    fn totals(enqueued: i64, ended: i64) -> Totals {
        Totals {
            enqueued,
            ended: Some(ended),
            queues: None,
        }
    }

    #[test]
    fn a_queue_has_rates_of_its_own_from_the_moment_at_which_it_is_known() {
        let queue = |enqueued, ended| QueueTotals { enqueued, ended };
        let totals = |queues: &[(&str, QueueTotals)]| Totals {
            queues: Some(Rc::new(
                queues
                    .iter()
                    .map(|(name, one)| ((*name).to_owned(), *one))
                    .collect(),
            )),
            ..Totals::default()
        };
        let mut rates = Rates::default();
        rates.take(BootTime(0), totals(&[("a", queue(100, 90))]));
        rates.take(
            BootTime(2_000),
            totals(&[("a", queue(103, 90)), ("b", queue(8, 4))]),
        );
        let of = |name| {
            (
                rates.enqueued(Some(name)).unwrap(),
                rates.ended(Some(name)).unwrap(),
            )
        };
        assert_eq!(of("a"), ("1.5/s".to_owned(), "0.0/s".to_owned()));
        assert_eq!(of("b"), ("4.0/s".to_owned(), "2.0/s".to_owned()));
        rates.take(BootTime(3_000), Totals::default());
        assert_eq!(rates.ended(Some("a")), None, "much is left to fold");
    }

    #[test]
    fn sums_of_minutes_are_rates_over_that_time() {
        let queue = |enqueued, ended| QueueTotals { enqueued, ended };
        let queues = [("a", queue(30, 20)), ("b", queue(30, 0))];
        let queues = queues.map(|(name, one)| (name.to_owned(), one));
        let rates = Rates::over(300_000, queues.into());
        assert_eq!(rates.enqueued(None).unwrap(), "0.2/s");
        assert_eq!(rates.enqueued(Some("a")).unwrap(), "0.1/s");
        assert_eq!(rates.ended(Some("b")).unwrap(), "0.0/s");
    }

    #[test]
    fn a_rate_is_the_rise_over_the_last_five_seconds() {
        let mut rates = Rates::default();
        assert_eq!(rates.enqueued(None), None);
        rates.take(BootTime(0), totals(1_000, 500));
        assert_eq!(rates.enqueued(None), None, "one moment has no rate");
        rates.take(BootTime(2_000), totals(1_025, 500));
        assert_eq!(rates.enqueued(None).unwrap(), "12.5/s");
        assert_eq!(rates.ended(None).unwrap(), "0.0/s");
        for second in 3..20 {
            rates.take(BootTime(second * 1_000), totals(1_025, 500));
        }
        assert_eq!(rates.enqueued(None).unwrap(), "0.0/s");
    }

    #[test]
    fn a_total_that_is_unknown_has_no_rate_and_none_falls_below_zero() {
        let mut rates = Rates::default();
        rates.take(BootTime(0), totals(5, 5));
        rates.take(BootTime(1_000), totals(4, 3));
        assert_eq!(
            rates.ended(None).unwrap(),
            "0.0/s",
            "a retry takes an end back"
        );
        rates.take(BootTime(2_000), Totals::default());
        assert_eq!(rates.ended(None), None);
    }
}
