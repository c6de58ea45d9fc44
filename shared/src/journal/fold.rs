//! The fold: sums of new tasks and events, for every queue over minutes, hours and all time.

use std::collections::BTreeMap;

use super::{AttemptEnd, Sums};
use crate::clock::Timestamp;

const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// Length of the spans of a sum. The discriminant is the code in `queue_rollups.span`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Span {
    /// All time, since the file was made or last restored.
    All = 0,
    /// An hour, kept for 90 days.
    Hour = 1,
    /// A minute, kept for 2 days.
    Minute = 2,
}

impl Span {
    /// Code in the database.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// Length and retention in milliseconds; `None` for all time.
    const fn lengths(self) -> Option<(i64, i64)> {
        match self {
            Self::All => None,
            Self::Hour => Some((60 * MINUTE_MS, 90 * DAY_MS)),
            Self::Minute => Some((MINUTE_MS, 2 * DAY_MS)),
        }
    }

    /// Length in milliseconds; `None` for all time.
    pub fn length_ms(self) -> Option<i64> {
        self.lengths().map(|(length, _)| length)
    }

    /// Begin of the span that holds this time; 0 for all time.
    pub fn start(self, at: Timestamp) -> Timestamp {
        let length = self.lengths().map(|(length, _)| length);
        Timestamp(length.map_or(0, |length| at.0.div_euclid(length) * length))
    }

    /// Begin of the first span that is kept; `None` if all are.
    pub fn kept_from(self, now: Timestamp) -> Option<Timestamp> {
        let (_, kept) = self.lengths()?;
        Some(self.start(Timestamp(now.0.saturating_sub(kept))))
    }
}

/// Sums of a queue in one span.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rollup {
    /// Begin of the span; 0 for all time.
    pub start: Timestamp,
    /// Name of the queue.
    pub queue: String,
    /// The sums.
    pub sums: Sums,
}

impl Rollup {
    /// Sums of that queue in the span that begins then.
    pub fn new(start: Timestamp, queue: impl Into<String>, sums: Sums) -> Self {
        let queue = queue.into();
        Self { start, queue, sums }
    }
}

/// An attempt that ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedAttempt {
    /// Time of its end.
    pub at: Timestamp,
    /// Id of its queue.
    pub queue: i64,
    /// Way in which it ended.
    pub end: AttemptEnd,
    /// Time at which it could start.
    pub ready_at: Option<Timestamp>,
    /// Time of its start.
    pub since: Timestamp,
    /// Processor time in microseconds, if it was measured.
    pub cpu_us: Option<u64>,
}

/// Sums by span, begin of the span, and id of the queue.
pub type Portions = BTreeMap<(Span, Timestamp, i64), Sums>;

/// Sums of some tasks and events.
#[derive(Clone, Debug)]
pub struct Fold {
    now: Timestamp,
    portions: Portions,
}

impl Fold {
    /// No sums yet. Times after `now` count as `now`: a clock was ahead. Spans that are not kept any more
    /// are left out.
    pub fn new(now: Timestamp) -> Self {
        Self {
            now,
            portions: Portions::new(),
        }
    }

    /// Adds a task that was enqueued. With `in_all`, it also counts for all time.
    pub fn enqueued(&mut self, queue: i64, at: Timestamp, in_all: bool) {
        self.each(queue, at, in_all, |sums| {
            sums.enqueued = sums.enqueued.saturating_add(1);
        });
    }

    /// Adds an attempt that ended. With `in_all`, it also counts for all time.
    pub fn ended(&mut self, attempt: &EndedAttempt, in_all: bool) {
        let micros = |from: Timestamp, to: Timestamp| {
            u64::try_from(to.since(from))
                .unwrap_or(0)
                .saturating_mul(1_000)
        };
        let wait = attempt.ready_at.map(|ready| micros(ready, attempt.since));
        let run = micros(attempt.since, attempt.at);
        self.each(attempt.queue, attempt.at, in_all, |sums| {
            let count = &mut sums.attempts[attempt.end as usize];
            *count = count.saturating_add(1);
            if let Some(wait) = wait {
                sums.wait.record(wait);
            }
            sums.run.record(run);
            if let Some(cpu) = attempt.cpu_us {
                sums.cpu.record(cpu);
            }
        });
    }

