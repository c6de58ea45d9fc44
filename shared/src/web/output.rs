//! The output of a task as text.

use serde::Serialize;

use crate::error::Result;
use crate::output::{Chunk, Stream};
use crate::queue::Queue;
use crate::runtime::log::{KeptOutput, attempt_log, last_output};
use crate::state::State;
use crate::task::Task;
use crate::text::escape;

/// Most bytes of output in a page: its end.
const MOST_BYTES: u64 = 64 * 1024;

/// Part of an output: its bytes from some position on.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Part {
    /// Position of its end.
    pub(super) end: u64,
    /// Number of bytes before it that are not in it.
    pub(super) before: u64,
    /// Texts in their order.
    pub(super) pieces: Vec<Piece>,
}

/// Text of one stream, or a note.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Piece {
    /// `out`, `err` or `note`.
    pub(super) of: &'static str,
    /// Text with visible controls.
    pub(super) text: String,
}

/// The output of the task's last claim, from `from` on, but only its end if that is long.
///
/// # Errors
/// As the engine, and for a log that cannot be read.
pub(super) fn read<Q: Queue>(queue: &Q, task: &Task, from: u64) -> Result<Part> {
    let Some(mut kept) = last_output(queue, task)? else {
        return Ok(Part::default());
    };
    let mut length = 0;
    kept.again().each(|chunk| length += chunk.length())?;
    let from = from.max(length.saturating_sub(MOST_BYTES));
    let mut gathered = Gathered::default();
    let mut at = 0;
    kept.each(|chunk| {
        gathered.take(chunk, from.saturating_sub(at));
        at += chunk.length();
    })?;
    Ok(gathered.part(from, at, task.state == State::Running))
}

/// The output of an attempt of the task, or of its last claim; `None` if none is kept.
///
/// # Errors
/// As [`read`].
pub(super) fn kept<Q: Queue>(
    queue: &Q,
    task: &Task,
    attempt: Option<u32>,
) -> Result<Option<KeptOutput>> {
    let Some(attempt) = attempt else {
        return last_output(queue, task);
    };
    if let Some(log) = attempt_log(queue, task.id, attempt)? {
        return Ok(Some(log));
    }
    Ok(queue.output_of(task.id, attempt)?.map(KeptOutput::Stored))
}

/// The next bytes of an output, both streams together, and true if there may be more.
///
/// # Errors
/// As [`read`].
pub(super) fn next_bytes(kept: &mut KeptOutput) -> Result<(Vec<u8>, bool)> {
    let mut bytes = Vec::new();
    let is_more = kept.some(|chunk| match chunk {
        Chunk::Written { bytes: some, .. } => bytes.extend_from_slice(some),
        Chunk::Omitted(_) | Chunk::GivenUp => {
            bytes.extend_from_slice(note(chunk).unwrap_or_default().as_bytes());
        }
    })?;
    Ok((bytes, is_more))
}

fn note(chunk: &Chunk<'_>) -> Option<String> {
    match chunk {
        Chunk::Written { .. } => None,
        Chunk::Omitted(bytes) => Some(format!("\n[{bytes} bytes were not kept]\n")),
        Chunk::GivenUp => Some("\n[the rest was not read]\n".to_owned()),
    }
}

/// Bytes of neighbouring pieces of one stream, which may divide a character.
#[derive(Debug, Default)]
struct Gathered {
    pieces: Vec<(&'static str, Vec<u8>)>,
}

impl Gathered {
    /// Takes a piece without its first `skipped` bytes.
    fn take(&mut self, chunk: &Chunk<'_>, skipped: u64) {
        let (of, bytes) = match chunk {
            Chunk::Written { stream, bytes } => {
                let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
                let of = match stream {
                    Stream::Stdout => "out",
                    Stream::Stderr => "err",
                };
                (of, bytes.get(skipped..).unwrap_or_default().to_vec())
            }
            Chunk::Omitted(_) | Chunk::GivenUp if skipped == 0 => {
                ("note", note(chunk).unwrap_or_default().into_bytes())
            }
            Chunk::Omitted(_) | Chunk::GivenUp => return,
        };
        if bytes.is_empty() {
            return;
        }
        match self.pieces.last_mut() {
            Some((last, kept)) if *last == of => kept.extend(bytes),
            Some(_) | None => self.pieces.push((of, bytes)),
        }
    }

