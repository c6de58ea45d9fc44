//! The end of a task's output as lines.

use std::collections::VecDeque;

use super::terminal_text::TerminalText;
use crate::error::Result;
use crate::output::{Chunk, Stream};
use crate::queue::Queue;
use crate::runtime::log::last_output;
use crate::task::Task;

/// Bytes at the end of an output that are kept at least.
const KEPT_BYTES: usize = 64 << 10;

/// The last lines of the output of the task's last claim, with visible controls and without colours.
/// Some 64 KiB of it.
///
/// # Errors
/// As the engine, and for a log that cannot be read.
pub(in super::super) fn tail<Q: Queue>(queue: &Q, task: &Task) -> Result<Vec<String>> {
    let mut end = End::default();
    if let Some(mut kept) = last_output(queue, task)? {
        kept.each(|chunk| end.take(chunk))?;
    }
    Ok(end.lines())
}

/// The last pieces of an output; those without a stream are notes.
#[derive(Default)]
struct End {
    pieces: VecDeque<(Option<Stream>, Vec<u8>)>,
    bytes: usize,
    is_cut: bool,
}

impl End {
    fn take(&mut self, chunk: &Chunk<'_>) {
        let piece = match chunk {
            Chunk::Written { stream, bytes } => (Some(*stream), bytes.to_vec()),
            Chunk::Omitted(bytes) => {
                let note = format!("\n[{bytes} bytes were not kept]\n");
                (None, note.into_bytes())
            }
            Chunk::GivenUp => (None, b"\n[the rest was not read]\n".to_vec()),
        };
        self.bytes += piece.1.len();
        self.pieces.push_back(piece);
        while let Some((_, first)) = self.pieces.front()
            && self.bytes - first.len() >= KEPT_BYTES
        {
            self.bytes -= first.len();
            self.pieces.pop_front();
            self.is_cut = true;
        }
    }

    fn lines(self) -> Vec<String> {
        let mut joined: Vec<(Option<Stream>, Vec<u8>)> = Vec::new();
        for (stream, bytes) in self.pieces {
            match joined.last_mut() {
                Some((last, kept)) if *last == stream => kept.extend(bytes),
                Some(_) | None => joined.push((stream, bytes)),
            }
        }
        let mut shown = TerminalText::new(false);
        let mut text = String::new();
        for (stream, bytes) in joined {
            text += &shown.text(stream.unwrap_or(Stream::Stdout), &bytes);
        }
        let lines = text.lines().map(|line| line.replace('\t', "    "));
        // The first line has lost its beginning.
        lines.skip(usize::from(self.is_cut)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{End, KEPT_BYTES};
    use crate::output::{Chunk, Stream};

    fn written(stream: Stream, bytes: &[u8]) -> Chunk<'static> {
        Chunk::Written {
            stream,
            bytes: bytes.to_vec().into(),
        }
    }

    #[test]
    fn characters_between_pieces_are_whole_and_controls_are_visible() {
        let mut end = End::default();
        end.take(&written(Stream::Stdout, b"gr\xc3"));
        end.take(&written(Stream::Stdout, b"\xbcn\tx\x1b[31m red\n\x1b[2J"));
        end.take(&Chunk::Omitted(7));
        assert_eq!(
            end.lines(),
            ["grün    x red", "\\x1b[2J", "[7 bytes were not kept]"]
        );
    }

    #[test]
    fn only_the_end_of_a_long_output_is_held() {
        let mut end = End::default();
        let line = [vec![b'x'; 1023], vec![b'\n']].concat();
        for _ in 0..1000 {
            end.take(&written(Stream::Stderr, &line));
            assert!(end.bytes < KEPT_BYTES + line.len());
        }
        assert_eq!(end.lines().len(), KEPT_BYTES / line.len() - 1);
    }
}