    fn each(&mut self, queue: i64, at: Timestamp, in_all: bool, change: impl Fn(&mut Sums)) {
        let at = at.min(self.now);
        for span in [Span::All, Span::Hour, Span::Minute] {
            let start = span.start(at);
            let is_kept = match span.kept_from(self.now) {
                None => in_all,
                Some(first) => start >= first,
            };
            if is_kept {
                change(self.portions.entry((span, start, queue)).or_default());
            }
        }
    }

    /// The sums.
    pub fn portions(self) -> Portions {
        self.portions
    }
}

#[cfg(test)]
mod tests {
    use super::{AttemptEnd, EndedAttempt, Fold, Span};
    use crate::clock::Timestamp;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn ended(at: i64, cpu_us: Option<u64>) -> EndedAttempt {
        EndedAttempt {
            at: Timestamp(at),
            queue: 7,
            end: AttemptEnd::Failed,
            ready_at: Some(Timestamp(at - 3_000)),
            since: Timestamp(at - 2_000),
            cpu_us,
        }
    }

    #[test]
    fn an_attempt_counts_in_its_minute_its_hour_and_for_all_time() {
        let mut fold = Fold::new(NOW);
        fold.enqueued(7, NOW, true);
        fold.ended(&ended(NOW.0, Some(40_000)), true);
        fold.ended(&ended(NOW.0 - 60_000, None), true);
        let portions = fold.portions();
        let of = |span: Span, at: i64| &portions[&(span, span.start(Timestamp(at)), 7)];
        let all = of(Span::All, NOW.0);
        assert_eq!((all.enqueued, all.ended(AttemptEnd::Failed)), (1, 2));
        assert_eq!(
            (all.wait.sum_us(), all.run.sum_us()),
            (2_000_000, 4_000_000)
        );
        assert_eq!((all.cpu.count(), all.cpu.sum_us()), (1, 40_000));
        assert_eq!(of(Span::Minute, NOW.0).all_ended(), 1);
        assert_eq!(of(Span::Minute, NOW.0 - 60_000).all_ended(), 1);
        assert_eq!(portions.len(), 5);
    }

    #[test]
    fn old_spans_and_those_of_a_clock_ahead_are_not_made() {
        let day = 86_400_000;
        let mut fold = Fold::new(NOW);
        fold.enqueued(1, Timestamp(NOW.0 + 900 * day), true);
        fold.enqueued(1, Timestamp(NOW.0 - 3 * day), true);
        fold.enqueued(1, Timestamp(NOW.0 - 91 * day), false);
        let keys: Vec<_> = fold.portions().into_iter().collect();
        let spans: Vec<_> = keys.iter().map(|((span, ..), _)| *span).collect();
        assert_eq!(spans, [Span::All, Span::Hour, Span::Hour, Span::Minute]);
        assert_eq!(keys[0].1.enqueued, 2);
        assert_eq!(keys[3].0.1, Span::Minute.start(NOW));
    }

    #[test]
    fn a_clock_that_was_set_back_gives_no_negative_time() {
        let mut fold = Fold::new(NOW);
        let attempt = EndedAttempt {
            ready_at: Some(Timestamp(NOW.0 + 5)),
            since: Timestamp(NOW.0 + 1),
            ..ended(NOW.0, None)
        };
        fold.ended(&attempt, true);
        let sums = fold
            .portions()
            .remove(&(Span::All, Timestamp(0), 7))
            .unwrap();
        assert_eq!((sums.wait.sum_us(), sums.run.sum_us()), (0, 0));
    }
}
