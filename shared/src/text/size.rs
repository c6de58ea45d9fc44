//! Sizes as people write them: `65536`, `64K`, `16M`, `1.5 GiB`. All units are powers of 1,024.

/// Units and their bytes, largest first.
const UNITS: [(&str, u64); 5] = [
    ("TiB", 1 << 40),
    ("GiB", 1 << 30),
    ("MiB", 1 << 20),
    ("KiB", 1 << 10),
    ("B", 1),
];

const EXAMPLES: &str = "write bytes (65536) or a unit (64K, 16M, 1.5G, 1T)";

/// Reads a size in bytes. A bare number means bytes; fractions of a byte are rounded down.
///
/// # Errors
/// A sentence that says what is wrong and how to write it.
pub fn parse(text: &str) -> Result<u64, String> {
    let refused = || format!("it is not a size; {EXAMPLES}");
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit() && c != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let factor = factor(unit.trim_start()).ok_or_else(refused)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let has_digits = !whole.is_empty() && (number.len() == whole.len() || !fraction.is_empty());
    // Nine digits of a tebibyte are a kibibyte; a size is never asked for more exactly.
    if !has_digits || fraction.len() > 9 || fraction.contains('.') {
        return Err(refused());
    }
    let too_large = || "a size must be below 8 EiB".to_owned();
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    let part = if fraction.is_empty() {
        0
    } else {
        let digits: u64 = fraction.parse().map_err(|_| refused())?;
        let scale = 10_u128.pow(u32::try_from(fraction.len()).unwrap_or(9));
        u128::from(digits) * u128::from(factor) / scale
    };
    let bytes = u128::from(whole) * u128::from(factor) + part;
    u64::try_from(bytes)
        .ok()
        .filter(|bytes| *bytes < 1 << 63)
        .ok_or_else(too_large)
}

fn factor(unit: &str) -> Option<u64> {
    if unit.is_empty() {
        return Some(1);
    }
    let is_unit = |name: &str| {
        let short = &name[..1];
        unit.eq_ignore_ascii_case(name)
            || unit.eq_ignore_ascii_case(short)
            || (name.len() == 3 && unit.eq_ignore_ascii_case(&format!("{short}B")))
    };
    let found = UNITS.iter().find(|(name, _)| is_unit(name));
    found.map(|(_, factor)| *factor)
}

/// Shows a size exactly: in the largest unit of which it is a whole number.
pub fn show(bytes: u64) -> String {
    let divides = |factor: u64| bytes >= factor && bytes.is_multiple_of(factor);
    let found = UNITS.iter().find(|(_, factor)| divides(*factor));
    found.map_or_else(
        || "0 B".to_owned(),
        |(name, factor)| format!("{} {name}", bytes / factor),
    )
}

/// Shows a size roughly: with one digit after the point, in the largest unit that it reaches.
pub fn rough(bytes: u64) -> String {
    let found = UNITS.iter().find(|(_, factor)| bytes >= *factor);
    match found {
        Some((name, factor)) if *factor > 1 => {
            let tenths = u128::from(bytes) * 10 / u128::from(*factor);
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        Some(_) | None => format!("{bytes} B"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{parse, rough, show};

    #[test]
    fn sizes_are_read_in_every_form() {
        for (text, bytes) in [
            ("65536", 65_536),
            ("64K", 65_536),
            ("64k", 65_536),
            ("64KB", 65_536),
            ("64 KiB", 65_536),
            ("16M", 16 << 20),
            ("1.5G", 3 << 29),
            ("0.5 kib", 512),
            ("2T", 2 << 40),
            ("7B", 7),
            ("0", 0),
        ] {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
    }

    #[test]
    fn other_text_is_refused_with_examples() {
        for text in [
            "", "K", ".5M", "1.M", "1.2.3M", "-1", "1X", "1MM", "1 M 2", "ten", "1e6",
        ] {
            let sentence = parse(text).unwrap_err();
            assert!(sentence.contains("16M"), "{text}: {sentence}");
        }
        for text in ["99999999999999999999", "8388608T"] {
            assert_eq!(parse(text).unwrap_err(), "a size must be below 8 EiB");
        }
    }

    #[test]
    fn a_rough_size_has_one_digit_after_the_point() {
        let shown = [0, 1023, 1536, 11 << 20, (1 << 30) - 1].map(rough);
        assert_eq!(
            shown,
            ["0 B", "1023 B", "1.5 KiB", "11.0 MiB", "1023.9 MiB"]
        );
    }

    proptest! {
        #[test]
        fn a_shown_size_is_read_back(bytes in 0..1_u64 << 62) {
            prop_assert_eq!(parse(&show(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_is_a_panic(text in "[0-9.KkMGTiB -]{0,24}") {
            let _ = parse(&text);
        }
    }
}
