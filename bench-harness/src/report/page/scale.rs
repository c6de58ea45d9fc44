//! Maps values to positions on an axis.

use crate::measure::count;

/// An axis from `min` to `max`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::report) struct Scale {
    log: bool,
    min: f64,
    max: f64,
}

/// Largest number of marks on an axis.
const MARKS: usize = 6;

impl Scale {
    /// Scale over all `values`: a linear one from zero, a logarithmic one between powers of ten.
    pub(in crate::report) fn over(log: bool, values: impl IntoIterator<Item = f64>) -> Self {
        let fit = |value: &f64| value.is_finite() && (!log || *value > 0.0);
        let values: Vec<f64> = values.into_iter().filter(fit).collect();
        let max = values.iter().copied().fold(0.0, f64::max);
        let max = if max > 0.0 { max } else { 1.0 };
        let min = values.iter().copied().fold(max, f64::min);
        if log {
            return Self {
                log,
                min: round(min, false),
                max: round(max, true).max(round(min, false) * 2.0),
            };
        }
        let step = linear_step(max);
        Self {
            log,
            min: 0.0,
            max: (max / step).ceil() * step,
        }
    }

    /// Scale from the least to the greatest of `values`, for an axis whose marks are its values.
    pub(super) fn between(log: bool, values: &[f64]) -> Self {
        let fit = |value: &f64| !log || *value > 0.0;
        let values = || values.iter().copied().filter(fit);
        Self {
            log,
            min: values().fold(f64::MAX, f64::min),
            max: values().fold(f64::MIN_POSITIVE, f64::max),
        }
    }

    /// Position of a value between the ends, 0 to 1; `None` if the axis cannot show it.
    pub(in crate::report) fn position(&self, value: f64) -> Option<f64> {
        let share = if self.log {
            (value.ln() - self.min.ln()) / (self.max.ln() - self.min.ln())
        } else {
            (value - self.min) / (self.max - self.min)
        };
        if (self.max - self.min).abs() < f64::EPSILON * self.max.abs() {
            return Some(0.5);
        }
        share.is_finite().then_some(share)
    }

    /// Round values along the axis, ascending.
    pub(in crate::report) fn marks(&self) -> Vec<f64> {
        if !self.log {
            let step = linear_step(self.max);
            let steps = (0..=MARKS).map(|index| step * count(index));
            return steps.take_while(|mark| *mark <= self.max * 1.001).collect();
        }
        let decades = (self.max / self.min).log10();
        let factors: &[f64] = if decades <= 1.5 {
            &[1.0, 2.0, 5.0]
        } else {
            &[1.0]
        };
        let first = self.min.log10().floor();
        let powers = std::iter::successors(Some(10_f64.powf(first)), |power| Some(power * 10.0));
        let powers = powers.take_while(|power| *power <= self.max * 1.001);
        let all = powers.flat_map(|power| factors.iter().map(move |factor| power * factor));
        let inside = |mark: &f64| *mark >= self.min * 0.999 && *mark <= self.max * 1.001;
        let marks: Vec<f64> = all.filter(inside).collect();
        let every = marks.len().div_ceil(MARKS + 1).max(1);
        marks.into_iter().step_by(every).collect()
    }
}

/// The next of 1, 2, 5, 10, 20 … above or below a value.
fn round(value: f64, up: bool) -> f64 {
    let power = 10_f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0, 10.0].map(|step| step * power);
    let found = if up {
        steps.into_iter().find(|step| *step >= value * 0.999)
    } else {
        steps.into_iter().rev().find(|step| *step <= value * 1.001)
    };
    found.unwrap_or(value)
}

/// A round distance of which four or five reach `max`.
fn linear_step(max: f64) -> f64 {
    round(max / 5.0, true)
}

#[cfg(test)]
mod tests {
    use super::Scale;

    #[test]
    fn a_linear_axis_begins_at_zero_and_ends_at_a_round_value() {
        let scale = Scale::over(false, [3.0, 8.3]);
        assert_eq!(scale.marks(), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(scale.position(5.0), Some(0.5));
    }

    #[test]
    fn a_logarithmic_axis_omits_values_not_above_zero() {
        let scale = Scale::over(true, [0.0, -3.0, 120.0, 90_000.0]);
        assert_eq!(scale.marks(), [100.0, 1e3, 1e4, 1e5]);
        assert!((scale.position(1e4).unwrap() - 2.0 / 3.0).abs() < 1e-9);
        assert_eq!(scale.position(0.0), None);
    }

    #[test]
    fn an_axis_of_one_value_or_none_still_has_marks() {
        for values in [vec![], vec![7.0], vec![f64::NAN], vec![1e300]] {
            for log in [false, true] {
                let scale = Scale::over(log, values.clone());
                assert!(scale.marks().len() >= 2, "{log} {values:?} {scale:?}");
            }
        }
        assert_eq!(Scale::between(true, &[7.0]).position(7.0), Some(0.5));
    }
}
