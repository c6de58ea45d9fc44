//! A task's output for a terminal: colours pass, and everything else that controls a terminal or
//! changes how text reads is shown as escapes.

use super::super::escape;
use crate::output::Stream;

/// Sequence that ends all colours.
const RESET: &str = "\x1b[0m";

/// Longest sequence that passes, with its first and last byte.
const LONGEST: usize = 64;

/// Output that is made safe piece by piece. Colours end with their line, and where the other stream
/// goes on.
#[derive(Debug)]
pub(super) struct TerminalText {
    /// True if colours pass; otherwise they are left out.
    colors: bool,
    /// Stream whose colour may be on.
    colored: Option<Stream>,
}

/// Effect of a sequence that sets colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Effect {
    On,
    Off,
}

impl TerminalText {
    pub(super) fn new(colors: bool) -> Self {
        Self {
            colors,
            colored: None,
        }
    }

    /// Makes bytes safe that end with a whole character and a whole sequence (see [`whole`]).
    pub(super) fn text(&mut self, stream: Stream, bytes: &[u8]) -> String {
        let mut shown = String::with_capacity(bytes.len());
        if self.colored.is_some_and(|other| other != stream) {
            shown += self.end();
        }
        let (mut plain, mut at) = (0, 0);
        while let Some(found) = bytes[at..].iter().position(|byte| *byte == 0x1b) {
            let begin = at + found;
            let Some((effect, length)) = sequence(&bytes[begin..]) else {
                at = begin + 1;
                continue;
            };
            self.plain(&bytes[plain..begin], &mut shown);
            at = begin + length;
            plain = at;
            if self.colors {
                shown.extend(bytes[begin..at].iter().map(|byte| char::from(*byte)));
                self.colored = (effect == Effect::On).then_some(stream);
            }
        }
        self.plain(&bytes[plain..], &mut shown);
        shown
    }

    /// The sequence that ends colours, if any may be on.
    pub(super) fn end(&mut self) -> &'static str {
        match self.colored.take() {
            Some(_) => RESET,
            None => "",
        }
    }

    fn plain(&mut self, bytes: &[u8], shown: &mut String) {
        let text = escape::bytes(bytes);
        match text.find('\n') {
            Some(line_end) if self.colored.is_some() => {
                let (line, rest) = text.split_at(line_end);
                shown.push_str(line);
                shown.push_str(self.end());
                shown.push_str(rest);
            }
            Some(_) | None => shown.push_str(&text),
        }
    }
}

/// Number of `bytes` before a sequence that is still incomplete.
pub(super) fn whole(bytes: &[u8]) -> usize {
    let from = bytes.len() - bytes.len().min(LONGEST - 1);
    let Some(begin) = bytes[from..].iter().rposition(|byte| *byte == 0x1b) else {
        return bytes.len();
    };
    match &bytes[from + begin + 1..] {
        [] => from + begin,
        [b'[', rest @ ..] if rest.iter().copied().all(is_parameter) => from + begin,
        _ => bytes.len(),
    }
}

fn is_parameter(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b';'
}

/// Effect and length of the sequence that sets colours and similar at the front of `bytes`; `None`
/// for any other, and for one that hides text.
fn sequence(bytes: &[u8]) -> Option<(Effect, usize)> {
    let rest = bytes.strip_prefix(b"\x1b[")?;
    let length = rest.iter().position(|byte| !is_parameter(*byte))?;
    if rest[length] != b'm' || length + 3 > LONGEST {
        return None;
    }
    let text = std::str::from_utf8(&rest[..length]).ok()?;
    let number = |text: &str| match text {
        "" => Some(0),
        _ => text.parse::<u8>().ok(),
    };
    let numbers: Vec<u8> = text.split(';').map(number).collect::<Option<_>>()?;
    Some((effect(&numbers)?, length + 3))
}

