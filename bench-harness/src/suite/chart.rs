//! Charts: several systems measured at several values of `x`, in turns.

use crate::Result;
use crate::measure::{Spread, count};
use crate::report::document::{Axis, Line, Point};

/// Source of a line: its label, and a function that measures it at a value of `x`.
pub(super) struct Sampled<'a> {
    label: String,
    sample: Box<dyn Fn(usize) -> Result<f64> + 'a>,
}

impl<'a> Sampled<'a> {
    /// A line with that label.
    pub(super) fn new(
        label: impl Into<String>,
        sample: impl Fn(usize) -> Result<f64> + 'a,
    ) -> Self {
        Self {
            label: label.into(),
            sample: Box::new(sample),
        }
    }
}

/// Measures every line at every value of `x` `rounds` times: in a round, all lines at the first value,
/// then all at the second.
pub(super) fn lines(rounds: usize, values: &[usize], sampled: &[Sampled<'_>]) -> Result<Vec<Line>> {
    let mut taken = vec![vec![Vec::with_capacity(rounds); values.len()]; sampled.len()];
    for _ in 0..rounds {
        for (index, value) in values.iter().enumerate() {
            for (line, taken) in sampled.iter().zip(&mut taken) {
                taken[index].push((line.sample)(*value)?);
            }
        }
    }
    let line = |(line, samples): (&Sampled<'_>, Vec<Vec<f64>>)| Line {
        label: line.label.clone(),
        points: values
            .iter()
            .zip(samples)
            .map(|(value, samples)| Point {
                x: count(*value),
                value: Spread::of(&samples),
            })
            .collect(),
    };
    Ok(sampled.iter().zip(taken).map(line).collect())
}

/// A logarithmic axis.
pub(super) fn log(label: &str) -> Axis {
    Axis {
        label: label.to_owned(),
        log: true,
    }
}

/// An axis from zero.
pub(super) fn linear(label: &str) -> Axis {
    Axis {
        label: label.to_owned(),
        log: false,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::{Sampled, lines};

    #[test]
    fn lines_take_turns_at_every_value() {
        let order = RefCell::new(Vec::new());
        let sampled = ["a", "b"].map(|name| {
            let order = &order;
            Sampled::new(name, move |place| {
                order.borrow_mut().push(format!("{name}{place}"));
                Ok(1.0)
            })
        });
        let lines = lines(2, &[1, 64], &sampled).unwrap();
        let round = ["a1", "b1", "a64", "b64"];
        assert_eq!(*order.borrow(), [round, round].concat());
        assert_eq!(lines[1].label, "b");
        assert!((lines[1].points[1].x - 64.0).abs() < 1e-9);
    }
}
