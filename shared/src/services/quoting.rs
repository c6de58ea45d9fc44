//! Quotes text for unit files, so that systemd takes it literally. Pure.

use std::fmt::Write as _;

use crate::text::escape;

/// Quotes a word of a command line: escapes, specifiers (`%`) and variables (`$`) are literal.
pub(crate) fn quote(word: &str) -> String {
    quoted(word, true)
}

/// Quotes an assignment of `Environment=`, in which `$` means nothing.
pub(super) fn quote_assignment(assignment: &str) -> String {
    quoted(assignment, false)
}

fn quoted(word: &str, has_variables: bool) -> String {
    let mut quoted = String::with_capacity(word.len() + 2);
    quoted.push('"');
    for c in word.chars() {
        match c {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            '%' => quoted += "%%",
            '$' if has_variables => quoted += "$$",
            '\n' => quoted += "\\n",
            '\r' => quoted += "\\r",
            '\t' => quoted += "\\t",
            c if escape::is_unsafe(c) || is_noncharacter(c) => {
                let mut buffer = [0; 4];
                for byte in c.encode_utf8(&mut buffer).bytes() {
                    let _ = write!(quoted, "\\x{byte:02x}");
                }
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// True for one of the 66 characters of Unicode that stand for none. systemd takes a line with one for
/// no text at all.
pub(super) const fn is_noncharacter(c: char) -> bool {
    let code = c as u32;
    matches!(code, 0xfdd0..=0xfdef) || code & 0xfffe == 0xfffe
}

/// Text within a description: one line, specifiers taken literally.
pub(crate) fn describe(text: &str) -> String {
    one_line(text).replace('%', "%%")
}

/// Text as one line that does not continue on the next.
pub(super) fn one_line(text: &str) -> String {
    let mut line = escape::line(text).into_owned();
    if line.contains(is_noncharacter) {
        let each = |c: char| match c {
            c if is_noncharacter(c) => c.escape_unicode().to_string(),
            c => c.to_string(),
        };
        line = line.chars().map(each).collect();
    }
    if line.ends_with('\\') {
        line + "."
    } else {
        line
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::{describe, quote, quote_assignment};

    /// Reads words as systemd does: blanks separate them, quotes and C escapes are undone. Written from
    /// the manual pages `systemd.syntax` and `systemd.service`.
    pub(in super::super) fn words(line: &str) -> Vec<Vec<u8>> {
        let mut words = Vec::new();
        let bytes = line.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if b" \t\n\r".contains(&bytes[at]) {
                at += 1;
                continue;
            }
            let mut word = Vec::new();
            let mut quote = None;
            while let Some(&byte) = bytes.get(at) {
                at += 1;
                match (byte, quote) {
                    (b'\\', _) => at = unescape(bytes, at, &mut word),
                    (b'"' | b'\'', None) => quote = Some(byte),
                    (byte, Some(open)) if byte == open => quote = None,
                    (b' ' | b'\t' | b'\n' | b'\r', None) => break,
                    (byte, _) => word.push(byte),
                }
            }
            assert_eq!(quote, None, "an open quote in {line}");
            words.push(word);
        }
        words
    }

    /// Undoes the escape whose backslash stands before `at`; returns the position after it.
    fn unescape(bytes: &[u8], at: usize, word: &mut Vec<u8>) -> usize {
        let digits = |from: usize, count: usize, radix| {
            let text = std::str::from_utf8(&bytes[from..from + count]).unwrap();
            u8::from_str_radix(text, radix).unwrap()
        };
        let (byte, length) = match bytes[at] {
            b'a' => (0x07, 1),
            b'b' => (0x08, 1),
            b'f' => (0x0c, 1),
            b'n' => (b'\n', 1),
            b'r' => (b'\r', 1),
            b't' => (b'\t', 1),
            b'v' => (0x0b, 1),
            b's' => (b' ', 1),
            b'x' => (digits(at + 1, 2, 16), 3),
            b'0'..=b'7' => (digits(at, 3, 8), 3),
            other @ (b'\\' | b'"' | b'\'') => (other, 1),
            other => panic!("systemd knows no escape \\{}", char::from(other)),
        };
        word.push(byte);
        at + length
    }

    /// Expands specifiers and, in a command line, variables. Both are doubled to be literal; any other
    /// is a mistake here.
    pub(in super::super) fn expanded(word: &[u8], has_variables: bool) -> String {
        let mut text = Vec::new();
        let mut bytes = word.iter();
        while let Some(&byte) = bytes.next() {
            if byte == b'%' || (has_variables && byte == b'$') {
                assert_eq!(bytes.next(), Some(&byte), "not literal");
            }
            text.push(byte);
        }
        String::from_utf8(text).unwrap()
    }

    proptest! {
        #[test]
        fn every_word_of_a_command_line_reads_back(list in prop::collection::vec("[^\0]{0,40}", 1..5)) {
            let line = list.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ");
            prop_assert!(!line.contains(['\n', '\r']));
            prop_assert!(!line.ends_with('\\'));
            let read: Vec<String> = words(&line).iter().map(|word| expanded(word, true)).collect();
            prop_assert_eq!(read, list);
        }

        #[test]
        fn every_assignment_reads_back(value in "[^\0]{0,40}") {
            let line = quote_assignment(&format!("NAME={value}"));
            let read: Vec<String> = words(&line).iter().map(|word| expanded(word, false)).collect();
            prop_assert_eq!(read, vec![format!("NAME={value}")]);
        }

        #[test]
        fn a_description_is_one_line(text in "[^\0]{0,40}") {
            let line = describe(&text);
            prop_assert!(!line.contains(['\n', '\r']) && !line.ends_with('\\'));
        }
    }

    #[test]
    fn characters_that_stand_for_none_are_escaped() {
        assert_eq!(quote("\u{fdd0}"), "\"\\xef\\xb7\\x90\"");
        assert_eq!(describe("a\u{10ffff}\u{fffd}"), "a\\u{10ffff}\u{fffd}");
    }
}