    /// The part that ends at `end`. Of a task that runs, a character that is not whole is left for the
    /// next part.
    fn part(mut self, before: u64, mut end: u64, is_running: bool) -> Part {
        if let (true, Some((_, last))) = (is_running, self.pieces.last_mut()) {
            let held_back = incomplete(last);
            last.truncate(last.len() - held_back);
            end -= held_back as u64;
        }
        let pieces = self.pieces.into_iter().map(|(of, bytes)| Piece {
            of,
            text: escape::bytes(&without_colors(&bytes)),
        });
        Part {
            end,
            before,
            pieces: pieces.collect(),
        }
    }
}

/// Number of bytes at the end that begin a character and do not end it.
fn incomplete(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Err(error) if error.error_len().is_none() => bytes.len() - error.valid_up_to(),
        // Other bytes are no character at all; the end is looked at alone.
        Err(_) => {
            let tail = &bytes[bytes.len().saturating_sub(3)..];
            let start = tail.iter().rposition(|byte| *byte >= 0xc0);
            let rest = start.map_or(&[][..], |start| &tail[start..]);
            match std::str::from_utf8(rest) {
                Err(error) if error.error_len().is_none() => rest.len(),
                Ok(_) | Err(_) => 0,
            }
        }
        Ok(_) => 0,
    }
}

/// The bytes without sequences that set colours, which are common in logs.
fn without_colors(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, behind)) = rest.split_first() {
        if *first == 0x1b
            && let Some(parameters) = behind.strip_prefix(b"[")
            && let Some(length) = parameters
                .iter()
                .position(|byte| !matches!(byte, b'0'..=b'9' | b';'))
            && parameters[length] == b'm'
        {
            rest = &parameters[length + 1..];
            continue;
        }
        kept.push(*first);
        rest = behind;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::{Gathered, Part, without_colors};
    use crate::output::{Chunk, Stream};

    fn part(chunks: &[&[u8]], from: u64, is_running: bool) -> Part {
        let mut gathered = Gathered::default();
        let mut at = 0;
        for bytes in chunks {
            let chunk = Chunk::Written {
                stream: Stream::Stdout,
                bytes: (*bytes).into(),
            };
            gathered.take(&chunk, from.saturating_sub(at));
            at += chunk.length();
        }
        gathered.part(from, at, is_running)
    }

    fn text(part: &Part) -> String {
        part.pieces
            .iter()
            .map(|piece| piece.text.as_str())
            .collect()
    }

    #[test]
    fn a_character_between_two_pieces_is_shown_whole() {
        assert_eq!(text(&part(&[b"gr\xc3", b"\xbcn"], 0, false)), "grün");
    }

    #[test]
    fn a_character_that_has_not_arrived_is_left_for_the_next_part() {
        let first = part(&[b"gr\xc3"], 0, true);
        assert_eq!((text(&first).as_str(), first.end), ("gr", 2));
        let next = part(&[b"gr\xc3", b"\xbcn"], first.end, true);
        assert_eq!((text(&next).as_str(), next.end), ("ün", 5));
        let broken = part(&[b"\xff\xff gr\xc3"], 0, true);
        assert_eq!((text(&broken).as_str(), broken.end), ("\\xff\\xff gr", 5));
        assert_eq!(text(&part(&[b"gr\xc3"], 0, false)), "gr\\xc3");
    }

    #[test]
    fn colours_are_left_out_and_other_sequences_are_visible() {
        assert_eq!(without_colors(b"\x1b[1;31mred\x1b[0m \x1b[m."), b"red .");
        assert_eq!(without_colors(b"\x1b[2J\x1b[31"), b"\x1b[2J\x1b[31");
        assert_eq!(text(&part(&[b"\x1b[2Ja\x00"], 0, false)), "\\x1b[2Ja\\x00");
    }
}
