//! Makes text from tasks safe to show: control characters, and characters that change how a line
//! reads, are shown as escape sequences.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Text for a table cell or a message: one line without control characters.
pub fn line(text: &str) -> Cow<'_, str> {
    escape(text, is_unsafe)
}

/// Text of several lines: line feeds and tabs are kept.
pub fn block(text: &str) -> Cow<'_, str> {
    escape(text, |c| is_unsafe(c) && c != '\n' && c != '\t')
}

/// A task's output for a terminal: as [`block`], with CRLF read as one line end and bytes that
/// are not UTF-8 shown as `\xNN`.
pub fn bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        if valid.contains("\r\n") {
            shown += &block(&valid.replace("\r\n", "\n"));
        } else {
            shown += &block(valid);
        }
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

fn escape(text: &str, is_unsafe: impl Fn(char) -> bool) -> Cow<'_, str> {
    let Some(first) = text.find(&is_unsafe) else {
        return Cow::Borrowed(text);
    };
    let mut shown = text[..first].to_owned();
    for c in text[first..].chars() {
        if is_unsafe(c) {
            shown.extend(sequence(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// Escape sequence of an unsafe character: `\n`, `\x1b`, `\u{202e}`.
fn sequence(c: char) -> impl Iterator<Item = char> {
    let text = match c {
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        '\t' => "\\t".to_owned(),
        '\0'..='\u{7f}' => format!("\\x{:02x}", u32::from(c)),
        _ => format!("\\u{{{:x}}}", u32::from(c)),
    };
    text.chars().collect::<Vec<_>>().into_iter()
}

/// True for a character that controls a terminal or changes how its neighbours read: controls of
/// both sets, line separators, bidirectional marks and overrides, invisible tags.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{block, bytes, is_unsafe, line};

    #[test]
    fn control_characters_are_shown_as_escapes() {
        assert_eq!(line("a\x1b[31mred\x07"), "a\\x1b[31mred\\x07");
        assert_eq!(line("a\nb\tc\rd"), "a\\nb\\tc\\rd");
        assert_eq!(line("\u{9b}2J"), "\\u{9b}2J");
        assert_eq!(line("abc\u{202e}fdp"), "abc\\u{202e}fdp");
        assert_eq!(line("\x7f"), "\\x7f");
        assert_eq!(line("grüße 世界 👩‍🔬"), "grüße 世界 👩‍🔬");
    }

    #[test]
    fn output_keeps_its_lines_and_escapes_invalid_utf_8() {
        assert_eq!(
            bytes(b"a\tb\r\nc\x1b]0;x\x07\xff\n"),
            "a\tb\nc\\x1b]0;x\\x07\\xff\n"
        );
        assert_eq!(block("50%\r100%"), "50%\\r100%");
    }

    proptest! {
        #[test]
        fn a_shown_line_holds_nothing_unsafe(text: String) {
            prop_assert!(!line(&text).chars().any(is_unsafe));
        }

        #[test]
        fn shown_bytes_hold_nothing_unsafe(text: Vec<u8>) {
            let shown = bytes(&text);
            prop_assert!(!shown.chars().any(|c| is_unsafe(c) && c != '\n' && c != '\t'));
        }
    }
}
