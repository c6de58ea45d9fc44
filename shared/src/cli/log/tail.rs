//! The end of a task's output as lines.

use std::collections::VecDeque;

use super::terminal_text::TerminalText;
use crate::error::Result;
use crate::output::{Chunk, Stream};
use crate::queue::Queue;
use crate::runtime::log::{KeptOutput, last_output, unreadable};
use crate::state::State;
use crate::task::Task;

/// Bytes at the end of an output that are kept at least.
const KEPT_BYTES: usize = 64 << 10;

/// The end of a task's output, read on as it grows: some 64 KiB are kept of it.
#[derive(Default)]
pub(in super::super) struct Tail {
    /// Claim and state of the task when its output was looked for.
    of: Option<(i64, State)>,
    output: Option<KeptOutput>,
    end: End,
}

impl Tail {
    /// The last lines of the output of the task's last claim, with visible controls and without colours.
    /// Reads a log from its beginning once, then the part that is new.
    ///
    /// # Errors
    /// As the engine, and for a log that cannot be read.
    pub(in super::super) fn lines<Q: Queue>(
        &mut self,
        queue: &Q,
        task: &Task,
    ) -> Result<Vec<String>> {
        self.read_on(task, || last_output(queue, task))
    }

    fn read_on(
        &mut self,
        task: &Task,
        find: impl FnOnce() -> Result<Option<KeptOutput>>,
    ) -> Result<Vec<String>> {
        let of = Some((task.token, task.state));
        let goes_on = match &mut self.output {
            Some(KeptOutput::Log(reader))
                if self.of.map(|(token, _)| token) == Some(task.token) =>
            {
                let end = &mut self.end;
                let is_there = reader.read(|chunk| end.take(&chunk)).map_err(unreadable)?;
                is_there && reader.token() == Some(task.token.cast_unsigned())
            }
            // It does not change any more.
            Some(KeptOutput::Stored(_)) => self.of == of,
            Some(KeptOutput::Log(_)) | None => false,
        };
        if !goes_on {
            *self = Self {
                of,
                output: find()?,
                end: End::default(),
            };
            if let Some(output) = &mut self.output {
                let end = &mut self.end;
                output.each(|chunk| end.take(chunk))?;
            }
        }
        Ok(self.end.lines())
    }
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

    fn lines(&self) -> Vec<String> {
        let mut joined: Vec<(Option<Stream>, Vec<u8>)> = Vec::new();
        for (stream, bytes) in &self.pieces {
            match joined.last_mut() {
                Some((last, kept)) if last == stream => kept.extend(bytes),
                Some(_) | None => joined.push((*stream, bytes.clone())),
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
    use std::fs::{self, OpenOptions};
    use std::io::Write as _;

    use super::super::super::tasks::tests::ended;
    use super::{End, KEPT_BYTES, Tail};
    use crate::output::{Chunk, Output, Stream};
    use crate::runtime::log::{KeptOutput, LogReader};
    use crate::state::State;
    use crate::task::Task;

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

    fn frames(text: &str) -> Vec<u8> {
        let mut output = Output::default();
        output.push(Stream::Stdout, text.as_bytes());
        output.0
    }

    /// The beginning is damaged after it was read: whoever reads it again fails.
    #[test]
    fn a_log_that_grows_is_read_on_and_the_log_of_the_next_claim_from_its_beginning() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1.1");
        let task = Task {
            state: State::Running,
            token: 7,
            ..ended(1)
        };
        let log = || {
            Ok(Some(KeptOutput::Log(Box::new(LogReader::new(
                path.clone(),
            )))))
        };
        let mut tail = Tail::default();
        let none = || Ok(None);
        assert!(tail.read_on(&task, none).unwrap().is_empty());
        fs::write(&path, [b"t7\n".to_vec(), frames("one\n")].concat()).unwrap();
        assert_eq!(tail.read_on(&task, log).unwrap(), ["one"]);
        let damaged = fs::read(&path).unwrap().len();
        let mut file = OpenOptions::new().write(true).open(&path).unwrap();
        file.write_all(&vec![b'?'; damaged]).unwrap();
        file.write_all(&frames("two\n")).unwrap();
        assert_eq!(tail.read_on(&task, none).unwrap(), ["one", "two"]);
        let next = Task { token: 8, ..task };
        fs::write(&path, [b"t8\n".to_vec(), frames("three\n")].concat()).unwrap();
        assert_eq!(tail.read_on(&next, log).unwrap(), ["three"]);
        let stored = || Ok(Some(KeptOutput::Stored(Output(frames("four\n")))));
        let ended = Task {
            state: State::Failed,
            token: 9,
            ..next
        };
        assert_eq!(tail.read_on(&ended, stored).unwrap(), ["four"]);
        assert_eq!(tail.read_on(&ended, none).unwrap(), ["four"]);
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
