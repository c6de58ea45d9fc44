//! The only module that reads a clock. Everything else receives the time as an argument.

use std::fmt;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::time::{ClockId, clock_gettime};

/// Point in wall time: milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Latest time a task may be scheduled for: the end of the year 9999.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// This time plus `duration`, at most [`MAX`](Self::MAX).
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis).min(Self::MAX.0))
    }

    /// Milliseconds from `earlier` to this time; negative if this time is before it.
    pub const fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Point in boot time: milliseconds since the machine started, asleep or awake. It never jumps, so
/// timeouts and leases are measured with it. It means nothing on another machine or after a reboot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BootTime(pub i64);

impl BootTime {
    /// This time plus `duration`, saturating.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(millis))
    }

    /// Time from `earlier` to this one; zero if this one is before it.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Wall time and boot time, read together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Wall time: for `run_at` and all times shown to people.
    pub wall: Timestamp,
    /// Boot time: for every interval.
    pub boot: BootTime,
}

impl Now {
    /// Boot time at which the wall clock will show `at`; now if it has shown that already.
    pub fn until(self, at: Timestamp) -> BootTime {
        let ahead = u64::try_from(at.since(self.wall)).unwrap_or(0);
        self.boot.after(Duration::from_millis(ahead))
    }

    /// Milliseconds by which wall time is ahead of boot time. If this falls, the clock was set
    /// back.
    pub const fn ahead_ms(self) -> i64 {
        self.wall.0.saturating_sub(self.boot.0)
    }
}

/// Source of time: the system, or a test.
pub trait Clock: Send + Sync + fmt::Debug {
    /// Reads both clocks.
    fn now(&self) -> Now;
}

/// The machine's clocks: `CLOCK_REALTIME` and `CLOCK_BOOTTIME`.
///
/// If wall time is set back by at most 5 s, as a clock adjustment does, it stands still in this
/// process until the clock has caught up. If it is set back further, this process follows it, so
/// that one wrong time far ahead stops nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Now {
        let boot = clock_gettime(ClockId::Boottime);
        Now {
            wall: Timestamp(smoothed(&LATEST, shown())),
            boot: BootTime(boot.tv_sec * 1000 + boot.tv_nsec / 1_000_000),
        }
    }
}

/// Milliseconds that the wall clock shows. Read through the C library, so that a program can run
/// under another clock, as the proofs do.
#[expect(
    clippy::disallowed_methods,
    reason = "this is where everybody else gets the time from"
)]
fn shown() -> i64 {
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => millis(since),
        Err(before) => -millis(before.duration()),
    }
}

/// Wall time that this process uses, in milliseconds.
static LATEST: AtomicI64 = AtomicI64::new(i64::MIN);
/// Largest adjustment of the wall clock, in milliseconds. A clock that is set back further was
/// wrong before.
pub const SMALL_STEP_MS: i64 = 5_000;

/// Time to use if the clock shows `read` and the time was `latest` before.
fn smoothed(latest: &AtomicI64, read: i64) -> i64 {
    let moves = |latest: i64| read > latest || latest - read > SMALL_STEP_MS;
    let order = Ordering::Relaxed;
    match latest.fetch_update(order, order, |latest| moves(latest).then_some(read)) {
        Ok(_) => read,
        Err(latest) => latest,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicI64;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{BootTime, Now, SMALL_STEP_MS, Timestamp, smoothed};

    #[test]
    fn small_steps_back_are_smoothed_and_large_ones_accepted() {
        let latest = AtomicI64::new(i64::MIN);
        let shown = [10_000, 12_000, 7_000, 11_999, 12_001, 7_000, 7_001];
        let given = shown.map(|read| smoothed(&latest, read));
        assert_eq!(
            given,
            [10_000, 12_000, 12_000, 12_000, 12_001, 7_000, 7_001]
        );
    }

    #[test]
    fn one_wrong_second_in_2099_is_forgotten() {
        let latest = AtomicI64::new(i64::MIN);
        let in_2099 = 4_070_908_800_000;
        let shown = [1_767_225_600_000, in_2099, 1_767_225_601_000];
        assert_eq!(shown.map(|read| smoothed(&latest, read)), shown);
    }

    proptest! {
        #[test]
        fn smoothed_time_never_steps_back_by_little(
            steps in proptest::collection::vec(-2 * SMALL_STEP_MS..2 * SMALL_STEP_MS, 1..40),
        ) {
            let latest = AtomicI64::new(i64::MIN);
            let mut shown = 0;
            let mut given = smoothed(&latest, shown);
            for step in steps {
                shown += step;
                let next = smoothed(&latest, shown);
                prop_assert!((0..=SMALL_STEP_MS).contains(&(next - shown)), "near the clock");
                prop_assert!(next >= given || given - next > SMALL_STEP_MS, "or it was wrong before");
                given = next;
            }
        }

        #[test]
        fn arithmetic_of_times_saturates(at: i64, other: i64, millis in 0..=i64::MAX.unsigned_abs()) {
            let exact = i128::from(at) + i128::from(millis);
            let later = Timestamp(at).after(Duration::from_millis(millis));
            prop_assert_eq!(i128::from(later.0), exact.min(i128::from(Timestamp::MAX.0)));
            let later = BootTime(at).after(Duration::from_millis(millis));
            prop_assert_eq!(i128::from(later.0), exact.min(i128::from(i64::MAX)));
            let away = i128::from(at) - i128::from(other);
            let bounded = away.clamp(i64::MIN.into(), i64::MAX.into());
            prop_assert_eq!(i128::from(Timestamp(at).since(Timestamp(other))), bounded);
            let now = Now { wall: Timestamp(at), boot: BootTime(other) };
            prop_assert_eq!(i128::from(now.ahead_ms()), bounded);
            let since = BootTime(at).since(BootTime(other)).as_millis();
            prop_assert_eq!(since, bounded.max(0).cast_unsigned());
        }
    }
}
