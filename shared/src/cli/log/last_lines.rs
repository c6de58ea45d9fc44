//! Position at which the last lines of an output begin.

use std::collections::VecDeque;

use crate::output::{Chunk, Stream};

/// Finds the beginning of the last lines of an output that is taken in piece by piece.
#[derive(Debug)]
pub(super) struct LastLines {
    wanted: usize,
    /// Stream whose lines count; both unless set.
    only: Option<Stream>,
    /// Positions at which the last lines begin.
    begins: VecDeque<u64>,
    position: u64,
    /// True if the next byte begins a line.
    at_line: bool,
}

impl LastLines {
    pub(super) fn new(wanted: usize, only: Option<Stream>) -> Self {
        Self {
            wanted,
            only,
            begins: VecDeque::new(),
            position: 0,
            at_line: true,
        }
    }

    pub(super) fn take(&mut self, chunk: &Chunk<'_>) {
        match chunk {
            Chunk::Written { stream, bytes } if self.only.is_none_or(|only| only == *stream) => {
                for (position, byte) in (self.position..).zip(bytes.iter()) {
                    if std::mem::replace(&mut self.at_line, *byte == b'\n') {
                        self.line(position);
                    }
                }
            }
            Chunk::Written { .. } | Chunk::GivenUp => {}
            // A line of its own tells of the gap.
            Chunk::Omitted(_) => self.at_line = true,
        }
        self.position = self.position.saturating_add(chunk.length());
    }

    fn line(&mut self, position: u64) {
        self.begins.push_back(position);
        if self.begins.len() > self.wanted {
            self.begins.pop_front();
        }
    }

    /// Number of bytes before the last lines; 0 if there are no more lines than wanted.
    pub(super) fn bytes_before(self) -> u64 {
        match self.begins.front() {
            _ if self.wanted == 0 => self.position,
            Some(begin) if self.begins.len() == self.wanted => *begin,
            Some(_) | None => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::LastLines;
    use crate::output::{Chunk, Stream};

    fn written(stream: Stream, text: &str) -> Chunk<'static> {
        Chunk::Written {
            stream,
            bytes: text.as_bytes().to_vec().into(),
        }
    }

    fn bytes_before(wanted: usize, only: Option<Stream>, chunks: &[Chunk<'_>]) -> u64 {
        let mut last = LastLines::new(wanted, only);
        for chunk in chunks {
            last.take(chunk);
        }
        last.bytes_before()
    }

    #[test]
    fn lines_are_counted_from_the_end_and_the_last_may_lack_its_newline() {
        for (text, wanted, before) in [
            ("a\nb\nc\n", 2, 2),
            ("a\nb\nc", 2, 2),
            ("a\nb\nc\n", 3, 0),
            ("a\nb\nc\n", 9, 0),
            ("a\n\n\n", 2, 2),
            ("", 2, 0),
            ("a\nb", 0, 3),
        ] {
            let chunks = [written(Stream::Stdout, text)];
            assert_eq!(bytes_before(wanted, None, &chunks), before, "{text:?}");
        }
    }

    #[test]
    fn a_gap_ends_a_line_and_other_streams_do_not_count() {
        let chunks = [
            written(Stream::Stdout, "one\ntw"),
            Chunk::Omitted(10),
            written(Stream::Stderr, "x\ny\n"),
            written(Stream::Stdout, "end\n"),
        ];
        assert_eq!(bytes_before(1, Some(Stream::Stdout), &chunks), 20);
        assert_eq!(bytes_before(2, Some(Stream::Stdout), &chunks), 4);
        assert_eq!(bytes_before(3, None, &chunks), 16);
    }

    proptest! {
        #[test]
        fn a_cut_into_pieces_changes_nothing(text in "[ab\n]{0,30}", cut: prop::sample::Index, wanted in 0..6_usize) {
            let (first, second) = text.split_at(cut.index(text.len() + 1));
            let pieces = [written(Stream::Stdout, first), written(Stream::Stderr, second)];
            let before = bytes_before(wanted, None, &pieces);
            prop_assert_eq!(before, bytes_before(wanted, None, &[written(Stream::Stdout, &text)]));
            let shown = &text[usize::try_from(before).unwrap()..];
            prop_assert_eq!(shown.lines().count(), text.lines().count().min(wanted));
        }
    }
}
