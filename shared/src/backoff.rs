//! Backoff: the delay between a failed attempt and the next. Pure and saturating.

use std::time::Duration;

use crate::options::{MAX_DURATION_MS, TaskOptions};

/// Delay after the failed `attempt`, counted from 1 and anew after a `retry`: `backoff_ms × 2^(attempt-1)`,
/// at most `max_backoff_ms`, with equal jitter: half of it is fixed, half comes from `random` (64 uniform
/// bits). Equal jitter as described by Marc Brooker, "Exponential Backoff And Jitter", 2015.
pub fn delay(options: &TaskOptions, attempt: u32, random: u64) -> Duration {
    let doublings = attempt.saturating_sub(1).min(63);
    let full = options
        .backoff_ms
        .saturating_mul(1 << doublings)
        .min(options.max_backoff_ms)
        .min(MAX_DURATION_MS);
    let half = full / 2;
    let jitter = (u128::from(random) * u128::from(full - half + 1)) >> 64;
    Duration::from_millis(half + u64::try_from(jitter).unwrap_or(0))
}

impl TaskOptions {
    /// True if an attempt that exited with `code` may be retried.
    pub fn is_retryable(&self, code: i32) -> bool {
        !self.fatal_codes.contains(&code)
            && (self.retry_codes.is_empty() || self.retry_codes.contains(&code))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::delay;
    use crate::options::TaskOptions;

    proptest! {
        #[test]
        fn delay_lies_between_half_and_full(
            backoff_ms in 0..u64::MAX, max_backoff_ms in 0..u64::MAX,
            attempt in 0..u32::MAX, random: u64,
        ) {
            let options = TaskOptions { backoff_ms, max_backoff_ms, ..TaskOptions::default() };
            let lowest = delay(&options, attempt, 0);
            let highest = delay(&options, attempt, u64::MAX);
            let drawn = delay(&options, attempt, random);
            prop_assert!(lowest <= drawn && drawn <= highest);
            prop_assert!(highest.as_millis() <= u128::from(max_backoff_ms));
            prop_assert!(lowest.as_millis() == highest.as_millis() / 2);
        }

        #[test]
        fn delay_never_shrinks_with_further_attempts(attempt in 1..200_u32, random: u64) {
            let options = TaskOptions::default();
            prop_assert!(delay(&options, attempt, random) <= delay(&options, attempt + 1, random));
        }
    }

    #[test]
    fn the_first_retries_double_from_one_second() {
        let options = TaskOptions::default();
        let highest = |attempt| delay(&options, attempt, u64::MAX).as_millis();
        assert_eq!([highest(1), highest(2), highest(3)], [1000, 2000, 4000]);
        assert_eq!(highest(1000), 300_000);
    }
}
