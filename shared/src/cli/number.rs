//! Whole numbers as people write them.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Parser of numbers within that range; other text is refused with a sentence that names the range.
pub fn within<N>(
    range: RangeInclusive<N>,
) -> impl Fn(&str) -> Result<N, String> + Clone + Send + Sync + 'static
where
    N: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text| {
        let number = text.parse().ok();
        number
            .filter(|number| range.contains(number))
            .ok_or_else(|| format!("it is {}", form(&range)))
    }
}

/// Description of a number of that range.
pub(super) fn form<N: Display>(range: &RangeInclusive<N>) -> String {
    format!("a whole number from {} to {}", range.start(), range.end())
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn a_number_out_of_range_is_refused_with_the_range() {
        let read = within(1..=10_u32);
        assert_eq!((read("1"), read("10")), (Ok(1), Ok(10)));
        for wrong in ["", "0", "11", "-1", "1.5", "ten", "99999999999"] {
            assert_eq!(
                read(wrong).unwrap_err(),
                "it is a whole number from 1 to 10"
            );
        }
    }
}
