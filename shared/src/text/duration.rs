//! Durations as people write them: `90`, `1.5`, `500ms`, `1h30m`, `2d`, `1w`.

use std::fmt::Write as _;
use std::time::Duration;

use crate::options::MAX_DURATION_MS;

/// Units and their milliseconds, longest first, as they must appear in a duration.
const UNITS: [(&str, u64); 6] = [
    ("w", 7 * 86_400_000),
    ("d", 86_400_000),
    ("h", 3_600_000),
    ("m", 60_000),
    ("s", 1000),
    ("ms", 1),
];

const EXAMPLES: &str = "write seconds (90, 1.5) or units (500ms, 1h30m, 2d, 1w)";

/// Reads a duration. A bare number means seconds; fractions of a millisecond are rounded up.
///
/// # Errors
/// A sentence that says what is wrong and how to write it.
pub fn parse(text: &str) -> Result<Duration, String> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Err(format!("a duration must not be empty; {EXAMPLES}"));
    }
    if trimmed.starts_with('-') {
        return Err(format!("a duration must not be negative; {EXAMPLES}"));
    }
    let millis = sum(trimmed)?;
    if millis > u128::from(MAX_DURATION_MS) {
        return Err("a duration must be at most 100 years".to_owned());
    }
    Ok(Duration::from_millis(
        u64::try_from(millis).unwrap_or(MAX_DURATION_MS),
    ))
}

/// The sum of all parts of a duration, in milliseconds.
fn sum(text: &str) -> Result<u128, String> {
    let mut rest = text;
    let mut units = UNITS.as_slice();
    let mut total = 0_u128;
    while !rest.is_empty() {
        let number_end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_end);
        let unit_end = tail
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        let bare = number.len() == text.len();
        let unit = if bare { "s" } else { unit };
        let position = units.iter().position(|(name, _)| *name == unit);
        let Some(position) = position.filter(|_| !number.is_empty()) else {
            return Err(format!("it is not a duration; {EXAMPLES}"));
        };
        total = total.saturating_add(scale(number, units[position].1)?);
        units = &units[position + 1..];
        rest = tail.trim_start();
    }
    Ok(total)
}

/// A decimal number times `unit` milliseconds, rounded up.
fn scale(number: &str, unit: u64) -> Result<u128, String> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !digits(fraction) {
        return Err(format!("it is not a duration; {EXAMPLES}"));
    }
    let value = |text: &str| {
        text.bytes().fold(0_u128, |sum, digit| {
            sum.saturating_mul(10)
                .saturating_add(u128::from(digit - b'0'))
        })
    };
    let unit = u128::from(unit);
    // Twelve digits of a week are below a microsecond; what follows only rounds up.
    let (kept, beyond) = fraction.split_at(fraction.len().min(12));
    let divisor = 10_u128.pow(u32::try_from(kept.len()).unwrap_or(12));
    let beyond = u128::from(beyond.bytes().any(|digit| digit != b'0'));
    let part = (value(kept) + beyond)
        .saturating_mul(unit)
        .div_ceil(divisor);
    Ok(value(whole).saturating_mul(unit).saturating_add(part))
}

/// A duration as [`parse`] reads it back: `1h30m`, `2.5s`, `0s`.
pub fn show(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    let mut rest = millis;
    let mut text = String::new();
    for (name, unit) in UNITS {
        // Whole seconds and milliseconds read better as one number: 2.5s.
        if name == "s" && (1000..60_000).contains(&rest) && !rest.is_multiple_of(1000) {
            let fraction = format!("{:03}", rest % 1000);
            let _ = write!(text, "{}.{}s", rest / 1000, fraction.trim_end_matches('0'));
            break;
        }
        if rest >= unit {
            let _ = write!(text, "{}{name}", rest / unit);
            rest %= unit;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{parse, show};
    use crate::options::MAX_DURATION_MS;

    fn millis(text: &str) -> u128 {
        parse(text).unwrap().as_millis()
    }

    #[test]
    fn every_documented_form_is_read() {
        for (text, expected) in [
            ("90", 90_000),
            ("1.5", 1500),
            (".5", 500),
            ("0", 0),
            ("500ms", 500),
            ("1h30m", 5_400_000),
            ("1h 30m", 5_400_000),
            ("2d", 172_800_000),
            ("1w", 604_800_000),
            ("1.5h", 5_400_000),
            ("1m2.5s", 62_500),
            (" 3s ", 3000),
        ] {
            assert_eq!(millis(text), expected, "{text}");
        }
    }

    #[test]
    fn fractions_of_a_millisecond_are_rounded_up() {
        assert_eq!(millis("0.0001"), 1);
        assert_eq!(millis("0.0000000000000000000000001w"), 1);
        assert_eq!(millis("1.0000"), 1000);
        assert_eq!(millis("0.0000000000001"), 1, "the digit after the twelfth");
        assert_eq!(millis("1.0000000000000"), 1000);
    }

    #[test]
    fn text_that_is_not_a_duration_is_refused_with_a_sentence() {
        for text in [
            "", " ", "-1", "-1h", "NaN", "nan", "inf", "infinity", "1e3", "1x", "h", "1h1h",
            "30m1h", "1 2", "1.2.3", ".", "0x10", "1h-2m", "١", "+1", "1h30", "200y",
        ] {
            let sentence = parse(text).unwrap_err();
            assert!(sentence.contains("duration"), "{text}: {sentence}");
        }
    }

    #[test]
    fn more_than_a_hundred_years_is_refused() {
        for text in [
            "101w1d",
            "5300w",
            "99999999999999999999999999999999999999999999w",
        ] {
            let parsed = parse(text);
            assert_eq!(parsed.is_err(), text != "101w1d", "{text}: {parsed:?}");
        }
        assert!(parse("3162240000").is_ok());
        assert!(parse("3162240000.001").is_err());
    }

    #[test]
    fn a_duration_is_shown_as_people_write_it() {
        for (millis, text) in [
            (0, "0s"),
            (999, "999ms"),
            (1_000, "1s"),
            (2_500, "2.5s"),
            (20_000, "20s"),
            (59_999, "59.999s"),
            (60_000, "1m"),
            (60_500, "1m500ms"),
            (62_500, "1m2.5s"),
            (5_400_000, "1h30m"),
            (8 * 86_400_000, "1w1d"),
        ] {
            assert_eq!(show(Duration::from_millis(millis)), text);
        }
    }

    proptest! {
        #[test]
        fn a_shown_duration_reads_back(millis in 0..=MAX_DURATION_MS) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse(&show(duration)), Ok(duration));
        }

        #[test]
        fn no_text_panics(text in "\\PC*") {
            let _ = parse(&text);
        }

        #[test]
        fn no_duration_like_text_panics(text in "[0-9.hmswd -]{0,40}") {
            if let Ok(duration) = parse(&text) {
                prop_assert!(duration.as_millis() <= u128::from(MAX_DURATION_MS));
            }
        }
    }
}
