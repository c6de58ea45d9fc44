//! The only clock of the harness, and the statistics of its readings: spreads, ratios, and rounds in
//! which the subjects take turns.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::Result;

/// A running stopwatch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    #[expect(
        clippy::disallowed_methods,
        reason = "measuring real time is the harness's purpose; no decision of an engine depends on it"
    )]
    pub(crate) fn start() -> Self {
        Self(Instant::now())
    }

    /// Time since the start.
    pub(crate) fn elapsed(self) -> Duration {
        self.0.elapsed()
    }

    /// Seconds since the start.
    pub(crate) fn seconds(self) -> f64 {
        self.0.elapsed().as_secs_f64()
    }
}

/// Sleeps while another process is measured.
#[expect(
    clippy::disallowed_methods,
    reason = "idle time is measured, or a condition is polled"
)]
pub(crate) fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

/// Polls `condition` every millisecond until it is met.
///
/// # Errors
/// When it is not met within a minute.
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> Result<bool>) -> Result<()> {
    let watch = Stopwatch::start();
    while !condition()? {
        if watch.elapsed() > Duration::from_secs(60) {
            return Err(format!("waited a minute in vain until {what}").into());
        }
        pause(Duration::from_millis(1));
    }
    Ok(())
}

/// Smallest, median and largest of several samples, in the samples' unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// The spread of `samples`; all zero if there are none.
    pub(crate) fn of(samples: &[f64]) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self {
            min: sorted.first().copied().unwrap_or(0.0),
            median: percentile(&sorted, 0.5),
            max: sorted.last().copied().unwrap_or(0.0),
        }
    }

    /// The spread of `over[i] / under[i]`. Pairing the samples of one round cancels changes of the
    /// machine's speed between rounds.
    pub(crate) fn of_ratios(over: &[f64], under: &[f64]) -> Self {
        let ratios: Vec<f64> = over.iter().zip(under).map(|(a, b)| a / b).collect();
        Self::of(&ratios)
    }
}

/// The value below which `share` (0 to 1) of the ascending samples lie; the median of an even number of
/// samples is the mean of the middle two.
pub(crate) fn percentile(sorted: &[f64], share: f64) -> f64 {
    if sorted.is_empty() {
        return 0.0;
    }
    let position = (count(sorted.len()) - 1.0) * share;
    let at = |index: f64| sorted.get(index_of(index)).copied().unwrap_or(0.0);
    let (below, above) = (position.floor(), position.ceil());
    at(below) + (at(above) - at(below)) * (position - below)
}

/// A count as a floating-point number.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of operations stay far below 2^52"
)]
pub(crate) fn count(number: usize) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole, non-negative index below the number of samples"
)]
fn index_of(position: f64) -> usize {
    position as usize
}

/// A subject to measure: runs once and returns its sample.
pub(crate) type Subject<'a, T = f64> = Box<dyn FnMut() -> Result<T> + 'a>;

/// Runs the subjects A B A B … for `rounds` rounds and returns each one's samples, in order.
pub(crate) fn interleaved<T>(
    rounds: usize,
    mut subjects: Vec<Subject<'_, T>>,
) -> Result<Vec<Vec<T>>> {
    let mut samples: Vec<Vec<T>> = subjects.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (subject, samples) in subjects.iter_mut().zip(&mut samples) {
            samples.push(subject()?);
        }
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::{Spread, interleaved, percentile};

    #[test]
    fn a_spread_orders_its_samples() {
        let spread = Spread::of(&[3.0, 1.0, 2.0]);
        assert_eq!(
            spread,
            Spread {
                min: 1.0,
                median: 2.0,
                max: 3.0
            }
        );
        assert!((Spread::of(&[4.0, 1.0, 2.0, 3.0]).median - 2.5).abs() < 1e-9);
        assert!(Spread::of(&[]).max.abs() < 1e-9);
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        // The second round is ten times slower for both; the ratio does not see it.
        let ratios = Spread::of_ratios(&[2.0, 20.0], &[1.0, 10.0]);
        assert!((ratios.min - 2.0).abs() < 1e-9 && (ratios.max - 2.0).abs() < 1e-9);
    }

    #[test]
    fn percentiles_lie_between_their_neighbours() {
        let sorted = [0.0, 10.0, 20.0, 30.0, 40.0];
        assert!((percentile(&sorted, 0.99) - 39.6).abs() < 1e-9);
        assert!((percentile(&sorted, 0.0)).abs() < 1e-9);
    }

    #[test]
    fn subjects_take_turns() {
        let order = RefCell::new(String::new());
        let subject = |letter: char| -> super::Subject<'_> {
            let order = &order;
            Box::new(move || {
                order.borrow_mut().push(letter);
                Ok(1.0)
            })
        };
        let samples = interleaved(2, vec![subject('a'), subject('b')]).unwrap();
        assert_eq!(*order.borrow(), "abab");
        assert_eq!(samples, [[1.0, 1.0], [1.0, 1.0]]);
    }
}