fn effect(numbers: &[u8]) -> Option<Effect> {
    const CONCEAL: u8 = 8;
    let mut effect = Effect::Off;
    let mut rest = numbers;
    while let Some((first, after)) = rest.split_first() {
        rest = match (first, after) {
            (38 | 48 | 58, [5, _, after @ ..] | [2, _, _, _, after @ ..]) => after,
            (38 | 48 | 58 | &CONCEAL, _) => return None,
            _ => after,
        };
        effect = if *first == 0 { Effect::Off } else { Effect::On };
    }
    Some(effect)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::super::escape::is_unsafe;
    use super::{Stream, TerminalText, sequence, whole};

    fn shown(text: &str) -> String {
        TerminalText::new(true).text(Stream::Stdout, text.as_bytes())
    }

    #[test]
    fn colours_pass_and_end_with_their_line() {
        assert_eq!(shown("\x1b[31mred\x1b[0m\n"), "\x1b[31mred\x1b[0m\n");
        assert_eq!(
            shown("\x1b[1;38;5;8mred\nnext"),
            "\x1b[1;38;5;8mred\x1b[0m\nnext"
        );
        assert_eq!(shown("\x1b[31ma\r\nb\n"), "\x1b[31ma\x1b[0m\nb\n");
        assert_eq!(
            shown("\x1b[38;2;1;2;3;48;5;9mx\x1b[m\n"),
            "\x1b[38;2;1;2;3;48;5;9mx\x1b[m\n"
        );
    }

    #[test]
    fn colours_end_where_the_other_stream_goes_on() {
        let mut text = TerminalText::new(true);
        assert_eq!(text.text(Stream::Stdout, b"\x1b[31mred"), "\x1b[31mred");
        assert_eq!(text.text(Stream::Stderr, b"plain"), "\x1b[0mplain");
        assert_eq!(text.text(Stream::Stderr, b"\x1b[7m"), "\x1b[7m");
        assert_eq!((text.end(), text.end()), ("\x1b[0m", ""));
    }

    #[test]
    fn every_other_sequence_is_shown_as_an_escape() {
        for (bytes, expected) in [
            ("\x1b[2J", "\\x1b[2J"),
            ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            ("\x1b[8mhidden", "\\x1b[8mhidden"),
            ("\x1b[1;8mhidden", "\\x1b[1;8mhidden"),
            ("\x1b[38;8mhidden", "\\x1b[38;8mhidden"),
            ("\x1b[38:5:1m", "\\x1b[38:5:1m"),
            ("\x1b[?1m", "\\x1b[?1m"),
            ("\x1b[999m", "\\x1b[999m"),
            ("\x1b\x1b[31m", "\\x1b\x1b[31m"),
            ("\u{9b}31m", "\\u{9b}31m"),
        ] {
            assert_eq!(shown(bytes), expected);
        }
        let long = format!("\x1b[{}m", "1;".repeat(40));
        assert!(!shown(&long).contains('\x1b'));
    }

    #[test]
    fn without_colours_their_sequences_are_left_out() {
        let mut text = TerminalText::new(false);
        assert_eq!(
            text.text(Stream::Stdout, b"\x1b[31mred\n\x1b[K"),
            "red\n\\x1b[K"
        );
        assert_eq!(text.end(), "");
    }

    #[test]
    fn an_incomplete_sequence_is_held_back() {
        for (bytes, length) in [
            ("ab\x1b", 2),
            ("ab\x1b[", 2),
            ("ab\x1b[1;3", 2),
            ("ab\x1b[1m", 6),
            ("ab\x1b]0", 5),
            ("", 0),
        ] {
            assert_eq!(whole(bytes.as_bytes()), length, "{bytes:?}");
        }
        assert_eq!(whole(&[b"\x1b[".to_vec(), vec![b'1'; 100]].concat()), 102);
    }

    proptest! {
        #[test]
        fn nothing_but_short_colour_sequences_controls_the_terminal(
            text in "(\\PC|[\x1b\\[0-9;m\r\n\u{202e}]){0,60}",
        ) {
            let shown = shown(&text);
            let mut rest = shown.as_bytes();
            let mut plain = Vec::new();
            while let Some((first, after)) = rest.split_first() {
                if let Some((_, length)) = sequence(rest) {
                    rest = &rest[length..];
                } else {
                    plain.push(*first);
                    rest = after;
                }
            }
            let plain = String::from_utf8(plain).unwrap();
            prop_assert!(!plain.chars().any(|c| is_unsafe(c) && c != '\n' && c != '\t'));
        }

        #[test]
        fn at_most_a_short_sequence_is_held_back(bytes: Vec<u8>) {
            prop_assert!(bytes.len() - whole(&bytes) < 64);
        }
    }
}
