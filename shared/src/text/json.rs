//! JSON that is safe to show: one line without control characters, times as ISO 8601 in UTC.

use std::io;

use serde::{Serialize, Serializer};
use serde_json::ser::{CharEscape, CompactFormatter, Formatter};

use super::escape;
use super::moment::iso;
use crate::clock::Timestamp;

/// A value as one line of JSON. Control characters are escaped, which changes nothing for a program
/// that reads it.
pub fn text(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Safe(CompactFormatter));
    value.serialize(&mut serializer)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Compact JSON in which unsafe characters are `\u` escapes.
struct Safe(CompactFormatter);

impl Formatter for Safe {
    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some(start) = rest.find(escape::is_unsafe) {
            writer.write_all(&rest.as_bytes()[..start])?;
            let mut chars = rest[start..].chars();
            if let Some(c) = chars.next() {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }

    fn write_char_escape<W: ?Sized + io::Write>(
        &mut self,
        writer: &mut W,
        char_escape: CharEscape,
    ) -> io::Result<()> {
        self.0.write_char_escape(writer, char_escape)
    }
}

/// A point in time, as a field's value.
#[derive(Clone, Copy, Debug)]
pub struct Moment(pub Timestamp);

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&iso(self.0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::text;
    use crate::text::escape::is_unsafe;

    proptest! {
        #[test]
        fn json_text_is_safe_to_show_and_reads_back(value: String) {
            let json = text(&value).unwrap();
            prop_assert!(!json.chars().any(is_unsafe));
            let read: String = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(read, value);
        }
    }

    #[test]
    fn tags_outside_the_basic_plane_are_escaped_as_two_units() {
        let json = text(&"a\u{e0041}\u{9b}\u{202e}").unwrap();
        assert_eq!(json, r#""a\udb40\udc41\u009b\u202e""#);
    }
}
